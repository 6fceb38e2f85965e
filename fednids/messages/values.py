"""What server and clients send each other, as plain values.

All that leaves a client is a field of `Statistics`, its `Card`, `Update`, `Evaluation` or
`Calibration`: sums, counts, weights and times; never a flow. `fednids.messages.records` puts them
into Flower's records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fednids.flows.scaling import Moments, Scaler
from fednids.metrics import ConfusionCounts, Tallies
from fednids.networks.interface import Weights
from fednids.training.recalibration import ClassMoments, HeadSums


@dataclass(frozen=True)
class Task:
    """What a gateway needs beside the weights to train or evaluate them.

    Attributes
    ----------
    server_round : int
        From 1.
    scaler : Scaler
        Fitted over the training flows of all gateways.
    class_weights : ndarray
        ``(C,) float32``, from the classes' counts over all gateways.
    size : int
        Number of global weights that come with it.
    bytes_down, bytes_up : int
        Of one gateway's two messages, so that it knows what time there is before a
        deadline; 0 in arms without a server.
    adjustment : ndarray, optional
        ``(C,) float32`` added to the logits in training, from the classes' counts over all
        gateways; with ``train.prior``.
    score_first : bool
        Whether the weights that come are scored before they are trained, as those after the
        round before.
    """

    server_round: int
    scaler: Scaler
    class_weights: NDArray[np.float32]
    size: int = 0
    bytes_down: int = 0
    bytes_up: int = 0
    adjustment: NDArray[np.float32] | None = None
    score_first: bool = False

    def before(self) -> Task:
        """Return the task to score the weights that come, as those after the round before."""
        return replace(self, server_round=self.server_round - 1, score_first=False)

    def equals(self, other: Task) -> bool:
        """Return whether another task is the same."""
        return all(
            mine == theirs if isinstance(mine, int | Scaler) else _alike(mine, theirs)
            for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)
        )


def _alike(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


@dataclass(frozen=True, slots=True)
class Card:
    """What a gateway of a deployment says of itself, with its statistics.

    Attributes
    ----------
    name : str
        Of the gateway.
    fednids, schema : str
        Version of fednids there, and digest of features and classes, `fednids.messages.card`.
    trained, validated, tested : ndarray
        ``(C,) int64`` training, validation and test flows of each class.
    novel : int
        How many of the test flows are novel.
    """

    name: str
    fednids: str
    schema: str
    trained: NDArray[np.int64]
    validated: NDArray[np.int64]
    tested: NDArray[np.int64]
    novel: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """A gateway's answer before round 1: what scaler and class weights are made of.

    Attributes
    ----------
    partition_id : int
        Who answers.
    moments : Moments
        Sums over its training flows.
    train_support : ndarray
        ``(C,) int64`` training flows of each class.
    card : Card or None
        Who it is; None in a simulation, where gateways have no names.
    """

    partition_id: int
    moments: Moments
    train_support: NDArray[np.int64]
    card: Card | None = None


@dataclass(frozen=True)
class Update:
    """A gateway's answer to training.

    Attributes
    ----------
    partition_id : int
        Who answers.
    weights : ndarray
        ``(P,) float32`` new weights.
    examples, steps : int
        On how many windows, in how many optimiser steps.
    loss : float
        Mean training loss; NaN without windows.
    seconds, compile_seconds : float
        Time spent training, and before it compiling a graph, which happens once.
    start_loss : float
        Mean loss of the global weights on the training windows; NaN where nobody asks.
    extras : Mapping[str, ndarray]
        What else the strategy needs, ``(P,) float32`` each, by name.
    choice : int
        Which of the detectors that came it has trained; 0 where only one did.
    """

    partition_id: int
    weights: Weights
    examples: int
    steps: int
    loss: float
    seconds: float
    compile_seconds: float
    start_loss: float = math.nan
    extras: Mapping[str, Weights] = field(default_factory=dict)
    choice: int = 0


@dataclass(frozen=True)
class Fitted:
    """What came of one training at a client.

    Attributes
    ----------
    update : Update
        As FedAvg sends it.
    gradient : ndarray or None
        ``(P,) float32`` mean of the gradients on the way, where the objective tracks it.
    """

    update: Update
    gradient: Weights | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """A gateway's answer to a message of the recalibration: sums over its flows.

    Attributes
    ----------
    partition_id : int
        Who answers.
    sums : HeadSums or ClassMoments
        Whichever was asked for.
    """

    partition_id: int
    sums: HeadSums | ClassMoments


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A gateway's answer to evaluation: counts over its test flows.

    Attributes
    ----------
    partition_id : int
        Who answers.
    counts, novel : ConfusionCounts
        Over all its test flows, and over the novel ones.
    loss : float
        Sum of the cross-entropies over all its test flows.
    compile_seconds : float
        Time spent compiling a graph, which happens once.
    triggered : ConfusionCounts or None
        Over its test flows of attacks, all with a backdoor's trigger; None where the attack
        has none.
    validation : ConfusionCounts or None
        Over its validation flows; None in a run without any.
    curves : Tallies or None
        Counts of its flows by their scores; None in rounds that do not count them.
    """

    partition_id: int
    counts: ConfusionCounts
    novel: ConfusionCounts
    loss: float
    compile_seconds: float
    triggered: ConfusionCounts | None = None
    validation: ConfusionCounts | None = None
    curves: Tallies | None = None
