"""Plain local training, which most strategies share."""

from __future__ import annotations

from dataclasses import replace

from clients.methods.method import Given, Site
from fednids.messages.values import Update
from fednids.networks.interface import Weights


class Plain:
    """Train the global weights, with FedProx's pull where the task has one."""

    def train(self, site: Site, given: Given) -> Update:
        """Train."""
        return site.fit(given.weights, given.task).update

    def reference(self, given: Given, update: Update) -> Weights:
        """Measure changes from the global weights."""
        return given.weights

    def detector(self, site: Site, given: Given) -> Weights:
        """Judge by the global detector."""
        return given.weights


class TellingStartLoss(Plain):
    """Plain training that says how bad the global weights were before: q-FedAvg's ``F_k``."""

    def train(self, site: Site, given: Given) -> Update:
        """Score, then train."""
        loss = site.training_loss(given.weights, given.task)
        return replace(super().train(site, given), start_loss=loss)
