"""NF-BoT-IoT: floods, scans and theft in a laboratory's Internet of Things.

References
----------
M. Sarhan et al., BDTA 2020, doi 10.1007/978-3-030-72802-1_9, Table 2 (v1), and Mobile Networks and
Applications 27, 2022, doi 10.1007/s11036-021-01843-0 (v2). The testbed: N. Koroniotis et al.,
"Towards the development of realistic botnet dataset in the Internet of Things for network
forensic analytics: Bot-IoT dataset", Future Generation Computer Systems 100, 2019. v1's checksum
and size are those in two public Git LFS pointers.
"""

from fednids.datasets.netflow import netflow, netflow_v3
from fednids.datasets.spec import PublishedFile

NF_BOT_IOT = netflow(
    "nf-bot-iot",
    "NF-BoT-IoT",
    ("DDoS", "DoS", "Reconnaissance", "Theft"),
    published=(
        PublishedFile(
            "NF-BoT-IoT v1 as published",
            "0dcaeb12918dccee4127e537863366958a2fdc222fda06e0b1b0458c31a429ff",
            49_056_932,
        ),
    ),
    synthesiser="fednids.flows.synthetic.synthesis:synthesise",
    source="University of Queensland, for research",
)
NF_BOT_IOT_V3 = netflow_v3(NF_BOT_IOT)
