"""The protocol that public code which fits the paper follows, with its faults. Only here.

Nothing of it can be chosen by a setting: the class among the features, a scaler that has seen
the test flows, and windows over shuffled flows are what the honest rows are held against.

References
----------
Wu et al., "CNN-BiLSTM on MindSpore for NF-BoT-IoT", arXiv 2504.21008. The paper gives no sizes;
sizes and steps are those of public code with its framework, data and number of epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.config import ModelConfig
from fednids.datasets.netflow import DESTINATION_PORT, SOURCE_PORT
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.flows.table import FlowTable
from fednids.flows.windows import Windows
from fednids.metrics import ConfusionCounts, scores
from fednids.networks.interface import Architecture, Weights
from fednids.seeding import Stream, generator
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.trainer import Trainer

LEAKING, CLEAN = "published-and-the-label-leaks", "published-without-the-label"
LEAKING_LONG, CLEAN_LONG = f"{LEAKING}-long", f"{CLEAN}-long"
PUBLISHED = {
    LEAKING: (True, False), CLEAN: (False, False),
    LEAKING_LONG: (True, True), CLEAN_LONG: (False, True),
}  # fmt: skip
"""Kinds of run: whether the label leaks, and whether it has as many steps as the paper's."""

EPOCHS = 20
PAPER_LOSSES = (0.1650, 0.0002)
"""Training loss of the first and the last of the paper's 20 rounds."""

PUBLISHED_FLOWS = 600_100
"""Flows of NF-BoT-IoT v1."""

_WINDOW = 10
_BATCH = 256
_RATE = 1e-4
_TEST_SHARE = 0.2
_VALIDATION_SHARE = 0.25
_CHECKED_EVERY = 5
_FIRST_THRESHOLD = 0.6
_THRESHOLDS = (0.4, 0.7)
_WANTED_F1 = 0.9
PUBLISHED_CLASSES = ("Benign", "Attack")


@dataclass(frozen=True, eq=False)
class PublishedRun:
    """What came of the published protocol.

    Attributes
    ----------
    counts : ConfusionCounts
        On the test windows, with the threshold.
    trained : ndarray
        ``(2,)`` training windows of each class.
    threshold : float
        Chance of an attack from which an alarm is raised, after the last epoch.
    losses : tuple of float
        Mean training loss of each epoch.
    architecture : Architecture
        Sizes.
    """

    counts: ConfusionCounts
    trained: NDArray[np.int64]
    threshold: float
    losses: tuple[float, ...]
    architecture: Architecture


def published_features(table: FlowTable, *, label_leaks: bool) -> NDArray[np.float32]:
    """Return what the published code shows its network.

    Parameters
    ----------
    table : FlowTable
        Flows.
    label_leaks : bool
        Leave the encoded ``Attack`` column among the features, as that code does: it drops
        ``Label`` alone.

    Returns
    -------
    ndarray
        ``(N, 10) float32``, or 11: both ports and v1's features as they stand in the file, each
        scaled by mean and deviation over *all* flows.
    """
    names = (SOURCE_PORT, DESTINATION_PORT, *NF_BOT_IOT.feature_sets["v1"])
    columns = [table.numbers[name] for name in names]
    if label_leaks:
        columns.append(table.attack.astype(np.float64))
    values = np.column_stack(columns)
    deviation = values.std(axis=0)
    scaled: NDArray[np.float32] = (
        (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    ).astype(np.float32)
    return scaled


def epochs_of_as_many_steps(epochs: int, flows: int) -> int:
    """Return as many epochs over these flows as have the steps of some over the published ones."""
    return max(round(epochs * PUBLISHED_FLOWS / flows), 1)


def next_threshold(threshold: float, f1: float) -> float:
    """Move the threshold by how far validation F1 is from 0.9, within 0.4 and 0.7."""
    return float(np.clip(threshold * (1 + 0.1 * (f1 - _WANTED_F1)), *_THRESHOLDS))


def run_published(
    table: FlowTable, *, label_leaks: bool, seed: int, epochs: int = EPOCHS
) -> PublishedRun:
    """Train and test the paper's network as its code does.

    Flows are shuffled, split 60/20/20 without regard to class, and only then made into windows
    of ten. Every fifth epoch is validated; the weights with the best F1 are tested.

    Parameters
    ----------
    table : FlowTable
        Flows, at least 60.
    label_leaks : bool
        See `published_features`.
    seed : int
        Draws split, weights and batches.
    epochs : int
        Passes over the training windows, at least 1.

    Notes
    -----
    Unlike the code: the last short batch counts; the first nine windows of a split repeat its
    first flow; the head has two logits and a softmax, which is a sigmoid of their difference.
    """
    vectors = published_features(table, label_leaks=label_leaks)
    training, validation, test = _split(table, seed)
    paper = ModelConfig.read({"preset": "paper"})
    architecture = Architecture.of(paper, vectors.shape[1], _WINDOW, classes=2)
    trainer = Trainer(architecture, vectors, batch_size=_BATCH, optimiser="adam")
    weights = architecture.initial_weights(generator(seed, Stream.WEIGHTS))
    plain = np.ones(2, np.float32)
    losses, threshold = list[float](), _FIRST_THRESHOLD
    best_f1, best = -1.0, weights
    for epoch in range(1, epochs + 1):
        job = TrainingJob(weights, training, generator(seed, Stream.TRAINING, epoch))
        found = trainer.train(job, LocalTraining(1, _RATE, plain, fresh=epoch == 1))
        weights = found.weights
        losses.append(found.loss)
        if epoch % _CHECKED_EVERY and epoch < epochs:
            continue
        f1 = scores(_counted(trainer, weights, validation, 0.5), PUBLISHED_CLASSES).binary.f1
        threshold = next_threshold(threshold, f1)
        if f1 > best_f1:
            best_f1, best = f1, weights
    counts = _counted(trainer, best, test, threshold)
    trained = np.bincount(training.labels, minlength=2)
    return PublishedRun(counts, trained, threshold, tuple(losses), architecture)


def _split(table: FlowTable, seed: int) -> tuple[Windows, Windows, Windows]:
    """Return training, validation and test windows over shuffled flows."""
    order = generator(seed, Stream.SPLIT).permutation(len(table)).astype(np.int32)
    labels = table.label.astype(np.int32)
    tested = round(_TEST_SHARE * len(table))
    validated = tested + round(_VALIDATION_SHARE * (len(table) - tested))
    test, validation, training = np.split(order, [tested, validated])
    return (
        Windows(training, labels[training]),
        Windows(validation, labels[validation]),
        Windows(test, labels[test]),
    )


def _counted(
    trainer: Trainer, weights: Weights, windows: Windows, threshold: float
) -> ConfusionCounts:
    logits = trainer.score(weights, windows).logits.astype(np.float64)
    chance = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    answers = (chance > threshold).astype(np.int32)
    return ConfusionCounts.from_labels(windows.labels, answers, 2)
