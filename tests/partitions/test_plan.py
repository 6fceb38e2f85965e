"""A plan keeps what was dealt, answers fast, and its file survives or is refused with a reason."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fednids.files
from fednids.errors import PartitionError
from partitions import PartitionPlan


@st.composite
def plans(draw):
    gateways = draw(st.integers(1, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dealt = rng.integers(gateways, size=draw(st.integers(0, 60)))
    scheme = draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
    return PartitionPlan(scheme, dealt, gateways)


@pytest.fixture
def plan():
    return PartitionPlan("iid", np.array([2, 0, 2, 1, 0, 2], dtype=np.int32), 4)


def one_line(error: pytest.ExceptionInfo[PartitionError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("expected ")
    assert ", found " in message
    assert "; " in message
    return message


def test_rows_sizes_and_label_counts_by_hand(plan):
    assert [plan.rows(gateway).tolist() for gateway in range(4)] == [[1, 4], [3], [0, 2, 5], []]
    assert plan.sizes().tolist() == [2, 1, 3, 0]
    labels = np.array([1, 0, 1, 1, 1, 0], dtype=np.uint8)
    assert plan.label_counts(labels, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 2, 0], [0, 0, 0]]


@given(plans())
def test_rows_are_sorted_and_cover_every_flow_once(plan):
    parts = [plan.rows(gateway) for gateway in range(plan.gateways)]
    for gateway, rows in enumerate(parts):
        assert rows.dtype == np.int64
        assert rows.tolist() == np.flatnonzero(plan.assignment == gateway).tolist()
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(plan.assignment)))
    assert plan.sizes().tolist() == [len(rows) for rows in parts]


@pytest.mark.parametrize("gateways", [256, 257, 65_536, 65_537])
def test_rows_where_the_sort_key_changes_width(gateways):
    plan = PartitionPlan("x", np.array([gateways - 1, 0, gateways - 1]), gateways)
    assert plan.rows(gateways - 1).tolist() == [0, 2]
    assert plan.rows(gateways - 2).tolist() == []


def test_what_the_plan_gives_cannot_be_changed(plan):
    source = np.array([0, 1])
    copied = PartitionPlan("iid", source, 2)
    source[0] = 1
    assert copied.assignment.tolist() == [0, 1]
    for array in (plan.assignment, plan.rows(2)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    ("assignment", "gateways"),
    [
        ([0, 3], 3),
        ([0, -1], 3),
        ([[0, 1]], 3),
        ([0.0, 1.0], 3),
        ([True, False], 3),
        (["0"], 3),
        ([0], 0),
        ([], 2**31),
        (np.array([2**32], dtype=np.int64), 3),
    ],
)
def test_an_assignment_that_is_none_is_refused(assignment, gateways):
    with pytest.raises(PartitionError) as error:
        PartitionPlan("iid", np.array(assignment), gateways)
    one_line(error)


@pytest.mark.parametrize("partition_id", [-1, 4])
def test_an_unknown_gateway_is_refused(plan, partition_id):
    with pytest.raises(PartitionError, match="from 0 to 3") as error:
        plan.rows(partition_id)
    one_line(error)


def test_labels_of_other_flows_are_refused(plan):
    for labels in (np.zeros(5, np.uint8), np.full(6, 2, np.uint8), np.zeros((6, 1), np.uint8)):
        with pytest.raises(PartitionError) as error:
            plan.label_counts(labels, 2)
        one_line(error)


def test_fingerprint_tells_scheme_gateways_and_assignment_apart(plan):
    others = [
        PartitionPlan("iib", plan.assignment, 4),
        PartitionPlan("iid", plan.assignment, 5),
        PartitionPlan("iid", plan.assignment[::-1], 4),
        PartitionPlan("iid", plan.assignment[:-1], 4),
    ]
    same = PartitionPlan("iid", plan.assignment.astype(np.int64), np.int64(4))
    assert same == plan
    assert hash(same) == hash(plan)
    assert len({plan.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert plan not in others
    assert plan != "iid"


def test_fingerprint_does_not_change_between_versions(plan):
    assert plan.fingerprint == "e9ed5d8f01ca1e302248bd0cd22d86386e18828c523221aca73f74de2e9cd7d1"


@settings(max_examples=40, deadline=None)
@given(plans())
def test_reading_what_was_written_gives_it_back(tmp_path_factory, plan):
    path = tmp_path_factory.mktemp("plan") / "plan"
    plan.save(path)
    loaded = PartitionPlan.load(path)
    assert loaded == plan
    assert (loaded.scheme, loaded.gateways) == (plan.scheme, plan.gateways)
    assert loaded.assignment.tolist() == plan.assignment.tolist()
    assert loaded.assignment.dtype == np.int32


def test_the_same_plan_makes_the_same_file(plan, tmp_path):
    plan.save(tmp_path / "one.npz")
    plan.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_failed_save_leaves_the_old_file_and_nothing_else(plan, tmp_path, monkeypatch):
    path = tmp_path / "plan.npz"
    plan.save(path)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fednids.files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        PartitionPlan("iid", np.zeros(3, np.int32), 1).save(path)
    assert PartitionPlan.load(path) == plan
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.npz"]


@settings(deadline=None)
@given(st.data())
def test_a_damaged_file_gives_the_plan_or_one_clear_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("plan") / "plan.npz"
    plan = PartitionPlan("dirichlet", np.arange(40, dtype=np.int32) % 7, 7)
    plan.save(path)
    whole = path.read_bytes()
    kept = bytearray(whole[: data.draw(st.integers(0, len(whole)), label="kept bytes")])
    for place, value in data.draw(
        st.dictionaries(st.integers(0, len(whole) - 1), st.integers(0, 255), max_size=6)
    ).items():
        kept[place : place + 1] = bytes([value])
    path.write_bytes(kept)
    refusal = ""
    try:
        assert PartitionPlan.load(path) == plan
    except PartitionError as error:
        refusal = str(error)
    assert not refusal or str(path) in refusal
    assert "\n" not in refusal


def write_npz(path, **changes):
    plan = PartitionPlan("iid", np.array([0, 1, 1], dtype=np.int32), 2)
    arrays = {
        "scheme": np.array(plan.scheme),
        "gateways": np.array(2),
        "assignment": plan.assignment,
        "fingerprint": np.array(plan.fingerprint),
    } | changes
    with path.open("wb") as file:
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize(
    "changes",
    [
        {"assignment": None},
        {"fingerprint": None},
        {"assignment": np.array([1, 1, 1], dtype=np.int32)},
        {"assignment": np.array([0, 1, 2], dtype=np.int32)},
        {"assignment": np.array([0, None, 1], dtype=object)},
        {"gateways": np.array([2, 2])},
        {"gateways": np.array(3)},
        {"scheme": np.array("dirichlet")},
        {"fingerprint": np.array("0" * 64)},
    ],
    ids=str,
)
def test_a_file_that_is_no_such_plan_is_refused(tmp_path, changes):
    path = tmp_path / "plan.npz"
    write_npz(path)
    PartitionPlan.load(path)
    write_npz(path, **changes)
    with pytest.raises(PartitionError) as error:
        PartitionPlan.load(path)
    assert str(path) in one_line(error)


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "npy", "pickle", "zip"])
def test_a_file_of_another_kind_is_refused(tmp_path, kind):
    path = tmp_path / "plan.npz"
    if kind == "folder":
        path.mkdir()
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.arange(3))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("assignment.npy", "0,1,1")
    elif kind != "missing":
        contents = {"empty": b"", "text": b"a,b\n1,2\n", "pickle": pickle.dumps([0, 1])}
        path.write_bytes(contents[kind])
    with pytest.raises(PartitionError) as error:
        PartitionPlan.load(path)
    assert str(path) in one_line(error)


def test_partitions_import_numpy_and_nothing_heavier():
    script = "import sys, partitions; print(*(n.partition('.')[0] for n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"scipy", "pandas", "pyarrow", "sklearn", "flwr", "mindspore", "clients"}
