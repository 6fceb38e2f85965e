"""SCAFFOLD at the gateway: gradients corrected by control variates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clients.methods.method import Given, Site
from clients.methods.plain import Plain
from fednids.messages.values import Update
from fednids.training.objective import Correction, Terms

CONTROL = "control"
"""Name of the control variates, on the wire and in the memory."""


class Scaffold(Plain):
    r"""Stochastic controlled averaging, the gateway's half.

    Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
    ICML 2020, algorithm 1, lines 7 to 14: each step goes along
    :math:`g_i(y) - c_i + c`; then :math:`c_i^+` is the mean of the :math:`g_i(y)` on the way.
    Under plain gradient descent that is the paper's option II,
    :math:`c_i - c + (x - y_i) / (K \eta_l)`; under Adam, where that difference is no mean of
    gradients, it still is one.
    """

    def train(self, site: Site, given: Given) -> Update:
        """Train with the correction; send how the own control variate has changed."""
        nothing = np.zeros_like(given.weights)
        own = site.recall(given.task.server_round - 1).get(CONTROL, nothing)
        shift = given.extras[CONTROL] - own
        fitted = site.fit(
            given.weights, given.task, Correction(Terms(shift=True, tracked=True), shift=shift)
        )
        assert fitted.gradient is not None
        site.remember(**{CONTROL: fitted.gradient})
        return replace(fitted.update, extras={CONTROL: fitted.gradient - own})
