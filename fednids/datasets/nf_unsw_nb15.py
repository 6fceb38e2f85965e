"""NF-UNSW-NB15: nine kinds of attacks by a traffic generator.

References
----------
M. Sarhan et al., BDTA 2020, doi 10.1007/978-3-030-72802-1_9, Table 1. The testbed: N. Moustafa and
J. Slay, "UNSW-NB15: a comprehensive data set for network intrusion detection systems", MilCIS 2015,
doi 10.1109/MilCIS.2015.7348942.
"""

from fednids.datasets.netflow import netflow, netflow_v3

NF_UNSW_NB15 = netflow(
    "nf-unsw-nb15",
    "NF-UNSW-NB15",
    (
        "Analysis", "Backdoor", "DoS", "Exploits", "Fuzzers", "Generic", "Reconnaissance",
        "Shellcode", "Worms",
    ),
    source="University of Queensland, for research",
)  # fmt: skip
NF_UNSW_NB15_V3 = netflow_v3(NF_UNSW_NB15)
