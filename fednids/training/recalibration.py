r"""Fitting the head again after the last round, from sums over the clients.

Under label skew local training pulls each client's head towards its own classes, and the mean
keeps some of that; what the head reads suffers less (Luo et al., "No Fear of Heterogeneity:
Classifier Calibration for Federated Learning with Non-IID Data", NeurIPS 2021, section 3). So the
head alone is fitted again, with the rest of the network as it is, in one of three ways:

- ``head``: to all training flows. The loss :math:`\sum_i w_{y_i} \ell(\theta x_i, y_i)` of a
  linear head is convex, and its value, gradient and Hessian are sums over clients: with them the
  server makes Newton steps as if it had all flows.
- ``ccvr``: to virtual features (Luo et al., algorithm 1), drawn from a normal distribution for
  each class, whose mean and covariance are pooled from sums over clients.
- ``bias``: the biases alone, to validation flows, by Newton's method as well.

NumPy alone, for server and clients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_FLOWS = 8
"""Fewest flows of a class whose sums a client sends for virtual features: fewer would nearly show
the features of single flows."""

MOST_STEPS = 6
"""Most evaluations of the loss by Newton's method; each is an exchange with the clients."""

_DAMPING = 1e-4
_RIDGE = 1e-6
_CONVERGED = 1e-4
_VIRTUAL = 2000


@dataclass(frozen=True, slots=True)
class HeadSums:
    """The weighted loss of a linear head over flows, with its derivatives: sums that can be added.

    Attributes
    ----------
    loss, weight : float
        Sum of the weighted cross-entropies, and of the weights.
    gradient : ndarray
        ``(C, D) float64``: by each class's row of the head.
    hessian : ndarray
        ``(C (C + 1) / 2, D (D + 1) / 2) float64``: for each pair of classes the upper triangle of a
        symmetric matrix, both in the order of ``numpy.triu_indices``.
    """

    loss: float
    weight: float
    gradient: Floats
    hessian: Floats

    @classmethod
    def of(
        cls, inputs: Floats, logits: Floats, labels: NDArray[np.int32], class_weights: Floats
    ) -> HeadSums:
        """Return the sums of ``(n, D)`` inputs with ``(n, C)`` logits and ``(n,)`` labels.

        A step of the head by ``S``, ``(C, D)``, adds ``inputs @ S.T`` to the logits.
        """
        logits = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
        log_sums = np.log(np.exp(logits).sum(axis=1))
        chances = np.exp(logits - log_sums[:, None])
        weights, places = class_weights[labels], np.arange(len(labels))
        losses = log_sums - logits[places, labels]
        errors = chances.copy()
        errors[places, labels] -= 1
        classes, upper = logits.shape[1], np.triu_indices(inputs.shape[1])
        blocks = [
            (inputs.T @ (inputs * (weights * chances[:, a] * ((a == b) - chances[:, b]))[:, None]))[
                upper
            ]
            for a, b in zip(*np.triu_indices(classes), strict=True)
        ]
        gradient = (errors * weights[:, None]).T @ inputs
        return cls(float(weights @ losses), float(weights.sum()), gradient, np.array(blocks))

    def __add__(self, other: HeadSums) -> HeadSums:
        """Return the sums over both."""
        return HeadSums(
            self.loss + other.loss,
            self.weight + other.weight,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
        )

    def full_hessian(self) -> Floats:
        """Return the Hessian as a matrix, ``(C D, C D)``."""
        classes, width = self.gradient.shape
        whole = np.zeros((classes, width, classes, width))
        rows, columns = np.triu_indices(width)
        for (a, b), upper in zip(np.transpose(np.triu_indices(classes)), self.hessian, strict=True):
            block = np.zeros((width, width))
            block[rows, columns] = block[columns, rows] = upper
            whole[a, :, b], whole[b, :, a] = block, block
        return whole.reshape(classes * width, classes * width)


