"""Reading runs back, whole and damaged ones."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_result import whole_result, write_whole

from fednids.errors import RunError
from fednids.experiment import load

WHOLE = json.dumps(whole_result())


def fault(folder: Path) -> str:
    with pytest.raises(RunError) as caught:
        _ = load(folder).gateways_table
    told = str(caught.value)
    assert "\n" not in told
    assert str(folder) in told
    assert len(told) < 600
    return told


def test_a_run_is_read_as_types_and_frames(tmp_path: Path) -> None:
    run = load(write_whole(tmp_path / "run"))
    assert run.result.final.per_class["Attack"].support == 12
    assert run.config.federation.rounds == 10
    rounds, gateways = run.rounds_table, run.gateways_table
    assert list(rounds["round"]) == [1, 2]
    assert rounds["train.examples"].tolist() == [60, 60]
    assert rounds["test.novel.macro_f1"].isna().all()
    assert rounds["participants"][0] == [0, 1]
    assert not [name for name in rounds if name.startswith(("outcomes", "attack"))]
    last = gateways[gateways["round"] == 2]
    assert list(last["partition_id"]) == [0, 1]
    assert list(last["confusion"].iloc[0]) == [3, 1, 0, 6]
    assert run.provenance is None
    with pytest.raises(RunError, match="model"):
        run.model()


def test_a_run_of_version_1_is_read_under_the_names_of_today(tmp_path: Path) -> None:
    result = {**whole_result(), "schema_version": 1}
    about = {"liars": [1], "success": {"Attack": 0.5}, "errors": {"Attack": 0.5}}
    result["rounds"][0] |= {"chosen": 2, "fates": {"late": [1]}, "attack": about}
    kinds = {"kind": "alie", "share": 0.5, "schedule": "always", "strength": 1.0, "poisoned": None}
    result["attack"] = {**about, **kinds}
    result["final"] = {**result["final"], "mcc": 1.0000000000000002}
    run = load(write_whole(tmp_path / "run", result))
    first = run.rounds[0]
    assert (first.sampled, first.outcomes) == (2, {"late": [1]})
    assert first.attack
    assert first.attack.malicious == run.result.attack.malicious == [1]  # type: ignore[union-attr]
    assert run.result.final.mcc == 1.0
    assert not first.model_extra


def test_keys_of_a_later_release_are_kept(tmp_path: Path) -> None:
    result = {**whole_result(), "later": {"x": 1}}
    assert load(write_whole(tmp_path / "run", result)).result.model_extra == {"later": {"x": 1}}


def test_a_newer_schema_is_told_apart(tmp_path: Path) -> None:
    told = fault(write_whole(tmp_path / "run", {"schema_version": 3, "kind": []}))
    assert "schema version 2" in told
    assert "got version 3" in told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kind",), "other"), (("schema_version",), True), (("seed",), "1"), (("rounds",), None),
        (("final", "accuracy"), 1.5), (("final", "confusion"), [[-1]]), (("data",), []),
        (("seconds", "total"), math.nan), (("rounds", 0, "round"), 0),
    ],
)  # fmt: skip
def test_wrong_values_are_named(tmp_path: Path, path: tuple[Any, ...], value: object) -> None:
    result: Any = whole_result()
    inside = result
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    assert ".".join(str(step) for step in path) in fault(write_whole(tmp_path / "run", result))


CONTENT = st.one_of(
    st.binary(max_size=40),
    st.integers(0, len(WHOLE) - 1).map(lambda n: WHOLE[:n].encode()),
    st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=3)).map(
        lambda t: WHOLE[: t[0]].encode() + t[1] + b"\x00" + WHOLE[t[0] + 1 :].encode()
    ),
    st.just(b"[" * 100_000),
    st.just(b"9" * 10_000),
)


@settings(max_examples=60)
@given(CONTENT)
def test_damaged_results_are_one_error(tmp_path_factory: Any, content: bytes) -> None:
    folder = write_whole(tmp_path_factory.mktemp("fuzz") / "run")
    (folder / "result.json").write_bytes(content)
    fault(folder)


@pytest.mark.parametrize("name", ["config.toml", "gateways.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"\xff[[["])
def test_so_are_other_damaged_files(tmp_path: Path, name: str, content: bytes | None) -> None:
    folder = write_whole(tmp_path / "run")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    if (name, content) == ("config.toml", b""):
        assert load(folder).config.run.seed == 1  # an empty file leaves all defaults
    else:
        fault(folder)


def test_other_folders_are_no_runs(tmp_path: Path) -> None:
    fault(tmp_path)
    fault(tmp_path / "nowhere")


def test_reading_needs_no_framework(tmp_path: Path) -> None:
    folder = write_whole(tmp_path / "run")
    script = (
        "import sys; from fednids.experiment import load; load(sys.argv[1]).rounds_table; "
        "print([m for m in ('mindspore', 'flwr') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
