"""Every row can be run: its settings resolve, and somebody runs it."""

from __future__ import annotations

import re

import pytest

from fednids.experiment.execution import check_settings
from fednids.networks.cnn_bilstm.presets import build_architecture
from fednids.studies.reproduce.folder import Plan
from fednids.studies.reproduce.measuring import RUNS
from fednids.studies.reproduce.rows import CLEAN, LEAKING, PARTS, ROWS


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", ROWS)
def test_settings_of_every_row_fit_together(name: str, quick: bool) -> None:
    row = ROWS[name]
    assert row.runs in RUNS
    assert row.part in PARTS
    assert re.fullmatch(r"[a-z0-9-]+", name)
    config = Plan(quick=quick).config(name, 7)
    check_settings(config)
    assert config.run.seed == 7
    for setting, value in row.settings.items():
        if not (quick and setting == "federation.rounds"):
            assert config.flat()[setting] == value
    if quick:
        assert config.federation.rounds == 2


def test_titles_tell_rows_apart() -> None:
    titles = [(row.part, row.title) for row in ROWS.values()]
    assert len(set(titles)) == len(titles)


def test_only_the_rows_that_say_so_are_of_the_published_protocol() -> None:
    published = [name for name, row in ROWS.items() if row.runs == "published"]
    assert published[:2] == [LEAKING, CLEAN]
    assert all(ROWS[name].part == "published" for name in published)
    assert all(name.startswith("published-") for name in published)


def test_halves_and_windows_differ_from_their_whole_in_that_alone() -> None:
    for name, whole in (("five-paper-cnn", "five-paper"), ("five-default-bilstm", "five-default")):
        ours, theirs = (Plan().config(each, 1).flat() for each in (name, whole))
        assert {s for s in ours if ours[s] != theirs[s]} == {"model.parts"}
        assert build_architecture(Plan().config(name, 1).model, 8, 10).size > 0
    ours, theirs = (Plan().config(n, 1).flat() for n in ("five-default-window-5", "five-default"))
    assert {s for s in ours if ours[s] != theirs[s]} == {"data.window"}
