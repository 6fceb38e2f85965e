"""What docs/records.md says of reading a run works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from runs_factory import small_config

from fednids.experiment.execution import execute
from fednids.extensions import SINKS

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
TEXT = PAGE.read_text()


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    execute("centralised", small_config(federation__rounds=1), tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)
    exec(compile(example, str(PAGE), "exec"), {})
    assert "test.macro_f1" in capsys.readouterr().out


def test_every_sink_is_in_the_table() -> None:
    assert all(f"| `{name}` |" in TEXT for name in SINKS.builtin)


def test_links_lead_to_files() -> None:
    assert all((PAGE.parent / link).exists() for link in re.findall(r"\]\(([^)#:]+)\)", TEXT))
