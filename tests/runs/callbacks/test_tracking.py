"""Sinks are told of whole rounds once each, over stops and failures."""

from __future__ import annotations

import csv
import importlib.util
import json
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from whole_result import rows, whole_result, whole_round

from fednids.config import Config
from fednids.errors import ConfigError, RunError, SetupError
from fednids.extensions import SINKS
from fednids.runs.callbacks import RoundEnd, RunStart, SinkState, Tracking, open_tracking, tracked
from fednids.runs.callbacks.interface import demand_package
from fednids.runs.provenance import this_process
from fednids.runs.records import ResultRecord
from fednids.runs.rounds import Round

ENDED = Round(1, [], [], [], 0.0, 0.0)


def missing(package: str) -> bool:
    return importlib.util.find_spec(package) is None


def write_round(path: Path, number: int) -> None:
    """Append a round as a run does."""
    (path / "checkpoint").mkdir(parents=True, exist_ok=True)
    for file, lines in (
        (path / "checkpoint" / "gateways.jsonl", rows(number)),
        (path / "rounds.jsonl", [whole_round(number)]),
    ):
        with file.open("a") as stream:
            stream.writelines(json.dumps(line) + "\n" for line in lines)


def tell(tracking: Tracking, path: Path, *numbers: int) -> None:
    for number in numbers:
        write_round(path, number)
        tracking.round_ended(ENDED, [np.zeros(1, np.float32)])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Noted:
    """A sink that remembers, and fails in one round."""

    def __init__(self, failing: int = 0):
        self.told: list[int] = []
        self.started: list[RunStart] = []
        self.result: object = "open"
        self._failing = failing

    def run_began(self, run: RunStart) -> str:
        self.started.append(run)
        return "place"

    def round_ended(self, ended: RoundEnd) -> None:
        if ended.number == self._failing:
            raise OSError("disk\nfull")
        self.told.append(ended.number)

    def run_ended(self, result: ResultRecord | None) -> None:
        self.result = result


RESULT = ResultRecord.model_validate(whole_result())


def start(path: Path) -> RunStart:
    return RunStart(path, "federated", Config())


def open_one(path: Path, sink: Noted, done: int = 0) -> Tracking:
    return Tracking(start(path), [(sink, SinkState("csv", "", done, "x" * done))])


def test_csv_has_a_row_a_round_and_a_row_a_gateway(tmp_path: Path) -> None:
    tracking = open_tracking(["csv"], start(tmp_path))
    tell(tracking, tmp_path, 1, 2)
    tracking.finish(RESULT)
    found = table(tmp_path / "rounds.csv")
    assert [row["round"] for row in found] == ["1", "2"]
    assert (found[1]["loss"], found[1]["participants"], found[1]["failures"]) == ("0.5", "2", "1")
    assert "test/macro_f1" not in found[0]  # undefined
    gateways = table(tmp_path / "gateways.csv")
    assert [(row["round"], row["partition_id"]) for row in gateways] == [
        ("1", "0"), ("1", "1"), ("2", "0"), ("2", "1"),
    ]  # fmt: skip
    assert float(gateways[2]["accuracy"]) == pytest.approx(0.9)
    assert float(gateways[2]["false_alarm_rate"]) == pytest.approx(0.25)


def test_a_resumed_run_goes_on_in_the_same_table(tmp_path: Path) -> None:
    tell(open_tracking(["csv"], start(tmp_path)), tmp_path, 1, 2)
    whole = (tmp_path / "rounds.csv").read_text()
    (tmp_path / "rounds.csv").write_text(whole + "3,0.1")  # killed while it was written
    again = open_tracking([], start(tmp_path), resumed=True)
    tell(again, tmp_path, 3)
    assert [row["round"] for row in table(tmp_path / "rounds.csv")] == ["1", "2", "3"]
    assert len(table(tmp_path / "gateways.csv")) == 6


def test_what_a_stop_kept_from_a_sink_is_told_on_resume(tmp_path: Path) -> None:
    sink = Noted()
    for number in (1, 2, 3):
        write_round(tmp_path, number)
    tracking = open_one(tmp_path, sink, done=1)
    tell(tracking, tmp_path, 4)
    assert sink.told == [2, 3, 4]
    assert (sink.started[0].done, sink.started[0].handle) == (1, "x")


