"""Ditto at the gateway: a detector of its own beside its copy of the global one."""

from __future__ import annotations

from clients.methods.method import Given, Site
from clients.methods.plain import Plain
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Correction, Terms

_OWN = "personal"
"""Name of the gateway's own detector in the memory."""


class Ditto(Plain):
    r"""Personal detectors that are pulled towards the global one.

    Li et al., "Ditto: Fair and Robust Federated Learning Through Personalization", ICML 2021,
    algorithm 1: the global weights :math:`w_t` are trained as with FedAvg, and sent; then the
    gateway's own :math:`v_k` is trained on
    :math:`F_k(v) + \frac\lambda2 \|v - w_t\|^2` (their :math:`h_k`), and stays. It begins as the
    global weights that the gateway gets first.

    Both trainings have a pull, the global one of strength 0, so that one graph serves.
    """

    def train(self, site: Site, given: Given) -> Update:
        """Train both; keep the own one."""
        start, strength = given.weights, site.config.federation.ditto_lambda
        terms = Terms(pull=True)
        update = site.fit(start, given.task, Correction(terms)).update
        own = site.recall(given.task.server_round - 1).get(_OWN, start)
        pulled = Correction(terms, strength, anchor=start, course=1)
        site.remember(**{_OWN: site.fit(own, given.task, pulled).update.weights})
        return update

    def detector(self, site: Site, given: Given) -> Weights:
        """Judge by the own detector; by the global one before the first training."""
        return site.recall(given.task.server_round).get(_OWN, given.weights)
