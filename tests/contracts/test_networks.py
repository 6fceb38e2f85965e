"""Laws of every network: its declaration is what its cell is, and training follows the gradient."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from detector_factory import CLASSES, VECTORS, gateway, make, same
from numpy.typing import NDArray

from fednids.config import Config, describe_settings
from fednids.errors import ConfigError
from fednids.extensions import NETWORKS
from fednids.flows.scaling import Scaler
from fednids.networks.cells import Detectors
from fednids.networks.interface import Architecture
from fednids.networks.model_file import Detector, load_detector, save_detector
from fednids.training.jobs import LocalTraining, TrainingJob

SMALL: dict[str, dict[str, object]] = {
    "cnn-bilstm": {"channels": "4", "pools": "2", "kernel": 3, "hidden": 3, "dense": 2},
    "cnn-gru": {"channels": 4, "hidden": 3},
    "mlp": {"hidden": "6,4"},
}
"""Sizes for tests; a network that is not named here is tested with its defaults."""
LOCAL = LocalTraining(2, 0.05, np.array([1.0, 0.5, 2.0, 3.0], np.float32))
EVERY = pytest.mark.parametrize("name", NETWORKS.names())


def architecture_of(name: str, window: int = 5, **settings: object) -> Architecture:
    given = {"network": name, **SMALL.get(name, {}), **settings}
    config = Config.resolve({f"model.{key}": value for key, value in given.items()})
    return Architecture.of(config.model, VECTORS.shape[1], window, CLASSES)


def losses(trainer, weights, windows) -> float:
    """Give the mean weighted loss of a batch."""
    found = trainer.score(weights, windows)
    each = oracles.cross_entropy_by_loop(found.logits.astype(np.float64), windows.labels)
    return float(np.mean(each * LOCAL.class_weights[windows.labels]))


def jobs(start: NDArray[np.float32]) -> list[TrainingJob]:
    return [
        TrainingJob(start, gateway(count, count), np.random.default_rng(count))
        for count in (9, 40, 19)
    ]


@EVERY
def test_the_layout_is_that_of_the_cell_and_ends_with_its_last_layers(name: str) -> None:
    architecture = architecture_of(name)
    layout, trained = architecture.layout, Detectors(architecture).cell.trainable_params()
    assert sum(parameter.size for parameter in trained) == layout.size
    assert layout.size == architecture.size <= architecture.network.published_size()
    weights = layout.initial_weights(np.random.default_rng(0))
    assert layout.pack(layout.unpack(weights)).tobytes() == weights.tobytes()
    for count in range(len(layout.last_layers) + 1):
        kept = layout.last_layers[len(layout.last_layers) - count :]
        own = [p.size for p in layout.parameters if p.layer in kept]
        assert layout.base_size(count) == layout.size - sum(own)
    with pytest.raises(ConfigError, match="last layers"):
        layout.base_size(len(layout.last_layers) + 1)


@EVERY
def test_the_head_is_linear_with_a_row_for_each_class(name: str) -> None:
    architecture = architecture_of(name)
    layout, windows = architecture.layout, gateway(20)
    weights = layout.initial_weights(np.random.default_rng(0))
    assert len(layout.head_places) == CLASSES
    trainer = make("sgd", architecture)
    before = trainer.score(weights, windows).logits
    weights[layout.head_places[1]] *= 3
    after = trainer.score(weights, windows).logits
    np.testing.assert_allclose(after[:, 1], 3 * before[:, 1], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(np.delete(after, 1, 1), np.delete(before, 1, 1))


@EVERY
def test_a_step_is_down_the_gradient(name: str) -> None:
    architecture, windows = architecture_of(name), gateway(8)
    start = 2 * architecture.initial_weights(np.random.default_rng(1))
    trainer, rng = make("sgd", architecture), np.random.default_rng(2)
    local = LocalTraining(1, 1.0, LOCAL.class_weights)
    step = start - trainer.train(TrainingJob(start, windows, rng), local).weights
    for _ in range(3):
        direction, reach = rng.normal(size=len(start)), 1e-2
        direction /= np.linalg.norm(direction)
        ahead, behind = (
            losses(trainer, (start + sign * reach * direction).astype(np.float32), windows)
            for sign in (1, -1)
        )
        slope = (ahead - behind) / (2 * reach)
        assert step @ direction == pytest.approx(slope, rel=2e-2, abs=2e-3)


@EVERY
def test_clients_that_come_together_end_as_alone(name: str) -> None:
    architecture = architecture_of(name)
    trainer = make("sgd", architecture, members=3)
    start = architecture.initial_weights(np.random.default_rng(3))
    together = trainer.train_all(jobs(start), LOCAL)
    alone = [trainer.train(job, LOCAL) for job in jobs(start)]
    stacked = architecture.network.stacked(3) is not None
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)
        assert stacked or same(one, other)


@EVERY
def test_dropout_is_drawn_by_the_seed_and_scoring_drops_nothing(name: str) -> None:
    if "dropout" not in NETWORKS.find(name).Settings.model_fields:
        pytest.skip("declares no dropout")
    plain, architecture = architecture_of(name), architecture_of(name, dropout=0.5)
    start = 2 * plain.initial_weights(np.random.default_rng(3))
    trainer = make("sgd", architecture)

    def trained(seed: int):
        return trainer.train(TrainingJob(start, gateway(8), np.random.default_rng(seed)), LOCAL)

    assert same(trained(1), trained(1))
    assert np.abs(trained(1).weights - trained(2).weights).max() > 1e-4
    windows = gateway(20)
    expected = make("sgd", plain).score(start, windows)
    np.testing.assert_array_equal(trainer.score(start, windows).logits, expected.logits)


@EVERY
def test_a_model_file_brings_it_back(name: str, tmp_path) -> None:
    architecture = architecture_of(name)
    weights = architecture.initial_weights(np.random.default_rng(4))
    scaler = Scaler(np.zeros(VECTORS.shape[1]), np.ones(VECTORS.shape[1]))
    names = tuple("abcd")
    detector = Detector(architecture, weights, scaler, names[:CLASSES], names[:3], "v1")
    save_detector(detector, tmp_path / "detector.safetensors")
    loaded = load_detector(tmp_path / "detector.safetensors")
    assert loaded.architecture == architecture
    assert loaded.weights.tobytes() == weights.tobytes()


@EVERY
@pytest.mark.parametrize("window", [1, 2, 10])
def test_defaults_fit_any_window(name: str, window: int) -> None:
    config = Config.resolve({"model.network": name})
    assert Architecture.of(config.model, 8, window, 5).size > 0


@EVERY
def test_settings_go_through_texts_and_json(name: str) -> None:
    config = Config.resolve({"model.network": name, "model.dropout": 0.25})
    assert Config.resolve({k: str(v) for k, v in config.flat().items()}) == config
    assert Config.from_json(config.to_json()) == config
    own = {each.name for each in describe_settings() if each.member == name}
    assert own <= set(config.flat())
