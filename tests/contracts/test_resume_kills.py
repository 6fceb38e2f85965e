"""Real runs that are killed at random moments end with the bits of runs never stopped.

``FEDNIDS_KILLS`` (2) is how often each run is killed, ``FEDNIDS_KILL_SEED`` (100) draws when.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from runs_factory import small_config

from fednids.config import Config
from fednids.errors import RunError
from fednids.experiment.execution import execute, resume
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.folder import is_finished

pytestmark = pytest.mark.slow

ROUNDS = 6
KILLS = int(os.environ.get("FEDNIDS_KILLS", "2"))
SEED = int(os.environ.get("FEDNIDS_KILL_SEED", "100"))
COMMANDS = {"federated": "simulate", "local": "local", "centralised": "centralised"}
FEDNIDS = [sys.executable, "-m", "fednids"]

CHANGES: list[dict[str, object]] = [
    {"strategy__name": "scaffold"},
    {"strategy__name": "feddyn"},
    {"strategy__name": "fedavgm", "wire__up": "topk"},
    {"strategy__name": "fedadam", "wire__up": "topk"},
    {"strategy__name": "fedyogi", "run__keep": "best"},
    {"strategy__name": "fedadagrad"},
    {"strategy__name": "fedper"},
    {"strategy__name": "ditto"},
    {"strategy__name": "ifca"},
]
CASES = [
    *(("federated", engine, each) for each in CHANGES for engine in ("inprocess", "processes")),
    ("local", "inprocess", {"run__keep": "best"}),
    ("centralised", "inprocess", {}),
]


def tiny(engine: str, **changes: object) -> Config:
    base: dict[str, object] = {
        "data__flows": 600, "partition__gateways": 4, "federation__rounds": ROUNDS,
        "partition__alpha": 2.0, "model__channels": "4", "model__hidden": 4,
        "federation__fraction": 0.8, "run__engine": engine, "run__workers": 2,
    }  # fmt: skip
    if "run__keep" in changes:
        base["data__validation_share"] = 0.2
    return small_config(**{**base, **changes})


def ends(folder: Path) -> dict[str, object]:
    """Everything that must be the same: detectors, memories, scores."""
    found: dict[str, object] = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in ("model.safetensors", "models/*", "checkpoint/gateways/*/*")
        for path in folder.glob(pattern)
    }
    result = json.loads((folder / "result.json").read_text())
    lines = (folder / "rounds.jsonl").read_text().splitlines()
    found["rounds"] = [{**json.loads(line), "seconds": 0} for line in lines]
    return found | {name: result[name] for name in ("final", "final_novel", "majority")}


def done(out: Path) -> int:
    """Tell how many rounds are whole."""
    return read_checkpoint(out).server_round if (out / "config.toml").exists() else 0


def moment(out: Path, rng: np.random.Generator) -> Callable[[], bool]:
    """Choose what is waited for: a file of some round that appears, or lines that are there."""
    number = int(rng.integers(min(done(out) + 1, ROUNDS), ROUNDS + 1))
    file = f"round-{number:06d}.safetensors"
    kind = int(rng.integers(3))
    if kind == 0:
        return lambda: (out / "checkpoint" / file).exists()
    if kind == 1:
        written = out / "rounds.jsonl"
        return lambda: written.exists() and written.read_bytes().count(b"\n") >= number
    return lambda: (
        any((out / "checkpoint").glob(f"gateways/*/{file}")) or (out / "checkpoint" / file).exists()
    )


def kill(arguments: list[str], due: Callable[[], bool], delay: float) -> None:
    """Start a command and kill it a while after something has come."""
    process = subprocess.Popen([*FEDNIDS, *arguments], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while process.poll() is None and not due():
        assert time.monotonic() < until
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(
    ("kind", "engine", "changes"),
    CASES,
    ids=[" ".join([k, e, *map(str, c.values())]) for k, e, c in CASES],
)
def test_a_run_killed_again_and_again_ends_as_one_never_stopped(
    kind: str, engine: str, changes: dict[str, object], tmp_path: Path
) -> None:
    config, out = tiny(engine, **changes), tmp_path / "killed"
    place = [str(case) for case in CASES].index(str((kind, engine, changes)))
    rng = np.random.default_rng([SEED, place])
    (tmp_path / "config.toml").write_text(config.to_toml())
    command = [COMMANDS[kind], "--config", str(tmp_path / "config.toml"), "--out", str(out)]
    for _ in range(KILLS):
        kill([*command, "--quiet"], moment(out, rng), float(rng.uniform(0, 0.05)))
        if is_finished(out):
            break
        if (out / "config.toml").exists():
            command = ["resume", str(out)]
    if not is_finished(out):
        resume(out)
    execute(kind, tiny("inprocess", **changes), tmp_path / "whole")
    assert ends(out) == ends(tmp_path / "whole")


def test_killed_before_round_1_in_a_resume_and_before_the_result(tmp_path: Path) -> None:
    config, out = tiny("inprocess", strategy__name="scaffold"), tmp_path / "killed"
    (tmp_path / "config.toml").write_text(config.to_toml())
    begun = ["simulate", "--config", str(tmp_path / "config.toml"), "--out", str(out), "--quiet"]
    kill(begun, lambda: (out / "config.toml").exists(), 0)
    assert read_checkpoint(out).server_round == 0
    second = out / "checkpoint" / "round-000002.safetensors"
    kill(["resume", str(out), "--quiet"], second.exists, 0.02)
    resume(out)
    (out / "result.json").unlink()
    (out / "model.safetensors").unlink()
    resume(out)
    with pytest.raises(RunError, match=rf"all {ROUNDS}.*--rounds N"):
        resume(out)
    execute("federated", config, tmp_path / "whole")
    assert ends(out) == ends(tmp_path / "whole")


def limited() -> None:
    """Let no file grow beyond what the settings need and weights do not fit in."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))


