"""IFCA at the server: a mean for each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from fednids.config import Config
from fednids.messages.values import Update
from fednids.networks.interface import Architecture, Weights
from fednids.seeding import Stream, generator
from fednids.training.initial import opening_weights
from server.aggregation import Aggregation, RunningMean, nobody
from server.strategies.leading import Leading


class Ifca(Leading):
    """Iterative federated clustering by model averaging, the server's half.

    Ghosh et al., "An Efficient Framework for Clustered Federated Learning", NeurIPS 2020,
    algorithm 1, option II: the new weights of a cluster are the mean over those who chose it.
    Theirs counts gateways, ours windows, so that one cluster is FedAvg. A cluster that nobody
    chose stays as it is.

    The global weights are the clusters' detectors, one after the other. The first begins as
    the run's opening weights, the others as draws of their own.

    Parameters
    ----------
    clusters : int
        How many, at least 1.
    """

    personal: ClassVar[bool] = True

    def __init__(self, clusters: int):
        super().__init__()
        self.clusters = clusters
        self._chosen: list[int] = []

    def opening(self, architecture: Architecture, config: Config) -> Weights:
        """Draw the weights of every cluster."""
        seed = config.run.seed
        others = (generator(seed, Stream.WEIGHTS, place) for place in range(1, self.clusters))
        drawn = [architecture.initial_weights(rng) for rng in others]
        return np.concatenate([opening_weights(architecture, config), *drawn])

    def reply_size(self, size: int) -> int:
        """Give the weights of one detector."""
        return size // self.clusters

    def reference(self, start: Weights, update: Update) -> Weights:
        """Give the weights of the chosen cluster."""
        if not 0 <= update.choice < self.clusters:
            raise ValueError(
                f"expected a choice from 0 to {self.clusters - 1}, got {update.choice}"
            )
        size = self.reply_size(len(start))
        return start[update.choice * size : (update.choice + 1) * size]

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        self.tell([0] * self.clusters)
        return _Round(self, start)

    def story(self) -> Mapping[str, Any]:
        """Tell how many chose each cluster."""
        return {"clusters": self._chosen}

    def tell(self, chosen: Sequence[int]) -> None:
        """Learn how many chose each cluster in the round that has ended."""
        self._chosen = list(chosen)


class _Round:
    """One round of `Ifca`."""

    def __init__(self, strategy: Ifca, start: Weights):
        self._strategy = strategy
        self._starts = start.reshape(strategy.clusters, -1)
        self._means = [RunningMean() for _ in self._starts]
        self._chosen = [0] * strategy.clusters

    def add(self, update: Update) -> None:
        """Add an update to its cluster's mean."""
        self._means[update.choice].add(update)
        self._chosen[update.choice] += 1

    def weights(self, server_round: int) -> Weights:
        """Put the clusters one after the other."""
        if not any(self._chosen):
            raise nobody(server_round)
        self._strategy.tell(self._chosen)
        parts = zip(self._means, self._chosen, self._starts, strict=True)
        found = [mean.weights(server_round) if n else start for mean, n, start in parts]
        return np.concatenate(found)
