"""Reports of runs that were run, so that what is made up elsewhere stays true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs_factory import SMALL

from fednids.cli.main import run
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.reader import read_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("light")]

SETTINGS = [f"{name}={value}" for name, value in SMALL.items()]
TROUBLE = [
    "availability.dropout_after=0.3", "federation.max_failures=0.9", "attack.kind=label-flip",
    "attack.share=0.34", "clock.speed_spread=1.0",
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "kind", "more"),
    [
        ("centralised", "centralised", []),
        ("local", "local", []),
        ("simulate", "federated", []),
        ("simulate", "federated", TROUBLE),
    ],
    ids=["centralised", "local", "federated", "trouble"],
)
def test_arms_are_read_and_a_stop_changes_only_what_a_stop_takes(
    command: str, kind: str, more: list[str], tmp_path: Path
) -> None:
    out, page = tmp_path / "run", tmp_path / "run.html"
    assert run([command, "--out", str(out), "--quiet", *SETTINGS, *more]) == 0
    assert run(["report", str(out), "--html", str(page), "--quiet"]) == 0
    found = read_run(out)
    record = json.loads((out / "result.json").read_text())
    assert found.kind == kind
    assert found.detector is not None
    scores = found.detector.all.to_json()
    assert scores.items() <= record["final"].items()
    assert found.gateways is not None
    assert len(found.gateways.ids) == (1 if kind == "centralised" else 3)
    if more:
        assert found.rounds[0].virtual_seconds > 0
        assert found.rounds[0].attack
        assert found.rounds[0].attack.success
    read_checkpoint(out)  # writes the rows of the rounds again, which a run that stops has
    (out / "result.json").unlink()
    (out / "gateways.parquet").unlink()
    stopped = read_run(out)
    assert stopped.detector is not None
    assert stopped.detector.all.to_json() == scores
    assert run(["report", str(out), "--html", str(page), "--quiet", "--force"]) == 0
    assert "stopped early" in page.read_text()