def test_a_sink_that_fails_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink, other = Noted(failing=2), Noted()
    states = SinkState("csv", ""), SinkState("mlflow", "")
    shown = Noted()
    tracking = Tracking(start(tmp_path), list(zip((sink, other), states, strict=True)), [shown])
    with caplog.at_level(logging.WARNING, "fednids"):
        tell(tracking, tmp_path, 1, 2, 3)
        tracking.finish(RESULT)
    assert [record.getMessage() for record in caplog.records] == [
        "--track csv failed and is told no more: OSError: disk full"
    ]
    assert (sink.told, sink.result) == ([1], "open")
    assert (other.told, other.result) == ([1, 2, 3], RESULT)
    assert (shown.told, shown.result) == ([1, 2, 3], RESULT)
    again = json.loads((tmp_path / "tracking.json").read_text())
    assert [each["done"] for each in again] == [1, 3]


def test_a_stopped_run_closes_its_sinks(tmp_path: Path) -> None:
    sink = Noted()
    tracking = open_one(tmp_path, sink)

    def stopped() -> None:
        with tracked(tracking):
            tell(tracking, tmp_path, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert sink.result is None


@pytest.mark.parametrize("wanted", [["other"], ["csv", "csv"], ["csv="], [""]])
def test_wrong_sinks_are_refused(wanted: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_tracking(wanted, start(tmp_path))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_told_with_the_command() -> None:
    with pytest.raises(SetupError, match=r"pip install 'fednids\[x\]'") as caught:
        demand_package("no_such_package_here", "fednids[x]", "x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{}x", b"[1]", b'[{"name": 1}]', b"\xff"])
def test_a_damaged_ledger_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tracking.json").write_bytes(content)
    with pytest.raises(RunError, match=r"tracking\.json"):
        open_tracking([], start(tmp_path), resumed=True)


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """Read all event files of a folder: records of length, checksum, content, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for file in sorted(folder.glob("events*")):
        content, place = file.read_bytes(), 0
        while place < len(content):
            (size,) = struct.unpack_from("<Q", content, place)
            event = Event.FromString(content[place + 12 : place + 12 + size])
            place += 16 + size
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[value.tag, event.step] = value.simple_value
    return found


@pytest.mark.skipif(missing("tensorboardX"), reason="tensorboardX is not installed")
def test_tensorboard_event_files_go_on_after_a_resume(tmp_path: Path) -> None:
    first = open_tracking(["tensorboard"], start(tmp_path))
    tell(first, tmp_path, 1)
    first.finish(None)
    again = open_tracking([], start(tmp_path), resumed=True)
    tell(again, tmp_path, 2)
    again.finish(RESULT)
    found = scalars(tmp_path / "tensorboard")
    assert found["loss", 1] == 1.0
    assert found["loss", 2] == 0.5
    assert found["gateway-00001/accuracy", 2] == pytest.approx(0.9)


@pytest.mark.slow
@pytest.mark.skipif(missing("mlflow"), reason="mlflow-skinny is not installed")
def test_mlflow_keeps_one_run_over_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = open_tracking(["mlflow"], start(path))
    tell(first, path, 1)
    first.finish(None)
    again = open_tracking([], start(path), resumed=True)
    tell(again, path, 2)
    (path / "result.json").write_text("{}")
    made = {**this_process().to_json(), "command": ["fednids", "x"]}
    again.finish(ResultRecord.model_validate({**whole_result(), "provenance": made}))
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("fednids")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["federation.rounds"] == "10"
    assert run.data.tags["fednids.command"] == "fednids x"
    steps = client.get_metric_history(run.info.run_id, "gateway-00001/accuracy")
    assert [each.step for each in steps] == [1, 2]
    assert run.data.metrics["final/accuracy"] == pytest.approx(0.9)
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["result.json"]


def test_every_sink_has_a_name_without_marks() -> None:
    assert all(name.isalnum() and name.islower() for name in SINKS.names())


def test_a_sink_without_a_method_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected run_began, round_ended and run_ended"):
        SINKS.register("half")(list)
