"""A server with flows of its own: FLTrust's root set, and training on it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fednids.algorithms import find_algorithm
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.flows.split import limit_flows
from fednids.flows.windows import SeparateWindows
from fednids.messages.values import Task
from fednids.networks.interface import Weights
from fednids.seeding import Stream, generator


class Root:
    """Trains on the root set as gateways train; nothing is drawn before it is needed.

    Parameters
    ----------
    config : Config
        Settings of the run.
    dataset : FederatedDataset
        All gateways' flows, as they were measured: no malicious client has changed these.
    """

    def __init__(self, config: Config, dataset: FederatedDataset):
        self._config, self._dataset = config, dataset

    def __call__(self, weights: Weights, task: Task) -> Weights:
        """Train ``(P,) float32`` weights with the settings of the task's round."""
        from fednids.training.local import open_trainer  # needs MindSpore, as few servers do

        rng = generator(self._config.run.seed, Stream.ROOT, task.server_round)
        trainer = open_trainer(self._config)
        return trainer.train_on(self._windows, weights, task, rng)

    @cached_property
    def _windows(self) -> SeparateWindows:
        config = self._config
        rng = generator(config.run.seed, Stream.ROOT)
        count = find_algorithm(config).clean_flows
        return root_windows(self._dataset, count, length=config.data.window, rng=rng)


def root_windows(
    dataset: FederatedDataset, count: int, *, length: int, rng: np.random.Generator
) -> SeparateWindows:
    """Draw the root set from the training flows of all gateways, where they stay as well.

    Cao et al., "FLTrust", NDSS 2021, case I: a sample of the union of the clients' clean training
    data. Theirs is uniform; here classes have their shares, and none is missing while there
    is room for all. A flow comes with the window that it ends at its gateway.

    Parameters
    ----------
    dataset : FederatedDataset
        The gateways.
    count : int
        Number of flows; all where there are fewer.
    length : int
        Flows in a window ``T``.
    rng : numpy.random.Generator
        Makes the choice.
    """
    trained = np.flatnonzero(dataset.split.training)
    chosen = trained[limit_flows(dataset.labels[trained].astype(np.uint8), count, rng)]
    owners = dataset.plan.assignment[chosen]
    orders, labels = [], []
    for partition_id in np.unique(owners):
        rows = dataset.plan.rows(partition_id)
        ends = np.searchsorted(rows[dataset.split.training[rows]], chosen[owners == partition_id])
        windows = dataset.training(int(partition_id))
        orders.append(windows.vectors(ends[:, None], np.arange(1 - length, 1)).ravel())
        labels.append(windows.labels[ends])
    return SeparateWindows(np.concatenate(orders), np.concatenate(labels))
