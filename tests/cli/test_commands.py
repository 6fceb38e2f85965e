"""Commands as people type them, in processes of their own where exit codes matter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import Result
from real_data import real_file
from runs_factory import SMALL
from typer.testing import CliRunner

from fednids.cli.main import app, run
from fednids.config import setting_names

SETTINGS = [f"{name}={value}" for name, value in SMALL.items()]


def fednids(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "fednids", *arguments],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stderr
    return done


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Run a command in this process, which has imported everything; it must end well."""
    assert run(list(arguments)) == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must end with exit code 2 and exactly one line."""
    assert run(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def commands() -> list[list[str]]:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    found = [[command.name or command.callback.__name__] for command in app.registered_commands]
    for name, group in groups.items():
        found += [[str(name), c.name or c.callback.__name__] for c in group.registered_commands]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(command: Sequence[str]) -> None:
    result: Result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert f"Example: fednids {' '.join(command)}" in " ".join(result.output.split())


def test_a_federation_ends_with_a_table_and_names_the_flows_synthetic(tmp_path: Path) -> None:
    done = fednids("simulate", "--out", str(tmp_path / "run"), *SETTINGS)
    for word in ("Benign", "Theft", "macro-F1", "majority", "synthetic", "result.json"):
        assert word in done.stdout
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["1/2", "2/2"]


def test_json_is_all_that_json_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, "simulate", "--out", str(tmp_path / "run"), "--json", *SETTINGS)
    assert err == ""
    assert json.loads(out) == json.loads((tmp_path / "run" / "result.json").read_text())


@pytest.mark.slow
def test_quiet_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("centralised", "--out", str(tmp_path / "run"), "--quiet", *SETTINGS)
    assert printed(capsys, *arguments) == ("", "")


def test_flags_win_over_settings_and_settings_over_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[federation]\nrounds = 5\n[run]\nseed = 5\n[train]\nepochs = 5\n")
    out, _ = printed(capsys, "config", "--config", str(file), "--json", "run.seed=4")
    assert json.loads(out)["federation.rounds"] == 5
    assert json.loads(out)["run.seed"] == 4
    arguments = ["--config", str(file), "--rounds", "1", "--seed", "3", *SETTINGS, "train.epochs=1"]
    settings = [a for a in arguments if not a.startswith("federation.rounds")]
    out, _ = printed(capsys, "local", "--out", str(tmp_path / "run"), "--json", *settings)
    used = json.loads(out)["settings"]
    assert (used["federation.rounds"], used["run.seed"], used["train.epochs"]) == (1, 3, 1)


def test_config_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, "config")
    assert all(name in out for name in setting_names())


def test_config_writes_a_file_that_config_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    sizes = ("model.channels=4,5", "model.pools=1,2")
    file.write_text(printed(capsys, "config", "--toml", *sizes)[0])
    read = json.loads(printed(capsys, "config", "--config", str(file), "--json")[0])
    assert read["model.channels"] == "4,5"


def test_a_saved_detector_scores_a_file_that_it_has_not_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder, flows = tmp_path / "run", tmp_path / "other.csv.gz"
    printed(capsys, "simulate", "--out", str(run_folder), "--quiet", *SETTINGS)
    printed(capsys, "data", "synthesise", str(flows), "--flows", "500", "--seed", "9")
    arguments = ("evaluate", "--model", str(run_folder), "--data", str(flows))
    scored = json.loads(printed(capsys, *arguments, "--json")[0])
    assert sum(map(sum, scored["final"]["confusion"])) == scored["flows"] == 500
    assert scored["trained_on_synthetic"]
    out, err = printed(capsys, *arguments)
    assert "Reconnaissance" in out
    assert "trained on synthetic flows" in err


@pytest.mark.slow
def test_evaluate_repeats_the_score_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of the run's own test flows, as one gateway's, gives the run's confusion."""
    from fednids.config import Config
    from fednids.datasets.federated import FederatedDataset
    from fednids.flows.files.writing import write_flows
    from fednids.flows.synthetic.synthesis import synthesise
    from fednids.seeding import Stream, generator

    result = json.loads(
        fednids("centralised", "--out", str(tmp_path / "run"), "--json", *SETTINGS).stdout
    )
    dealt = FederatedDataset.open(Config.resolve(SMALL))
    table = synthesise(1200, generator(1, Stream.SYNTHETIC))
    write_flows(table.take(dealt.split.test.nonzero()[0]), tmp_path / "test.csv")
    arguments = ("--model", str(tmp_path / "run"), "--data", str(tmp_path / "test.csv"), "--json")
    scored = json.loads(printed(capsys, "evaluate", *arguments)[0])
    assert scored["final"]["confusion"] == result["final"]["confusion"]


def test_describe_counts_the_real_rows(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(real_file("NF-BoT-IoT-v1-rows.csv"))
    out, _ = printed(capsys, "data", "describe", path, "--json")
    assert json.loads(out)["classes"]["Theft"] == 2


def test_doctor_finds_no_trap_here(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])
    findings = {found["subject"]: found for found in json.loads(capsys.readouterr().out)}
    assert not findings["MindSpore beside Flower"]["trap"]
    assert findings["flwr"]["state"] == "1.41.0"


def test_doctor_names_a_package_that_hides_ours(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "__init__.py").write_text("")
    code = (
        "import sys; from fednids.experiment.health import _shadows; "
        f"sys.path.insert(0, {str(tmp_path)!r}); print([f.subject for f in _shadows()])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['package server']"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate"], "--out"),
        (["simulate", "--out", "x", "--alhpa", "1"], "--alpha"),
        (["simulate", "--out", "x", "train.batchsize=3"], "train.batch_size"),
        (["simulate", "--out", "x", "train.batch_size=many"], "train.batch_size"),
        (["simulate", "--out", "x", "rounds"], "section.key=value"),
        (["simulate", "--out", "x", "--strategy", "fedbest"], "fedavg"),
        (["simulate", "--out", "x", "--scheme", "fair"], "dirichlet"),
        (["simulate", "--out", "x", "--alpha", "-1"], "alpha"),
        (["simulate", "--out", "x", "--gateways", "0"], "gateways"),
        (["simulate", "--out", "x", "--data", "no.csv"], "no.csv"),
        (["simulate", "--out", "x", "--config", "no.toml"], "no.toml"),
        (["evaluate", "--model", "no", "--data", "no.csv"], "no"),
        (["resume", "no"], "no"),
        (["data", "describe", "no.csv"], "no.csv"),
        (["data", "synthesise", "x.txt"], "x.txt"),
        (["data", "synthesise", "x.csv", "--flows", "1"], "1"),
        (["fly"], "fly"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in complaint(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_stops_cleanly_and_resume_goes_on(tmp_path: Path) -> None:
    """The real thing: a signal to a real process, then `fednids resume`."""
    out = tmp_path / "run"
    settings = [s for s in SETTINGS if not s.startswith("federation.rounds")]
    command = [sys.executable, "-m", "fednids", "simulate", "--out", str(out), "--rounds", "30"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, *settings], **pipes)
    wait_for_rounds(out, 2)
    os.kill(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert f"fednids resume {out}" in stderr.splitlines()[-1]
    assert len((out / "rounds.jsonl").read_text().splitlines()) < 30
    fednids("resume", str(out), "--quiet")
    result = json.loads((out / "result.json").read_text())
    assert [entry["round"] for entry in result["rounds"]] == list(range(1, 31))


def wait_for_rounds(out: Path, rounds: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        file = out / "rounds.jsonl"
        if file.exists() and len(file.read_text().splitlines()) >= rounds:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {rounds} rounds within two minutes")
