"""What a run starts from: scaler, class weights, initial weights, learning rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config, TrainConfig
from fednids.flows.scaling import Scaler
from fednids.messages.values import Statistics, Task
from fednids.networks.interface import Architecture, Weights
from fednids.seeding import Stream, generator
from fednids.training.jobs import ALL_WINDOWS

MASKED = np.float32(-80.0)
"""Margin of a class that is left out of the loss: its probability is 0 beside any other's."""

_BALANCE = 0.25
_MOST_STACKED = 16
_FEWEST_STACKED = 8
_STACKED_WINDOWS = 1024


def initial_task(
    statistics: Sequence[Statistics], config: Config, sampling: str = ALL_WINDOWS
) -> Task:
    """Return the task of round 1: scaler and class weights of the sums of some clients.

    Statistics are of all clients that train together, in the order of partition ids: the order
    in which floats are added is part of the result. The algorithm's `Algorithm.sampling` decides
    on the class weights where the settings leave them open.
    """
    moments = reduce(add, [found.moments for found in statistics])
    support = reduce(add, [found.train_support for found in statistics])
    train = config.train
    balance = train.balance
    if balance is None:
        by_class = train.sampling == "auto" and sampling != ALL_WINDOWS
        balance = 0.0 if by_class else _BALANCE
    weights = class_weights(support, balance)
    return Task(1, Scaler.fit(moments), weights, adjustment=federation_adjustment(support, train))


def class_weights(support: NDArray[np.int64], balance: float) -> NDArray[np.float32]:
    """Return weights of classes by how rare they are, for flows of which 98 in 100 are attacks.

    The support is ``(C,)`` training flows of each class. Weights are ``(C,) float32``,
    ``(N / (C n_c)) ** balance`` scaled to a mean of 1 over the training flows, and 0 for classes
    without any. A balance of 0 weighs all alike; with 1 all classes count the same in sum.
    """
    present = support > 0
    rarity = support.sum() / (present.sum() * np.maximum(support, 1))
    weights = np.where(present, rarity**balance, 0.0)
    scaled: NDArray[np.float32] = (weights * support.sum() / (weights @ support)).astype(np.float32)
    return scaled


def logit_adjustment(
    support: NDArray[np.int64], tau: float, absent: float = 1.0
) -> NDArray[np.float32]:
    """Return what is added to the logits in training, so that rare classes get a margin.

    The support is ``(C,)`` training flows of each class. Margins are ``(C,) float32``,
    ``tau * log(n_c / N)``, where a class without any flows counts as `absent` flows; with 0 its
    margin is `MASKED`. With a tau of 1 the detector learns what would be best were all classes
    equally frequent.

    References
    ----------
    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, eq. 10.
    """
    counts, total = np.where(support > 0, support, absent), max(int(support.sum()), 1)
    with np.errstate(divide="ignore"):
        margins = np.where(counts > 0, tau * np.log(counts / total), MASKED)
    return margins.astype(np.float32)


def federation_adjustment(
    support: NDArray[np.int64], train: TrainConfig
) -> NDArray[np.float32] | None:
    r"""Return the part of the adjustment that is alike at all clients, ``(C,) float32``, or None.

    With ``train.prior=federation`` it is all of it. With ``own`` it is what the answer adds back:
    a detector trained with :math:`\tau (\log p_k - \lambda \log p)` added to its logits, where
    :math:`p_k` are a client's class frequencies and :math:`p` the federation's, answers as one
    trained with :math:`\tau \log p_k` to whose logits :math:`\tau \lambda \log p` is added.
    """
    tau, kept = train.tau, train.answer_prior
    tau *= -kept if train.prior == "own" else 1 - kept
    return logit_adjustment(support, tau, train.absent_class) if tau else None


def client_adjustment(
    support: NDArray[np.int64], shared: NDArray[np.float32] | None, train: TrainConfig
) -> NDArray[np.float32] | None:
    """Return what a client adds to its logits in training, ``(C,) float32``, or None.

    Its support is ``(C,)`` training windows of each class, and `shared` the part that
    `federation_adjustment` returns.
    """
    if train.prior != "own" or not train.tau:
        return shared
    mine = logit_adjustment(support, train.tau, train.absent_class)
    if shared is None:
        return mine
    return np.where(mine <= MASKED, MASKED, mine + shared).astype(np.float32)


def run_architecture(task: Task, config: Config) -> Architecture:
    """Return the network that the settings ask for, with as many features as are scaled."""
    features, classes = len(task.scaler.mean), len(task.class_weights)
    return Architecture.of(config.model, features, config.data.window, classes)


def initial_weights(architecture: Architecture, config: Config) -> Weights:
    """Return the weights that every arm of a seed starts from."""
    return architecture.initial_weights(generator(config.run.seed, Stream.WEIGHTS))


def round_rate(train: TrainConfig, server_round: int, rounds: int) -> float:
    """Return a round's learning rate: half a cosine from the first rate to the final one.

    Rounds count from 1; `train` has the first rate, and the final one as a share of it.
    """
    done = (server_round - 1) / max(rounds - 1, 1)
    left = 0.5 * (1 + math.cos(math.pi * done))
    return train.learning_rate * (train.final_rate_share + (1 - train.final_rate_share) * left)


def stack_size(config: Config) -> int:
    """Return how many clients train in one graph: a function of the settings alone.

    With small batches a step is mostly the start of kernels, which a stack shares; with
    1,024 windows in all of it there is no more to gain. Few clients are not stacked, so
    that every worker has some. So it is 8 to 16, or 1 where each client trains alone.
    """
    if config.train.stack:
        return config.train.stack
    partition, federation = config.partition, config.federation
    training = max(round(federation.fraction * partition.gateways), 1)
    most = min(_MOST_STACKED, _STACKED_WINDOWS // config.train.batch_size, training // 8)
    return most if most >= _FEWEST_STACKED else 1
