"""IFCA: a detector for each cluster of clients, who choose among them."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from fednids.algorithms.interface import (
    Aggregate,
    Aggregation,
    Algorithm,
    Arrays,
    Client,
    RoundStart,
    WeightedMean,
)
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Architecture, Weights
from fednids.seeding import Stream, generator


class Ifca(Algorithm):
    """Iterative federated clustering by model averaging.

    Ghosh et al., "An Efficient Framework for Clustered Federated Learning", NeurIPS 2020,
    algorithm 1, option II. A client takes the cluster's detector with the least loss on its
    training flows, trains it, and sends which it was. Of equal losses the first is taken; so is it
    by a client without training flows. The new weights of a cluster are the mean over those who
    chose it. The paper's mean counts clients, ours windows, so that one cluster is FedAvg. A
    cluster that nobody chose stays as it is.

    The global weights are the clusters' detectors, one after the other. The first begins as
    the run's initial weights, the others as draws of their own.
    """

    class Settings(Section):  # noqa: D106
        clusters: int = Field(
            2, ge=1, le=16, description="number of clusters, each with a detector"
        )

    settings: Settings
    personal: ClassVar[bool] = True

    def initial_weights(self, network: Architecture, seed: int) -> Weights:
        """Return the weights of every cluster, one after the other."""
        others = range(1, self.settings.clusters)
        drawn = [network.initial_weights(generator(seed, Stream.WEIGHTS, k)) for k in others]
        return np.concatenate([super().initial_weights(network, seed), *drawn])

    def update_size(self, size: int) -> int:
        """Return the number of weights of one detector."""
        return size // self.settings.clusters

    def reference(self, weights: Weights, choice: int) -> Weights:
        """Return the weights of the chosen cluster."""
        if not 0 <= choice < self.settings.clusters:
            raise ValueError(
                f"expected a choice from 0 to {self.settings.clusters - 1}, got {choice}"
            )
        size = self.update_size(len(weights))
        return weights[choice * size : (choice + 1) * size]

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Choose a cluster, and train its detector."""
        choice, loss = self._choose(client, weights)
        update = client.fit(self.reference(weights, choice)).update
        return replace(update, choice=choice, start_loss=loss)

    def detector(self, client: Client, weights: Weights, received: Arrays) -> Weights:
        """Return the detector that now fits best."""
        return self.reference(weights, self._choose(client, weights)[0])

    def begin(self, start: RoundStart) -> Aggregation:
        """Return a mean for each cluster."""
        return _Clusters(self, start)

    def _choose(self, client: Client, weights: Weights) -> tuple[int, float]:
        clusters = range(self.settings.clusters)
        losses = [client.training_loss(self.reference(weights, k)) for k in clusters]
        choice = int(np.argmin(np.nan_to_num(losses, nan=np.inf)))
        return choice, losses[choice]


class _Clusters:
    def __init__(self, ifca: Ifca, start: RoundStart):
        clusters = range(ifca.settings.clusters)
        self._starts = [ifca.reference(start.weights, k) for k in clusters]
        self._means = [WeightedMean() for _ in clusters]

    def add(self, update: Update) -> None:
        self._means[update.choice].add(update.weights, update.examples)

    def finish(self) -> Aggregate:
        pairs = zip(self._means, self._starts, strict=True)
        found = [m.value.astype(np.float32) if m.count else start for m, start in pairs]
        log = {"clusters": [mean.count for mean in self._means]}
        return Aggregate(np.concatenate(found), log=log)