def fit_head(shape: tuple[int, int], sums_at: Callable[[Floats], HeadSums]) -> Floats:
    """Return the ``(C, D)`` head of the least mean loss.

    Newton's method from a head of zeros, where all classes are equally likely and the curvature
    is known best, damped as by Levenberg and Marquardt: where the loss rose, a shorter step is
    made from the best head, of which the sums are known. A weak ridge makes the solution unique.
    Without any weight the head stays zeros.
    """
    best = trial = np.zeros(shape)
    least, damping, known = np.inf, _DAMPING, HeadSums(0.0, 0.0, best, np.empty(0))
    for _ in range(MOST_STEPS):
        sums = sums_at(trial)
        if not sums.weight:
            return best
        loss = sums.loss / sums.weight + _RIDGE / 2 * float((trial**2).sum())
        gained = least - loss
        if gained > 0:
            best, least, known = trial, loss, sums
        damping *= 0.1 if gained > 0 else 10
        if 0 < gained < _CONVERGED:
            break
        slope = known.gradient / known.weight + _RIDGE * best
        bend = known.full_hessian() / known.weight + (_RIDGE + damping) * np.eye(slope.size)
        trial = best - np.linalg.solve(bend, slope.ravel()).reshape(shape)
    return best


@dataclass(frozen=True, slots=True)
class ClassMoments:
    """What a client's features of each class sum up to.

    Attributes
    ----------
    counts : ndarray
        ``(C,) int64`` flows of each class; 0 for fewer than `LEAST_FLOWS`.
    sums : ndarray
        ``(C, D) float64``.
    products : ndarray
        ``(C, D (D + 1) / 2) float64``: upper triangles of the sums of outer products.
    """

    counts: NDArray[np.int64]
    sums: Floats
    products: Floats

    @classmethod
    def of(cls, features: Floats, labels: NDArray[np.int32], classes: int) -> ClassMoments:
        """Return the sums of ``(n, D)`` features with ``(n,)`` labels."""
        upper = np.triu_indices(features.shape[1])
        found = [features[labels == c] for c in range(classes)]
        kept = [each if len(each) >= LEAST_FLOWS else each[:0] for each in found]
        return cls(
            np.array([len(each) for each in kept]),
            np.array([each.sum(axis=0) for each in kept]),
            np.array([(each.T @ each)[upper] for each in kept]),
        )

    def __add__(self, other: ClassMoments) -> ClassMoments:
        """Return the sums over both."""
        return ClassMoments(
            self.counts + other.counts, self.sums + other.sums, self.products + other.products
        )

    def draw(self, rng: np.random.Generator, balance: float) -> tuple[Floats, NDArray[np.int32]]:
        """Draw virtual features, ``(n, D)``, and their classes, ``(n,)``.

        A class of which nobody sent sums has none; of the others there are as many as of the
        federation's flows to the power ``1 - balance``, scaled. Features are not below 0, as
        those of a ReLU. The covariance is shrunk to its diagonal where there are few flows.
        """
        width, upper = self.sums.shape[1], np.triu_indices(self.sums.shape[1])
        present = np.flatnonzero(self.counts > 1)
        shares = self.counts[present] ** (1.0 - balance)
        wanted = np.maximum(_VIRTUAL * len(present) * shares / shares.sum(), LEAST_FLOWS)
        drawn, labels = [np.zeros((0, width))], [np.zeros(0, np.int32)]
        for c, amount in zip(present, wanted.astype(np.int64), strict=True):
            count, mean = self.counts[c], self.sums[c] / self.counts[c]
            products = np.zeros((width, width))
            products[upper] = self.products[c]
            products = products + np.triu(products, 1).T
            covariance = (products - count * np.outer(mean, mean)) / (count - 1)
            diagonal, kept = np.diag(np.diag(covariance)), count / (count + width)
            covariance = kept * covariance + (1 - kept) * diagonal
            values, vectors = np.linalg.eigh(covariance)
            spread = vectors * np.sqrt(np.maximum(values, 0))
            drawn.append(np.maximum(mean + rng.standard_normal((amount, width)) @ spread.T, 0))
            labels.append(np.full(amount, c, np.int32))
        return np.concatenate(drawn), np.concatenate(labels)


def fit_to_virtual(
    shape: tuple[int, int],
    moments: Sequence[ClassMoments],
    rng: np.random.Generator,
    balance: float,
) -> Floats:
    """Return the ``(C, D + 1)`` head fitted to virtual features of all clients' moments."""
    whole = moments[0]
    for each in moments[1:]:
        whole = whole + each
    features, labels = whole.draw(rng, balance)
    inputs = with_ones(features)
    alike = np.ones(shape[0])
    return fit_head(shape, lambda head: HeadSums.of(inputs, inputs @ head.T, labels, alike))


def with_ones(features: NDArray[np.float32] | Floats) -> Floats:
    """Return ``(n, D + 1) float64``: features and a column of ones, for the biases."""
    ones = np.ones((len(features), 1))
    return np.concatenate([features.astype(np.float64), ones], axis=1)
