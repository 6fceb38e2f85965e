"""The five worked examples of docs/extending.md, together, through every command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from plugin_files import forget_plugins

from fednids.cli.main import run
from fednids.runs.checkpoint import read_checkpoint

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
EXAMPLES = {
    kind: next(b for b in re.findall(r"```python\n(.*?)```", PAGE, re.S) if f"{kind}.register" in b)
    for kind in ("PARTITIONERS", "ALGORITHMS", "NETWORKS", "DATASETS", "SINKS")
}
SETTINGS = [
    "partition.scheme=in-turn", "partition.step=2", "strategy.name=leaning", "strategy.lean=0.3",
    "model.network=logistic", "data.window=2", "partition.gateways=3", "federation.rounds=2",
    "run.engine=inprocess",
]  # fmt: skip


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    found = []
    for kind, text in EXAMPLES.items():
        file = tmp_path / f"my_{kind.lower()}.py"
        file.write_text(text)
        found += ["--plugin", str(file)]
    with forget_plugins(monkeypatch):
        yield found


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    rng, lines = np.random.default_rng(3), ["Flow Duration,Tot Fwd Pkts,Fwd Pkt Len Mean,Label"]
    for code in rng.choice(3, 240, p=(0.5, 0.3, 0.2)):
        name = ("BENIGN", "Brute Force", "Slowloris")[code]
        lines.append(f"{rng.uniform(1, 2) + code:.3f},{rng.integers(9) + code},{code},{name}")
    path = tmp_path / "flows.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_each_example_is_at_most_a_page() -> None:
    assert max(len(text.splitlines()) for text in EXAMPLES.values()) <= 50


@pytest.mark.slow
def test_all_five_go_through_the_arms_resume_evaluate_and_report(
    plugins: list[str], flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(flows)]
    lines = tmp_path / "rounds.txt"
    out = tmp_path / "simulate"
    track = ["--track", f"lines={lines}"]
    assert run(["simulate", *plugins, *data, "--out", str(out), *track, "--quiet", *SETTINGS]) == 0
    assert [line.split()[0] for line in lines.read_text().splitlines()] == ["1", "2"]
    told = json.loads((out / "result.json").read_text())
    assert len(told["plugins"]) == 5
    assert list(told["final"]["per_class"]) == ["BENIGN", "BruteForce", "Slowloris"]
    assert set(read_checkpoint(out).state) == {"velocity"}
    assert len(list((out / "checkpoint" / "gateways").glob("*/round-*"))) == 3 * 2
    for arm in ("centralised", "local"):
        where = ["--out", str(tmp_path / arm), "--quiet"]
        assert run([arm, *plugins, *data, *where, *SETTINGS]) == 0
    assert run(["resume", str(out), "--rounds", "3", *plugins, "--quiet"]) == 0
    assert run(["evaluate", "--model", str(out), *data, *plugins]) == 0
    page = tmp_path / "page.html"
    assert run(["report", str(out), "--html", str(page), *plugins]) == 0
    assert "leaning" in page.read_text()
    capsys.readouterr()
    assert run(["data", "describe", str(flows), "--json", *plugins]) == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == "CIC-Small"


@pytest.mark.slow
def test_a_sweep_of_two_by_two_runs_them_in_other_processes(
    plugins: list[str], flows: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        'title = "five"\narms = ["federated"]\nseeds = [1]\n[settings]\n'
        f'data.path = "{flows}"\ndata.window = 2\npartition.gateways = 3\n'
        'federation.rounds = 1\nmodel.network = "logistic"\nstrategy.lean = 0.2\n'
        '[grid]\npartition.scheme = ["iid", "in-turn"]\nstrategy.name = ["fedavg", "leaning"]\n'
    )
    out = tmp_path / "study"
    assert run(["sweep", str(study), "--out", str(out), *plugins]) == 0
    assert len(list(out.glob("runs/*/result.json"))) == 4


@pytest.mark.slow
def test_an_installed_distribution_needs_no_flag(flows: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    points = []
    names = {
        "PARTITIONERS": ("partitioners", "in-turn", "in_turn"),
        "ALGORITHMS": ("algorithms", "leaning", "Leaning"),
        "NETWORKS": ("networks", "logistic", "Logistic"),
        "SINKS": ("sinks", "lines", "Lines"),
    }
    for kind, (group, name, attribute) in names.items():
        text = re.sub(r"^@[A-Z]+\.register\(.*\)\n", "", EXAMPLES[kind], flags=re.M)
        (site / f"mine_{group}.py").write_text(text)
        points.append(f"[fednids.{group}]\n{name} = mine_{group}:{attribute}\n")
    text = EXAMPLES["DATASETS"].replace('DATASETS.register("cic-small")(', "SPEC = (")
    (site / "mine_datasets.py").write_text(text)
    points.append("[fednids.datasets]\ncic-small = mine_datasets:SPEC\n")
    (info / "entry_points.txt").write_text("\n".join(points))
    lines = tmp_path / "rounds.txt"
    command = [
        sys.executable, "-m", "fednids", "simulate", "--data", str(flows), "--quiet",
        "--out", str(tmp_path / "run"), "--track", f"lines={lines}", *SETTINGS,
    ]  # fmt: skip
    here = os.environ.get("PYTHONPATH", str(Path(__file__).parents[2]))
    env = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{here}", "FEDNIDS_PLUGINS": "[]"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(lines.read_text().splitlines()) == 2