def test_a_full_disk_ends_in_one_line_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    config = tiny("inprocess", strategy__name="scaffold", federation__rounds=2)
    execute("federated", config, tmp_path / "whole")  # so that flows are in the cache
    out = tmp_path / "full"
    (tmp_path / "config.toml").write_text(config.to_toml())
    done = subprocess.run(
        [*FEDNIDS, "simulate", "--config", str(tmp_path / "config.toml"), "--out", str(out)],
        capture_output=True, text=True, check=False, preexec_fn=limited,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert "File too large" in told[0]
    resume(out)
    assert ends(out) == ends(tmp_path / "whole")


@pytest.mark.parametrize(
    "more",
    [{}, {"availability__pattern": "random", "availability__share": 0.6},
     {"strategy__name": "classwise", "data__validation_share": 0.2}],
    ids=["plain", "absent", "recalibrated"],
)  # fmt: skip
def test_rounds_are_added_to_a_finished_run(tmp_path: Path, more: dict[str, object]) -> None:
    config, out = tiny("inprocess", federation__rounds=2, **more), tmp_path / "run"
    execute("federated", config, out)
    assert not (out / "checkpoint" / "gateways.jsonl").exists()
    result = resume(out, rounds=3).to_json()
    assert [entry["round"] for entry in result["rounds"]] == [1, 2, 3]
    assert result["extended"] == [{"after": 2, "before": 2, "rounds": 3}]
    again = tmp_path / "again"
    shutil.copytree(out, again)
    (again / "checkpoint" / "round-000003.safetensors").write_bytes(b"damaged")
    (again / "result.json").unlink()
    resume(again)
    assert ends(again) == ends(out)


def test_the_best_round_is_kept_and_the_run_stops_early(tmp_path: Path) -> None:
    config = tiny(
        "inprocess",
        federation__rounds=12,
        run__keep="best",
        run__patience=1,
        train__learning_rate=0.05,
    )
    result = execute("federated", config, tmp_path / "run").to_json()
    values = [entry["validation"]["macro_f1"] for entry in result["rounds"]]
    best = int(np.argmax(values))
    assert result["best_round"] == result["kept_round"] == best + 1
    assert result["stopped_early"]
    assert len(values) == best + 2 < 12
    assert result["rounds"][best]["test"]["macro_f1"] == result["final"]["macro_f1"]
