"""FedNTD, MOON and FedLC: their losses, against their papers' in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from detector_factory import BATCH, NETWORK, OTHER, START, gateway, make, run, same

from fednids.algorithms import find_algorithm
from fednids.algorithms.fedntd import NotTrueDistillation
from fednids.algorithms.moon import ModelContrast
from fednids.config import Config
from fednids.messages.values import Fitted, Update
from fednids.training.objective import Objective, Term
from fednids.training.trainer import Trainer

STRENGTH, TEMPERATURE = 3.0, 0.7
WINDOWS = gateway(BATCH - 3)


@pytest.fixture(scope="module")
def sgd() -> Trainer:
    return make("sgd")


def not_true(trainer: Trainer, weights: np.ndarray) -> float:
    """Lee et al. 2022, equations 4 to 6, window by window."""
    found = []
    local, taught = (trainer.score(each, WINDOWS).logits for each in (weights, START))
    for mine, theirs, label in zip(local, taught, WINDOWS.labels, strict=True):
        others = [c for c in range(NETWORK.classes) if c != label]
        mine, theirs = np.exp(mine[others] / TEMPERATURE), np.exp(theirs[others] / TEMPERATURE)
        p, q = theirs / theirs.sum(), mine / mine.sum()
        found.append(TEMPERATURE**2 * (p * np.log(p / q)).sum())
    return STRENGTH * float(np.mean(found))


def contrast(trainer: Trainer, weights: np.ndarray) -> float:
    """Li et al. 2021, equation 3, window by window."""
    found = []
    read = [trainer.represent(each, WINDOWS) for each in (weights, START, OTHER)]
    for z, near, far in zip(*read, strict=True):
        a, b = (
            np.exp(z @ other / (np.linalg.norm(z) * np.linalg.norm(other)) / TEMPERATURE)
            for other in (near, far)
        )
        found.append(-np.log(a / (a + b)))
    return STRENGTH * float(np.mean(found))


TERMS: list[tuple[Term, Callable[[Trainer, np.ndarray], float]]] = [
    (NotTrueDistillation(STRENGTH, TEMPERATURE), not_true),
    (ModelContrast(STRENGTH, TEMPERATURE, OTHER), contrast),
]


@pytest.mark.parametrize(("term", "definition"), TERMS, ids=["fedntd", "moon"])
def test_two_steps_are_down_the_gradient_of_the_definition(
    term: Term, definition: Callable[[Trainer, np.ndarray], float], sgd: Trainer
) -> None:
    """The second step: at the start itself both terms are nearly flat."""
    local: dict[str, Any] = {"windows": WINDOWS}
    rate = 0.05
    one_step = run(sgd, **local, objective=Objective((term,)))
    assert one_step.steps == 1
    at = run(sgd, start=START, **local).weights
    nudged = Objective((_From(term),))
    plain, termed = (run(sgd, start=at, **local, objective=each) for each in (Objective(), nudged))
    gradient = (plain.weights - termed.weights) / np.float32(rate)
    rng = np.random.default_rng(8)
    for _ in range(3):
        direction, reach = rng.normal(size=NETWORK.size), 2e-3
        ahead, behind = (
            definition(sgd, (at + sign * reach * direction).astype(np.float32)) for sign in (1, -1)
        )
        expected = (ahead - behind) / (2 * reach)
        assert gradient @ direction == pytest.approx(expected, rel=0.05, abs=0.02)


class _From(Term):
    """A term whose global weights are `START`, wherever the training starts."""

    def __init__(self, term: Term) -> None:
        self.term = term
        type(self).reads_representation = term.reads_representation  # type: ignore[misc]

    @property
    def constants(self) -> tuple[object, ...]:
        return (type(self.term),)

    def numbers(self) -> tuple[float, ...]:
        return self.term.numbers()

    def networks(self, start: np.ndarray) -> tuple[np.ndarray, ...]:
        return self.term.networks(START)

    def loss(self, networks: Any) -> Any:
        return self.term.loss(networks)


class Counted:
    """A client with flows of some classes, which trains nothing."""

    class_counts = np.array([16, 0, 81, 1])
    objective = Objective()

    def fit(self, weights: np.ndarray, objective: Objective) -> Fitted:
        self.objective = objective
        return Fitted(Update(0, weights, 98, 1, 0.5, 0.0, 0.0))


@pytest.mark.parametrize("tau", [0.0, 2.0])
def test_fedlc_takes_a_quarter_power_of_the_counts_off_the_logits(tau: float) -> None:
    """Zhang et al. 2022, equation 5."""
    algorithm = find_algorithm(
        Config.resolve({"strategy.name": "fedlc", "strategy.calibration": tau})
    )
    client = Counted()
    algorithm.train(client, START, {})  # type: ignore[arg-type]
    if not tau:
        assert client.objective.adjustment is None
        return
    found = client.objective.adjustment
    assert found is not None
    np.testing.assert_allclose(found[[0, 2, 3]], [-2 / 2, -2 / 3, -2], rtol=1e-6)
    assert found[1] < -100


def test_a_client_that_is_like_both_has_no_contrast(sgd: Trainer) -> None:
    alike = Objective((ModelContrast(STRENGTH, TEMPERATURE, START),))
    found, plain = run(sgd, objective=alike), run(sgd)
    np.testing.assert_allclose(found.weights, plain.weights, atol=1e-5)
    assert not same(run(sgd, objective=Objective((TERMS[1][0],))), plain)
