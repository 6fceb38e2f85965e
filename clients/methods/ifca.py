"""IFCA at the gateway: the detector of several that fits best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from clients.methods.method import Given, Site
from clients.methods.plain import Plain
from fednids.messages.values import Update
from fednids.networks.interface import Weights


class Ifca(Plain):
    """Iterative federated clustering, the gateway's half.

    Ghosh et al., "An Efficient Framework for Clustered Federated Learning", NeurIPS 2020,
    algorithm 1: of the clusters' detectors take the one with the least loss on the training
    flows, train it, and say which it was. Of equal losses the first is taken; so is it by a
    gateway without training flows.
    """

    def train(self, site: Site, given: Given) -> Update:
        """Choose, and train the chosen."""
        choice, loss = _choose(site, given)
        update = site.fit(_clusters(site, given)[choice], given.task).update
        return replace(update, choice=choice, start_loss=loss)

    def reference(self, given: Given, update: Update) -> Weights:
        """Measure changes from the chosen cluster's weights."""
        size = len(update.weights)
        return given.weights[update.choice * size : (update.choice + 1) * size]

    def detector(self, site: Site, given: Given) -> Weights:
        """Judge by the detector that now fits best."""
        chosen: Weights = _clusters(site, given)[_choose(site, given)[0]]
        return chosen


def _choose(site: Site, given: Given) -> tuple[int, float]:
    """Give the cluster with the least training loss, and that loss."""
    losses = [site.training_loss(each, given.task) for each in _clusters(site, given)]
    choice = int(np.argmin(np.nan_to_num(losses, nan=np.inf)))
    return choice, losses[choice]


def _clusters(site: Site, given: Given) -> NDArray[np.float32]:
    """Give the clusters' weights, a row each."""
    rows: NDArray[np.float32] = given.weights.reshape(site.config.federation.clusters, -1)
    return rows
