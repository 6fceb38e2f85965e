"""NF-CSE-CIC-IDS2018: fourteen attacks, by the tool, on a company's network in the cloud.

References
----------
M. Sarhan et al., BDTA 2020, doi 10.1007/978-3-030-72802-1_9, Table 4; the spelling is the files'.
The testbed: I. Sharafaldin et al., "Toward generating a new intrusion detection dataset and
intrusion traffic characterization", ICISSP 2018, doi 10.5220/0006639801080116.
"""

from fednids.datasets.netflow import netflow, netflow_v3

NF_CSE_CIC_IDS2018 = netflow(
    "nf-cse-cic-ids2018",
    "NF-CSE-CIC-IDS2018",
    (
        "Bot", "Brute Force -Web", "Brute Force -XSS", "DDOS attack-HOIC", "DDOS attack-LOIC-UDP",
        "DDoS attacks-LOIC-HTTP", "DoS attacks-GoldenEye", "DoS attacks-Hulk",
        "DoS attacks-SlowHTTPTest", "DoS attacks-Slowloris", "FTP-BruteForce", "Infilteration",
        "SQL Injection", "SSH-Bruteforce",
    ),
    source="University of Queensland, for research",
)  # fmt: skip
NF_CSE_CIC_IDS2018_V3 = netflow_v3(NF_CSE_CIC_IDS2018)
