"""The simulated fleet: the flows of a run, split, and dealt to gateways.

A `Fleet` is a function of the settings. Server, clients and arms each open their own, in
whatever process they are, and get the same one: columns are mapped from the cache, split
and plan are drawn from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config, PartitionConfig
from fednids.flows.prepared import PreparedFlows
from fednids.flows.scaling import Moments
from fednids.flows.schema import BENIGN, CLASSES
from fednids.flows.source import load_flows
from fednids.flows.split import Split, split_flows
from fednids.flows.windows import Windows
from fednids.seeding import Stream, generator
from partitions import PartitionParameters, PartitionPlan, deal_flows

BINARY_CLASSES = ("Benign", "Attack")


def class_names(classes: int) -> tuple[str, ...]:
    """Give the names of a detector's classes, five or two."""
    return CLASSES if classes == len(CLASSES) else BINARY_CLASSES


@dataclass(frozen=True)
class Fleet:
    """Flows, split and plan.

    Attributes
    ----------
    flows : PreparedFlows
        All flows of the run.
    split : Split
        Which of them are test flows.
    plan : PartitionPlan
        Which gateway owns each.
    classes : tuple[str, ...]
        Names of the classes to tell apart.
    """

    flows: PreparedFlows
    split: Split
    plan: PartitionPlan
    classes: tuple[str, ...]

    @classmethod
    def open(cls, config: Config) -> Fleet:
        """Load, split and deal the flows as the settings say.

        Raises
        ------
        DataError, PartitionError, ConfigError
            The flows cannot be read, split or dealt so.
        """
        seed = config.run.seed
        flows = load_flows(config.data, seed)
        how, share = config.data.split, config.data.test_share
        split = split_flows(flows, how, share, generator(seed, Stream.SPLIT))
        plan = _deal(config.partition, flows, generator(seed, Stream.PARTITION))
        return cls(flows, split, plan, class_names(config.model.classes))

    def pooled(self) -> Fleet:
        """Give the fleet of one gateway that owns all flows, for the centralised arm."""
        everything = np.zeros(len(self.flows), np.int32)
        return Fleet(self.flows, self.split, PartitionPlan("pooled", everything, 1), self.classes)

    @property
    def gateways(self) -> int:
        """Number of gateways ``K``."""
        return self.plan.gateways

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """``(N,) int32`` class of each flow, among `classes`."""
        attack = np.asarray(self.flows.attack)
        return (attack if self.classes == CLASSES else attack != BENIGN).astype(np.int32)

    @property
    def training_sizes(self) -> tuple[int, ...]:
        """Number of training windows of each gateway."""
        owners = self.plan.assignment[~self.split.test]
        return tuple(np.bincount(owners, minlength=self.gateways).tolist())

    def training(self, partition_id: int) -> Windows:
        """Give a gateway's training windows."""
        rows = self.plan.rows(partition_id)
        return self._windows(rows[~self.split.test[rows]])

    def testing(self, partition_id: int) -> Windows:
        """Give a gateway's test windows."""
        rows = self.plan.rows(partition_id)
        return self._windows(rows[self.split.test[rows]])

    def novel(self, partition_id: int) -> NDArray[np.bool_]:
        """Tell which of a gateway's test windows end in a novel flow."""
        rows = self.plan.rows(partition_id)
        novel: NDArray[np.bool_] = self.split.novel[rows[self.split.test[rows]]]
        return novel

    def moments(self, partition_id: int) -> Moments:
        """Sum up a gateway's training flows, for the scaler."""
        return Moments.of(self.flows.vectors, self.training(partition_id))

    def support(self, windows: Windows) -> NDArray[np.int64]:
        """Count windows by class, ``(C,)``."""
        return np.bincount(windows.labels, minlength=len(self.classes))

    def _windows(self, rows: NDArray[np.int64]) -> Windows:
        return Windows(np.asarray(self.flows.vector[rows]), self.labels[rows])


def _deal(
    partition: PartitionConfig, flows: PreparedFlows, rng: np.random.Generator
) -> PartitionPlan:
    parameters = PartitionParameters(
        partition.alpha, partition.classes_per_gateway, partition.minimum
    )
    labels = np.asarray(flows.attack)
    return deal_flows(
        partition.scheme, labels, gateways=partition.gateways, parameters=parameters, rng=rng
    )
