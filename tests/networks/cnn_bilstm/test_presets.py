"""Every preset resolves, settings replace its sizes, and sizes that do not fit are refused."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from fednids.config import Config, ModelConfig
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError
from fednids.metrics import majority_counts, scores
from fednids.networks.cnn_bilstm.declaration import PRESETS
from fednids.networks.interface import Architecture
from fednids.training.initial import initial_task, initial_weights, run_architecture
from fednids.training.local import LocalTrainer


def resolve(features=10, window=10, classes=5, **settings):
    return Architecture.of(ModelConfig.read(settings), features, window, classes)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_fits_the_default_window(name, classes):
    preset, architecture = PRESETS[name], resolve(8, 10, preset=name, classes=classes)
    assert (architecture.features, architecture.window, architecture.classes) == (8, 10, classes)
    settings = architecture.settings.model_dump()
    assert {size: settings[size] for size in preset} == preset
    sizes = {size: preset[size] for size in preset if size != "dropout"}
    assert {size: getattr(architecture.network, size) for size in sizes} == sizes
    assert architecture.initial_weights(np.random.default_rng(0)).shape == (architecture.size,)


def test_paper_has_the_published_number_of_weights():
    features, (first, second), kernel, hidden, dense, logits = 10, (16, 32), 3, 64, 32, 1
    convolutions = kernel * features * first + first + kernel * first * second + second
    direction = 4 * hidden * second + 4 * hidden * hidden + 2 * 4 * hidden  # two biases
    head = 2 * hidden * dense + dense + dense * logits + logits
    published = convolutions + 2 * direction + head
    assert published == 56_401

    architecture = resolve(features, 10, preset="paper", classes=5)
    second_bias = 4 * hidden
    # of the reverse direction: the recurrent weights, and the forget gate's inputs and bias
    left_out = second_bias + second_bias + 4 * hidden * hidden + hidden * second + hidden
    other_logits = (architecture.classes - logits) * (dense + 1)
    assert architecture.size == published - left_out + other_logits
    assert architecture.network.published_size() == published + other_logits

    whole = resolve(features, 10, preset="paper", classes=5, readout="states")
    assert whole.size == published - 2 * second_bias + other_logits
    assert whole.network.published_size() == published + other_logits


@pytest.mark.parametrize("features", [8, 86, 200])
def test_lite_has_at_most_a_quarter_of_the_weights(features):
    assert 4 * resolve(features, 2, preset="lite").size <= resolve(features, 10).size


def test_lite_learns_synthetic_flows():
    settings = {"model.preset": "lite", "data.flows": 12_000, "partition.gateways": 1}
    config = Config.resolve({**settings, "partition.scheme": "iid"})
    place = LocalTrainer(config, FederatedDataset.open(config))
    task = initial_task([place.statistics(0)], config)
    weights = initial_weights(run_architecture(task, config), config)
    for number in range(1, 4):
        weights = place.train(0, weights, replace(task, server_round=number)).update.weights
    counts = place.evaluate(0, weights, task).counts
    majority = majority_counts(counts.support, counts.support)
    found, constant = (scores(each, place.dataset.classes) for each in (counts, majority))
    assert found.macro_f1 > 2 * constant.macro_f1


def test_settings_replace_sizes_of_the_preset():
    settings = {
        "channels": (4, 5, 6),
        "kernel": 5,
        "pools": (2, 1, 2),
        "hidden": 7,
        "dense": 3,
        "dropout": 0.25,
        "readout": "mean",
    }
    whole = resolve(preset="default", **settings)
    found = whole.settings.model_dump()
    assert {name: found[name] for name in settings} == settings
    base = resolve(preset="paper")
    for name in ("kernel", "hidden", "dense", "dropout", "readout"):
        one = resolve(preset="paper", **{name: settings[name]})
        changed = {n for n in settings if getattr(one.settings, n) != getattr(base.settings, n)}
        assert changed == {name}


@pytest.mark.parametrize("name", PRESETS)
def test_parts_take_one_half_out_and_leave_the_other_as_it_is(name):
    whole = resolve(preset=name)
    cnn, bilstm = resolve(preset=name, parts="cnn"), resolve(preset=name, parts="bilstm")
    halves = (("cnn", cnn, {"hidden": 0}), ("bilstm", bilstm, {"channels": (), "pools": ()}))
    for part, half, taken in halves:
        assert half.settings == whole.settings.model_copy(update={"parts": part})
        assert {name: getattr(half.network, name) for name in taken} == taken
    assert bilstm.network.kernel == 1
    sizes = {p.name: p.size for p in whole.layout.parameters}
    lstm = sum(size for part, size in sizes.items() if part.startswith("lstm."))
    network = whole.network
    narrower = (2 * network.hidden - network.channels[-1]) * (network.dense or whole.classes)
    assert cnn.size == whole.size - lstm - narrower
    assert cnn.network.published_size() == cnn.size
    assert bilstm.network.steps == (whole.window,)
    kept = {p.name for p in bilstm.layout.parameters}
    assert kept == {part for part in sizes if not part.startswith("conv")}
    assert bilstm.network.published_size() > bilstm.size


def test_zero_replaces_a_size_too():
    assert resolve(preset="paper", dense=0).network.dense == 0
    assert resolve(preset="paper", dropout=0.0).settings.dropout == 0.0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"preset": "papers"}, "model.preset.*default.*paper.*'papers'"),
        ({"preset": ""}, "model.preset.*''"),
        ({"kernel": 4}, "odd model.kernel.*4"),
        ({"kernel": 2}, "odd model.kernel.*2"),
        ({"channels": (8,)}, r"model.pools.*\(2, 5\).*\(8,\)"),
        ({"pools": (1, 2, 2)}, r"model.pools.*\(1, 2, 2\).*\(16, 32\)"),
        ({"pools": (11, 1)}, r"data.window=10.*\(11, 1\)"),
        ({"pools": (4, 3)}, r"data.window=10.*\(4, 3\)"),
        ({"window": 9}, r"data.window=9.*\(2, 5\)"),
        ({"parts": "cnn", "readout": "states"}, "model.readout=last or mean.*states"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_in_one_line(settings, expected):
    with pytest.raises(ConfigError) as caught:
        resolve(**{"preset": "paper", **settings})
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("expected ")
    assert ", got " in message
    assert "; " in message
    assert re.search(expected, message)


def test_the_longest_pool_is_the_window():
    assert resolve(channels=(4,), pools=(10,)).network.steps == (10, 1)
    assert resolve(window=1, channels=(4,), pools=(1,)).network.steps == (1, 1)
