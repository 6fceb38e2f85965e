"""Whatever is written into Flower's records is read back, through Flower's own wire format."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fednids.flows.scaling import Moments, Scaler
from fednids.messages import records as protocol
from fednids.messages.values import Card, Evaluation, Statistics, Task, Update
from fednids.metrics import ConfusionCounts

numbers = st.floats(-1e12, 1e12)
counts = st.integers(0, 2**40)
ids = st.integers(0, 99_999)
weights = arrays(np.float32, st.integers(1, 30), elements=st.floats(-1e6, 1e6, width=32))
features = st.integers(1, 9)


def floats(size: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, size, elements=numbers)


def over_the_wire(content: RecordDict) -> RecordDict:
    return recorddict_from_proto(recorddict_to_proto(content))


def equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other) and one.dtype == other.dtype  # type: ignore[union-attr]
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)  # type: ignore[arg-type]
    if isinstance(one, Moments):
        return all(equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return bool(one == other)


def assert_same(one: object, other: object) -> None:
    for field in fields(one):  # type: ignore[arg-type]
        assert equal(getattr(one, field.name), getattr(other, field.name)), field.name


@given(st.data(), weights, ids)
def test_tasks(data: st.DataObject, sent: np.ndarray, server_round: int) -> None:
    size = data.draw(features)
    scaler = Scaler(data.draw(floats(size)), data.draw(floats(size)))
    task = Task(server_round, scaler, np.array([0.5, 2.0], np.float32), 9, 70, 800)
    arrays = {"weights": sent, "control": sent + 1}
    received, read = protocol.read_task(over_the_wire(protocol.task_content(arrays, task)))
    assert_same(task, read)
    assert task.equals(read)
    assert read.equals(task)
    assert received.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(received[name], array)


@pytest.mark.parametrize(
    "change",
    [
        {"server_round": 4},
        {"size": 1},
        {"bytes_down": 1},
        {"bytes_up": 1},
        {"scaler": Scaler(np.zeros(3), np.array([1.0, 1.0, 1.0 + 1e-15]))},
        {"scaler": Scaler(np.array([0, 0, 1e-300]), np.ones(3))},
        {"class_weights": np.array([1, 1, 1, 1, 1.0000001], np.float32)},
        {"class_weights": np.ones(4, np.float32)},
        {"adjustment": np.zeros(5, np.float32)},
    ],
)
def test_tasks_that_differ_anywhere_are_not_equal(change: dict[str, object]) -> None:
    task = Task(3, Scaler(np.zeros(3), np.ones(3)), np.ones(5, np.float32))
    copy = Task(3, Scaler(np.zeros(3), np.ones(3)), np.ones(5, np.float32))
    other = replace(task, **change)  # type: ignore[arg-type]
    assert task.equals(task)
    assert task.equals(copy)
    assert not task.equals(other)
    assert not other.equals(task)


@pytest.mark.parametrize("adjustment", [None, np.array([-0.1, -7.3], np.float32)])
def test_an_adjustment_arrives_or_is_none(adjustment: np.ndarray | None) -> None:
    task = Task(1, Scaler(np.zeros(1), np.ones(1)), np.ones(2, np.float32), adjustment=adjustment)
    _, read = protocol.read_task(over_the_wire(protocol.task_content({}, task)))
    assert read.equals(task)
    if adjustment is not None:
        assert read.adjustment is not None
        assert read.adjustment.dtype == np.float32
        assert not read.equals(replace(task, adjustment=-adjustment))


@given(st.data(), ids, counts)
def test_statistics(data: st.DataObject, partition_id: int, count: int) -> None:
    size = data.draw(features)
    moments = Moments(count, data.draw(floats(size)), data.draw(floats(size)))
    support, trained, validated, tested = (
        data.draw(arrays(np.int64, 5, elements=counts)) for _ in range(4)
    )
    sent = Statistics(partition_id, moments, support)
    assert_same(sent, protocol.read_statistics(over_the_wire(protocol.statistics_content(sent))))
    card = Card("barn", "0.1", "ab", trained, validated, tested, count)
    content = over_the_wire(protocol.statistics_content(replace(sent, card=card)))
    read = protocol.read_statistics(content)
    assert read.card is not None
    assert_same(card, read.card)
    assert_same(sent, replace(read, card=None))


@given(ids, weights, counts, numbers | st.just(math.nan))
def test_updates(partition_id: int, trained: np.ndarray, count: int, loss: float) -> None:
    sent = Update(partition_id, trained, count, count, loss, 0.25, 1.5, 0.7, choice=3)
    read, weights = protocol.read_update(over_the_wire(protocol.update_content(sent)))
    assert_same(sent, read)
    assert list(weights) == ["weights"]


@given(weights)
def test_updates_with_encoded_weights_and_extras(trained: np.ndarray) -> None:
    parts = {"weights.codes": np.arange(3, dtype=np.int8), "weights.scales": np.ones(2)}
    sent = Update(3, trained, 5, 5, 0.1, 0.25, 1.5, extras={"control": trained})
    content = over_the_wire(protocol.update_content(sent, parts))
    read, encoded = protocol.read_update(content)
    assert {name: a.tolist() for name, a in encoded.items()} == {
        name: a.tolist() for name, a in parts.items()
    }
    np.testing.assert_array_equal(read.extras["control"], trained)
    assert not len(read.weights)


@given(st.data(), ids, numbers, st.sampled_from([2, 5]))
def test_evaluations(data: st.DataObject, partition_id: int, loss: float, classes: int) -> None:
    matrices = arrays(np.int64, (classes, classes), elements=counts)
    found, novel, triggered = (ConfusionCounts(data.draw(matrices)) for _ in range(3))
    for backdoored in (None, triggered):
        sent = Evaluation(partition_id, found, novel, loss, 0.0, backdoored)
        content = over_the_wire(protocol.evaluation_content(sent))
        assert_same(sent, protocol.read_evaluation(content))


def test_nothing_leaves_a_gateway_but_sums_counts_weights_and_times() -> None:
    """The list that the documentation gives; a new field must be thought about here."""
    left = {
        kind.__name__: [f.name for f in fields(kind)]
        for kind in (Statistics, Card, Update, Evaluation)
    }
    assert left == {
        "Statistics": ["partition_id", "moments", "train_support", "card"],
        "Card": ["name", "fednids", "schema", "trained", "validated", "tested", "novel"],
        "Update": [
            "partition_id", "weights", "examples", "steps", "loss", "seconds", "compile_seconds",
            "start_loss", "extras", "choice",
        ],
        "Evaluation": [
            "partition_id", "counts", "novel", "loss", "compile_seconds", "triggered",
            "validation", "curves",
        ],
    }  # fmt: skip


def test_bytes_grow_with_the_weights() -> None:
    task = Task(1, Scaler(np.zeros(3), np.ones(3)), np.ones(5, np.float32))
    small, large = (
        protocol.task_content({"weights": np.zeros(n, np.float32)}, task) for n in (10, 1010)
    )
    assert protocol.content_bytes(large) - protocol.content_bytes(small) == 4000


@pytest.mark.parametrize(
    "sent",
    [
        np.arange(6, dtype=np.float32),
        np.arange(6, dtype=np.int8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.empty((0, 4), np.float16),
        np.float32(3.0),
        np.arange(3, dtype=">f4"),
        np.array(["a", "bc"]),
    ],
    ids=str,
)
def test_arrays_are_read_as_flower_reads_them(sent: np.ndarray) -> None:
    array = Array(np.asarray(sent))
    expected, found = array.numpy(), protocol.read_arrays(ArrayRecord({"a": array}))["a"]
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)
    assert found.flags.writeable
    assert not np.shares_memory(found, np.frombuffer(array.data, np.uint8))


@given(st.binary(max_size=200), st.integers(0, 190))
def test_damaged_arrays_fail_as_flower_does_or_are_what_it_reads(noise: bytes, place: int) -> None:
    whole = Array(np.arange(20, dtype=np.float32)).data
    data = whole[:place] + noise + whole[place + len(noise) :]
    array = Array("float32", (20,), "numpy.ndarray", data)
    record = ArrayRecord({"a": array})
    try:
        expected = array.numpy()
    except Exception as error:
        with pytest.raises(type(error)):
            protocol.read_arrays(record)
    else:
        np.testing.assert_array_equal(protocol.read_arrays(record)["a"], expected)
