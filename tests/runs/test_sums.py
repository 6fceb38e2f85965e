"""Files of a finished run that are not as the run wrote them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from runs_factory import small_config
from whole_result import write_whole

from fednids.cli.main import run
from fednids.errors import RunError
from fednids.experiment.execution import execute
from fednids.runs import checkpoint
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.layout import CONFIG, GATEWAYS, MODEL, RESULT, ROUNDS, SCORES
from fednids.runs.reader import Run, load, read_run
from fednids.runs.sums import SUMS, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run with every kind of file; what is in some of them does not matter."""
    path = write_whole(tmp_path / "run")
    for name in (ROUNDS, SCORES, MODEL):
        (path / name).write_bytes(b"whole\n" * 20)
    (path / "models").mkdir()
    (path / "models" / "gateway-00001.safetensors").write_bytes(b"whole")
    write_sums(path, (path / RESULT).read_bytes())
    return path


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


READS = {
    RESULT: lambda path: load(path).result,
    CONFIG: lambda path: load(path).config,
    GATEWAYS: lambda path: read_run(path).gateways,
    SCORES: lambda path: load(path).scores,
    MODEL: lambda path: Run(path).model(),
    "models/gateway-00001.safetensors": lambda path: Run(path).model(1),
}


@pytest.mark.parametrize("name", READS)
def test_a_damaged_file_is_named_when_it_is_read(folder: Path, name: str) -> None:
    flip(folder / name)
    with pytest.raises(RunError, match=f"expected {name} in .* as the run wrote it, got other"):
        READS[name](folder)


@pytest.mark.parametrize(
    "command", ["report RUN --html x", "evaluate --model RUN --data x", "cross RUN RUN --out x"]
)
def test_commands_refuse_a_damaged_run_in_a_line(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(folder / MODEL if command.startswith("evaluate") else folder / RESULT)
    assert run(command.replace("RUN", str(folder)).split()) == 2
    assert "as the run wrote it" in " ".join(capsys.readouterr().err.split())


def test_coreutils_read_the_sums_too(folder: Path) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", SUMS]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0
    flip(folder / GATEWAYS)
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize("damage", [b"", b"nothing of the kind\n", b"\xff"])
def test_damaged_sums_are_a_line(folder: Path, damage: bytes) -> None:
    (folder / SUMS).write_bytes(damage)
    with pytest.raises(RunError, match=SUMS):
        load(folder)


def test_runs_without_sums_are_read(folder: Path) -> None:
    """They are older, or have not ended."""
    (folder / SUMS).unlink()
    load(folder)


@pytest.mark.parametrize("kind", [pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError])
def test_a_damaged_table_of_a_finished_run_is_a_line_when_rounds_are_added(
    kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flipped bits of a Parquet file raise all of these."""
    execute("federated", small_config(federation__rounds=1), tmp_path / "run")

    def refuse(folder: Path) -> None:
        raise kind("damaged")

    monkeypatch.setattr(checkpoint, "table_rows", refuse)
    with pytest.raises(RunError, match="damaged"):
        read_checkpoint(tmp_path / "run")
