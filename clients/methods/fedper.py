"""FedPer at the gateway: the last layers are its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clients.methods.method import Given, Site
from clients.methods.plain import Plain
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.initial import opening_architecture, opening_weights

_LAYERS = "layers"
"""Name of the personal layers in the memory."""


class FedPer(Plain):
    """Personalisation layers, the gateway's half.

    Arivazhagan et al., "Federated Learning with Personalization Layers", 2019,
    https://arxiv.org/abs/1912.00818, algorithm 1: base layers come from the server, personal
    layers are those that the gateway had; both are trained together, and the base alone is
    sent. Personal layers begin as the run's opening weights, alike at all gateways.
    """

    def train(self, site: Site, given: Given) -> Update:
        """Train both; keep the personal layers."""
        own = _layers(site, given, given.task.server_round - 1)
        update = site.fit(np.concatenate([given.weights, own]), given.task).update
        base = len(given.weights)
        site.remember(**{_LAYERS: update.weights[base:]})
        return replace(update, weights=update.weights[:base])

    def detector(self, site: Site, given: Given) -> Weights:
        """Judge by the base with the personal layers on it."""
        own = _layers(site, given, given.task.server_round)
        return np.concatenate([given.weights, own])


def _layers(site: Site, given: Given, server_round: int) -> Weights:
    """Give the personal layers as they were after a round."""
    kept = site.recall(server_round).get(_LAYERS)
    if kept is not None:
        return kept
    architecture = opening_architecture(given.task, site.config)
    return opening_weights(architecture, site.config)[len(given.weights) :]
