"""What server and gateways tell each other, as plain values.

All that leaves a gateway is a field of `Statistics`, `Update` or `Evaluation`: sums, counts,
weights and times; never a flow. `fednids.protocol` puts them into Flower's records.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.detector.architecture import Weights
from fednids.flows.scaling import Moments, Scaler
from fednids.metrics import ConfusionCounts


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
    proximal_mu : float
        FedProx's mu; 0 for any other strategy.
    """

    server_round: int
    scaler: Scaler
    class_weights: NDArray[np.float32]
    proximal_mu: float = 0.0

    def equals(self, other: Task) -> bool:
        """Tell whether another task is the same."""
        return (
            (self.server_round, self.proximal_mu) == (other.server_round, other.proximal_mu)
            and self.scaler == other.scaler
            and np.array_equal(self.class_weights, other.class_weights)
        )


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
    """

    partition_id: int
    moments: Moments
    train_support: NDArray[np.int64]


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
    """

    partition_id: int
    weights: Weights
    examples: int
    steps: int
    loss: float
    seconds: float
    compile_seconds: float


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
    """

    partition_id: int
    counts: ConfusionCounts
    novel: ConfusionCounts
    loss: float
    compile_seconds: float
