"""What a method of local training is, and what it works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fednids.config import Config
from fednids.messages.client_state import Remembered
from fednids.messages.values import Task, Update
from fednids.networks.interface import Weights
from fednids.training.local import Fitted
from fednids.training.objective import Correction


@dataclass(frozen=True)
class Given:
    """What the server sent.

    Attributes
    ----------
    weights : ndarray
        ``(G,) float32`` global weights; a detector's ``(P,)`` with most strategies.
    extras : Mapping[str, ndarray]
        What the strategy sent beside, by name.
    task : Task
        Round, scaler and class weights.
    """

    weights: Weights
    extras: Mapping[str, Weights]
    task: Task


class Site(Protocol):
    """A gateway as a method sees it."""

    @property
    def config(self) -> Config:
        """Settings of the run."""
        ...

    def fit(self, weights: Weights, task: Task, correction: Correction | None = None) -> Fitted:
        """Train ``(P,)`` weights on the gateway's flows."""
        ...

    def training_loss(self, weights: Weights, task: Task) -> float:
        """Give the mean loss of ``(P,)`` weights on the gateway's training flows."""
        ...

    def recall(self, server_round: int) -> Remembered:
        """Give what was remembered at the end of a round, by name; nothing at first."""
        ...

    def remember(self, **arrays: Weights) -> None:
        """Keep arrays at the end of this round; others stay as they are."""
        ...


class Method(Protocol):
    """How a gateway trains for a strategy, and which detector judges its flows."""

    def train(self, site: Site, given: Given) -> Update:
        """Train on a gateway that has flows."""
        ...

    def reference(self, given: Given, update: Update) -> Weights:
        """Give what the update's weights are a change of, where the change is sent."""
        ...

    def detector(self, site: Site, given: Given) -> Weights:
        """Give the ``(P,) float32`` weights that the gateway's flows are judged by."""
        ...
