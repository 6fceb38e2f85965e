"""NF-UQ-NIDS: the flows of the four data sets together, attacks in their parent categories.

References
----------
M. Sarhan et al., BDTA 2020, doi 10.1007/978-3-030-72802-1_9: tools of denial of service are called
DoS and DDoS, brute force is one class, and SQL injection is injection.
"""

from fednids.datasets.netflow import netflow, netflow_v3
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.datasets.nf_cse_cic_ids2018 import NF_CSE_CIC_IDS2018
from fednids.datasets.nf_ton_iot import NF_TON_IOT
from fednids.datasets.nf_unsw_nb15 import NF_UNSW_NB15

_PARENTS = {
    "Brute": "Brute Force",
    "DDOS": "DDoS",
    "DDoS": "DDoS",
    "DoS": "DoS",
    "FTP": "Brute Force",
    "SQL": "Injection",
    "SSH": "Brute Force",
}
_TOOLS = {
    tool: _PARENTS.get(tool.replace("-", " ").split()[0], tool)
    for tool in NF_CSE_CIC_IDS2018.classes
}
_PARTS = (NF_BOT_IOT, NF_TON_IOT, NF_UNSW_NB15)
_ATTACKS = {name for part in _PARTS for name in part.classes} | set(_TOOLS.values())

NF_UQ_NIDS = netflow(
    "nf-uq-nids",
    "NF-UQ-NIDS",
    tuple(sorted(_ATTACKS - {"Benign"}, key=str.lower)),
    {**_TOOLS, **NF_TON_IOT.spellings},
    source="University of Queensland, for research",
)
NF_UQ_NIDS_V3 = netflow_v3(NF_UQ_NIDS)
