"""The fleet that benchmarks train: gateways of equal size, windows of shape (10, 8), five classes.

Numbers drawn at random, not flows: only their shapes matter for speed, and a label that can
be learned, so that losses can be compared.
"""

from __future__ import annotations

import numpy as np

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.flows.prepared import Origin, PreparedFlows
from fednids.flows.split import Split
from partitions import PartitionPlan

FEATURES = 8
FLOWS = "toy-flows"
"""Key of the run config: flows of each gateway."""

NETWORK: dict[str, object] = {
    "data.window": 10,
    "model.channels": [32],
    "model.kernel": 3,
    "model.pools": [2],
    "model.hidden": 64,
    "model.dense": 0,
}
PLAIN: dict[str, object] = {
    "train.learning_rate": 1e-3,
    "train.final_rate_share": 1.0,
    "train.balance": 0.0,
    "train.shuffle": False,
    "strategy.name": "fedavg",
}


def toy_config(gateways: int, **settings: object) -> Config:
    """Settings that PyTorch's peers have too; ``__`` stands for the dot."""
    changed = {name.replace("__", "."): value for name, value in settings.items()}
    return Config.resolve({**NETWORK, **PLAIN, "partition.gateways": gateways, **changed})


def toy_fleet(gateways: int, flows: int, seed: int = 1) -> FederatedDataset:
    """Draw gateways with so many flows each; none is a test flow."""
    rng = np.random.default_rng(seed)
    total = gateways * flows
    vectors = rng.standard_normal((total, FEATURES)).astype(np.float32)
    attack = (2 * (vectors[:, :4].sum(1) > 0) + (vectors[:, 7] > 0)).astype(np.uint8)
    hosts = np.zeros(total, np.int32)
    origin = Origin("toy", "0" * 64, "nf-bot-iot", "v1", "v1", True)
    names = tuple(f"feature{place}" for place in range(FEATURES))
    order = np.arange(total, dtype=np.int32)
    prepared = PreparedFlows(
        origin, NF_BOT_IOT.classes, names, names, vectors.astype(np.float64), vectors, order,
        attack, hosts, hosts, ("",),
    )  # fmt: skip
    none = np.zeros(total, bool)
    plan = PartitionPlan("toy", (order // flows).astype(np.int32), gateways)
    return FederatedDataset(prepared, Split(none, none), plan, NF_BOT_IOT.classes)
