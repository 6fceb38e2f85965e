"""NF-ToN-IoT: nine attacks on devices, systems and network of a laboratory.

References
----------
M. Sarhan et al., BDTA 2020, doi 10.1007/978-3-030-72802-1_9, Table 3. The files have the classes in
lower case. The testbed: N. Moustafa, "A new distributed architecture for evaluating AI-based
security systems at the edge: Network TON_IoT datasets", Sustainable Cities and Society 72, 2021.
"""

from fednids.datasets.netflow import netflow, netflow_v3

_ATTACKS = (
    "Backdoor", "DDoS", "DoS", "Injection", "MITM", "Password", "Ransomware", "Scanning", "XSS",
)  # fmt: skip

NF_TON_IOT = netflow(
    "nf-ton-iot",
    "NF-ToN-IoT",
    _ATTACKS,
    {name.lower(): name for name in _ATTACKS},
    source="University of Queensland, for research",
)
NF_TON_IOT_V3 = netflow_v3(NF_TON_IOT)
