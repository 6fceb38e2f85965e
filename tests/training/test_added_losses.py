"""A term of an algorithm may add a loss, with another network's logits or representations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from detector_factory import BATCH, NETWORK, OTHER, PLAIN, START, VECTORS, gateway, make, run, same

from fednids.config import Section
from fednids.errors import ConfigError
from fednids.extensions import NETWORKS
from fednids.networks.framework import nn, ops
from fednids.networks.interface import Architecture, Layout, Network, dense
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.objective import Objective, Proximal, Term


class Distance(nn.Cell):
    """Half the squared distance to another network's logits, or representations."""

    def __init__(self, teacher, *, deep):
        super().__init__()
        self.teacher, self.deep = teacher, deep

    def construct(self, inputs, represented, logits, labels, strength):
        own, other = logits, self.teacher(inputs)
        if self.deep:
            own, other = represented, self.teacher.represent(inputs)
        return strength / 2 * ops.square(own - other).sum(1)


@dataclass(frozen=True, eq=False)
class Distil(Term):
    """Distillation to the weights that the training starts from, or to given ones."""

    strength: float
    teacher: np.ndarray | None = None

    def numbers(self):
        return (self.strength,)

    def networks(self, start):
        return (start if self.teacher is None else self.teacher,)

    def loss(self, networks):
        return Distance(networks[0], deep=self.reads_representation)


class DistilDeep(Distil):
    reads_representation: ClassVar[bool] = True


class Flat(Network):
    """A plain cell of MindSpore's own layers, without a representation of its own to show."""

    Settings = Section

    def layout(self):
        return Layout(dense("head", self.window * self.features, self.classes))

    def build(self):
        return nn.SequentialCell(nn.Flatten(), nn.Dense(self.window * self.features, self.classes))


@pytest.fixture(scope="module")
def flat():
    NETWORKS.register("flat")(Flat)
    yield Architecture("flat", Section(), 3, 5, NETWORK.classes)
    del NETWORKS._found["flat"], NETWORKS._plugged["flat"]


def starts(architecture):
    rng = np.random.default_rng(1)
    return 2 * architecture.initial_weights(rng), 2 * architecture.initial_weights(rng)


@pytest.mark.parametrize("plain", [True, False], ids=["plain cell", "stackable"])
def test_a_step_is_down_the_gradient_of_loss_and_term(plain, flat):
    architecture = flat if plain else NETWORK
    (start, teacher), windows = starts(architecture), gateway(BATCH - 3)  # padding adds nothing
    trainer, rng = make("sgd", architecture), np.random.default_rng(2)
    local = LocalTraining(1, 1.0, np.ones(NETWORK.classes, np.float32))

    def by_definition(weights):
        found = trainer.score(weights.astype(np.float32), windows)
        apart = found.logits.astype(np.float64) - trainer.score(teacher, windows).logits
        return (found.loss + 0.15 * np.square(apart).sum()) / len(windows)

    trained = run(trainer, start, windows, local, objective=Objective((Distil(0.3, teacher),)))
    assert trained.loss == pytest.approx(
        trainer.score(start, windows).loss / len(windows), rel=1e-5
    )
    step = start - trained.weights
    for _ in range(3):
        direction, reach = rng.normal(size=len(start)), 1e-2
        direction /= np.linalg.norm(direction)
        ahead, behind = (by_definition(start + sign * reach * direction) for sign in (1, -1))
        assert step @ direction == pytest.approx((ahead - behind) / (2 * reach), rel=2e-2, abs=3e-3)


@pytest.mark.parametrize("kind", [Distil, DistilDeep])
def test_the_stronger_the_closer_to_the_teacher(kind):
    trainer, windows = make("sgd"), gateway(40)
    goal = trainer.score(OTHER, windows).logits
    far = []
    for strength in (0.0, 0.1, 1.0):
        objective = Objective((kind(strength, OTHER),))
        local = LocalTraining(6, 0.02, PLAIN.class_weights)
        weights = run(trainer, START, windows, local, objective=objective).weights
        far.append(np.linalg.norm(trainer.score(weights, windows).logits - goal))
    assert len(trainer._loops) == 1  # numbers are no part of the graph
    if kind is Distil:
        assert far == sorted(far, reverse=True)
        assert far[2] < 0.7 * far[0]
    assert len(set(far)) == 3


def test_clients_train_one_after_another_and_other_terms_go_on():
    def jobs():
        objective = Objective((Distil(0.5), Proximal(0.1)), track_gradient=True)
        return [
            TrainingJob(start, gateway(count, count), np.random.default_rng(count), objective)
            for start, count in ((START, 9), (OTHER, 30), (START, 19))
        ]

    trainer = make("sgd", members=3)
    together = trainer.train_all(jobs(), PLAIN)
    alone = [trainer.train(job, PLAIN) for job in jobs()]
    assert all(same(*pair) for pair in zip(together, alone, strict=True))
    assert trainer._stack is None
    assert all(one.gradient is not None for one in together)


def test_a_cell_that_shows_no_representation_is_refused_in_a_line(flat):
    trainer, (start, _) = make("sgd", flat), starts(flat)
    with pytest.raises(ConfigError, match=r"for DistilDeep, got model.network=flat") as caught:
        run(trainer, start, objective=Objective((DistilDeep(1.0),)))
    assert len(str(caught.value).splitlines()) == 1


class Wrong(Flat):
    faults: ClassVar = {
        "order": lambda: nn.SequentialCell(nn.Flatten(), nn.Dense(15, 4, has_bias=False)),
        "norm": lambda: nn.SequentialCell(nn.Flatten(), nn.BatchNorm1d(15), nn.Dense(15, 4)),
        "dropout": lambda: nn.SequentialCell(nn.Flatten(), nn.Dropout(p=0.5), nn.Dense(15, 4)),
    }
    fault = ""

    def build(self):
        return self.faults[self.fault]()


@pytest.mark.parametrize(
    ("fault", "said"),
    [("order", "of the shapes"), ("norm", "parameters alone"), ("dropout", "no nn.Dropout")],
)
def test_a_cell_that_is_not_as_declared_is_refused_in_a_line(fault, said, flat, monkeypatch):
    monkeypatch.setattr(Wrong, "fault", fault)
    monkeypatch.setitem(NETWORKS._found, "flat", Wrong)
    with pytest.raises(ConfigError, match=said) as caught:
        make("sgd", Architecture("flat", Section(), VECTORS.shape[1], 5, NETWORK.classes))
    assert len(str(caught.value).splitlines()) == 1
