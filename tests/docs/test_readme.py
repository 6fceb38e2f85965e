"""The README names what there is, and nothing that there is not."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fednids.cli.main import app
from fednids.config import setting_names

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TYPED = [line[2:] for line in README.splitlines() if line.startswith("$ ")]
FEDNIDS = [shlex.split(line) for line in TYPED if line.startswith("fednids ")]


def help_of(words: list[str]) -> str:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0, result.output
    return str(result.output)


@pytest.mark.parametrize("words", FEDNIDS, ids=" ".join)
def test_every_command_shown_can_be_typed(words: list[str]) -> None:
    shown = help_of([words[1]])
    for word in words[2:]:
        if word.startswith("--"):
            assert f"{word} " in shown
        elif "=" in word:
            assert word.partition("=")[0] in setting_names()


def test_every_command_is_in_the_table() -> None:
    shown = help_of([])
    for name in re.findall(r"^  (\w+)  ", shown.split("Commands:")[1], flags=re.M):
        assert f"`fednids {name}" in README, name


def test_every_link_to_a_file_leads_to_one() -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_test_command_is_what_ci_runs() -> None:
    assert "make test" in TYPED
    assert "make test\n" in (ROOT / ".ci" / "run").read_text()


def test_make_targets_shown_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    for target in re.findall(r"make ([a-z-]+)", README):
        assert target in targets, target
