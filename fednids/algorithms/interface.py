"""What a federated algorithm is: what the server does in a round, and what a client does.

An algorithm is a class in a file of its own. It is FedAvg but for what it overrides. Weights are
one flat array ``(P,) float32`` everywhere. What the server keeps from round to round goes into a
round and comes out of it, so that a checkpoint holds all of it; what a client keeps is the
client's own and never leaves it.

The files of this package import NumPy alone. What a client needs of the network it asks `Client`
for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.config import Section
from fednids.messages.values import Fitted, Update
from fednids.networks.interface import Architecture, Layout, Weights
from fednids.seeding import Stream, generator
from fednids.training.jobs import ALL_WINDOWS
from fednids.training.objective import Objective

Arrays = Mapping[str, NDArray[np.float32]]
"""Arrays by name, each ``(P,) float32``, that travel beside the weights or stay at a client."""

State = Mapping[str, NDArray[np.float64]]
"""What the server keeps from round to round: arrays by name, each as long as the weights."""


@dataclass(frozen=True)
class RoundStart:
    """What the server has when a round begins.

    Attributes
    ----------
    server_round : int
        From 1.
    weights : ndarray
        ``(G,) float32`` global weights that were sent; mostly ``G = P``.
    state : State
        What the last round left; zeros before round 1.
    participants : Sequence[int]
        Partition ids of the clients whose updates may come.
    clean : ndarray or None
        The weights after training on clean flows of the server's own, for an algorithm that
        needs `Algorithm.clean_flows`.
    layout : Layout or None
        How the weights of one detector lie in the array; the server always gives it.
    class_counts : Mapping[int, ndarray]
        Of each client of the run, by partition id: ``(C,) int64`` training flows of each class,
        as it sent them before round 1.
    """

    server_round: int
    weights: Weights
    state: State = field(default_factory=dict)
    participants: Sequence[int] = ()
    clean: Weights | None = None
    layout: Layout | None = None
    class_counts: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Aggregate:
    """What a round ends with at the server.

    Attributes
    ----------
    weights : ndarray
        ``(G,) float32`` new global weights.
    state : State
        What the next round gets.
    log : Mapping
        What ``rounds.jsonl`` records of the round under ``strategy``, as JSON.
    """

    weights: Weights
    state: State = field(default_factory=dict)
    log: Mapping[str, Any] = field(default_factory=dict)


class Aggregation(Protocol):
    """Takes the updates of one round, each of which was trained on at least one window."""

    def add(self, update: Update) -> None:
        """Take an update; its arrays may be overwritten afterwards."""
        ...

    def finish(self) -> Aggregate:
        """Return the new weights and state; called once, after at least one update.

        Raises
        ------
        FederationError
            Too few updates came for the algorithm.
        """
        ...


class Client(Protocol):
    """A client while it answers one message, as an algorithm sees it."""

    @property
    def server_round(self) -> int:
        """The round of the message, from 1."""
        ...

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Training windows of each class that the client has in this round, ``(C,)``."""
        ...

    def fit(self, weights: Weights, objective: Objective = ...) -> Fitted:
        """Train ``(P,)`` weights on the client's own flows and return what came of it."""
        ...

    def training_loss(self, weights: Weights) -> float:
        """Return the mean cross-entropy of ``(P,)`` weights over the client's training flows."""
        ...

    def recall(self) -> Arrays:
        """Return what the client has kept: in training up to the round before, else up to now."""
        ...

    def remember(self, **arrays: Weights) -> None:
        """Keep arrays after this round; others stay as they are."""
        ...

    def initial_weights(self) -> Weights:
        """Return the ``(P,)`` weights that the run began with."""
        ...


