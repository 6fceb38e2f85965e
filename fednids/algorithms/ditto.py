"""Ditto: a detector of each client's own beside the global one."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fednids.algorithms.interface import Algorithm, Arrays, Client
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective, Proximal


class Ditto(Algorithm):
    r"""Personal detectors that are pulled towards the global one.

    Li et al., "Ditto: Fair and Robust Federated Learning Through Personalization", ICML 2021,
    algorithm 1: the global weights :math:`w_t` are trained as with FedAvg, and sent; then the
    client's own :math:`v_k` is trained on
    :math:`F_k(v) + \frac\lambda2 \|v - w_t\|^2` (their :math:`h_k`), and stays. It begins as the
    global weights that the client gets first.

    Both trainings have a proximal term, the global one of strength 0, so that one graph serves.
    """

    class Settings(Section):  # noqa: D106
        ditto_lambda: float = Field(
            0.1, ge=0, description="Ditto's lambda: pull of a client's own detector to the global"
        )

    settings: Settings
    personal: ClassVar[bool] = True

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train the global weights and the client's own; return the former."""
        update = client.fit(weights, Objective((Proximal(0.0),))).update
        own = client.recall().get("personal", weights)
        pulled = Objective((Proximal(self.settings.ditto_lambda, anchor=weights),), stage=1)
        client.remember(personal=client.fit(own, pulled).update.weights)
        return update

    def detector(self, client: Client, weights: Weights, received: Arrays) -> Weights:
        """Return the client's own detector; the global one before its first training."""
        return client.recall().get("personal", weights)