class Algorithm:
    """FedAvg's behaviour; an algorithm overrides what its paper changes.

    Parameters
    ----------
    settings : Section
        An instance of `Settings`.
    clients : int
        Number of clients of the run, ``K``.

    Attributes
    ----------
    Settings : type[Section]
        The algorithm's own settings, ``strategy.<name>`` on the command line.
    keeps : tuple[str, ...]
        Names of the arrays that the server keeps from round to round; zeros before round 1.
    sends : tuple[str, ...]
        Which of these go to the participants beside the weights, as float32.
    returns : tuple[str, ...]
        Names of the arrays that clients send beside their weights.
    remembers : bool
        Whether clients keep something between rounds. Clients whose updates are lost then train
        as well.
    personal : bool
        Whether each client is judged by, and ends with, a detector of its own.
    needs_start_loss : bool
        Whether an update must bring the loss of the global weights before training.
    sampling : {"all", "balanced", "square-root"}
        Which windows clients train on where ``train.sampling`` leaves it open.
    recalibrate : {"none", "head", "ccvr", "bias"}
        What is fitted again after the last round where ``federation.recalibrate`` leaves it open.
    """

    Settings: ClassVar[type[Section]] = Section

    keeps: ClassVar[tuple[str, ...]] = ()
    sends: ClassVar[tuple[str, ...]] = ()
    returns: ClassVar[tuple[str, ...]] = ()
    remembers: ClassVar[bool] = False
    personal: ClassVar[bool] = False
    needs_start_loss: ClassVar[bool] = False
    sampling: ClassVar[str] = ALL_WINDOWS
    recalibrate: ClassVar[str] = "none"

    settings: Any

    def __init__(self, settings: Section, clients: int):
        self.settings, self.clients = settings, clients

    # --- before round 1 --------------------------------------------------------------------------

    @property
    def clean_flows(self) -> int:
        """Number of clean flows of its own that the server must train on in each round; 0: none."""
        return 0

    def fault(self, participants: int) -> str | None:
        """Return what is wrong with the settings for so many participants, or None.

        Returns
        -------
        str or None
            ``"strategy.x from a to b with n updates, got y"``.
        """
        return None

    def check_network(self, network: Architecture) -> None:
        """Check that the algorithm can be used with a network.

        Raises
        ------
        ConfigError
            It cannot.
        """

    def initial_weights(self, network: Architecture, seed: int) -> Weights:
        """Return the global weights before round 1, ``(G,) float32``."""
        return network.initial_weights(generator(seed, Stream.WEIGHTS))

    def update_size(self, size: int) -> int:
        """Return the number of weights of an update, where the global weights are ``size``."""
        return size

    # --- server ----------------------------------------------------------------------------------

    def initial_state(self, size: int) -> State:
        """Return what the server keeps before round 1."""
        return {name: np.zeros(size) for name in self.keeps}

    def begin(self, start: RoundStart) -> Aggregation:
        """Return what takes the updates of a round: FedAvg's mean, weighted by windows."""
        return Average(start)

    def reference(self, weights: Weights, choice: int) -> Weights:
        """Return the ``(P,)`` weights that a client trained from.

        Parameters
        ----------
        weights : ndarray
            ``(G,)`` as they were sent.
        choice : int
            `Update.choice`: which of several detectors in them; 0 where there is one.

        Raises
        ------
        ValueError
            There is no such choice.
        """
        return weights

    # --- client ----------------------------------------------------------------------------------

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train at a client that has flows.

        Parameters
        ----------
        client : Client
            Trains, scores and remembers.
        weights : ndarray
            ``(G,) float32`` global weights.
        received : Mapping[str, ndarray]
            The arrays of `sends`.
        """
        return client.fit(weights).update

    def detector(self, client: Client, weights: Weights, received: Arrays) -> Weights:
        """Return the ``(P,)`` weights that the client's flows are judged by after a round."""
        return weights


class WeightedMean:
    """A running mean of vectors in float64, which needs no list of them."""

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | None = None
        self.weight, self.count = 0, 0

    def add(self, vector: Weights, weight: int) -> None:
        """Add a ``(P,)`` vector with a weight, a number of windows."""
        weighted = np.multiply(vector, weight, dtype=np.float64)
        self._sum = weighted if self._sum is None else np.add(self._sum, weighted, out=self._sum)
        self.weight, self.count = self.weight + weight, self.count + 1

    @property
    def total(self) -> NDArray[np.float64]:
        """The weighted sum of what was added, ``(P,)``; at least one vector."""
        assert self._sum is not None
        return self._sum

    @property
    def value(self) -> NDArray[np.float64]:
        """The mean of what was added, ``(P,)``; at least one vector."""
        return self.total / self.weight


class Average:
    """FedAvg's aggregation: the mean of the updates, weighted by their windows."""

    def __init__(self, start: RoundStart):
        self.start, self.mean = start, WeightedMean()

    def add(self, update: Update) -> None:
        """Add an update's weights."""
        self.mean.add(update.weights, update.examples)

    def finish(self) -> Aggregate:
        """Return the mean."""
        return Aggregate(self.mean.value.astype(np.float32), self.start.state)
