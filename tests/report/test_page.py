"""What stands on the page."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altair.vegalite.v6.schema.core import load_schema
from jsonschema import Draft7Validator

from benchmarks.made_run import Made, make_run
from fednids.metrics import ConfusionCounts, scores
from fednids.report.figures.style import class_colours
from fednids.report.page import MOST_RUNS, Page
from fednids.report.writing import inlined, library, render_page, script_digest
from fednids.runs.reader import read_run

pytestmark = pytest.mark.usefixtures("light")

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """Tags, scripts and whether every tag is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def page_of(tmp_path: Path, *made: Made) -> str:
    runs = [read_run(make_run(tmp_path / f"run-{k}", each)) for k, each in enumerate(made)]
    return render_page(Page.of(runs))


def text_of(page: str) -> str:
    """Give what is read, without scripts and tags."""
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", body).split()))


def data_of(page: str) -> dict[str, Any]:
    found = json.loads(Outline(page).scripts[0])
    assert isinstance(found, dict)
    return found


def figures_of(page: str) -> list[str]:
    return [figure["key"] for part in data_of(page)["parts"] for figure in part["figures"]]


def test_a_federated_run_shows_everything(tmp_path: Path) -> None:
    made = Made(
        world=True, attacked=True, failures={2: "not finite"},
        settings={"strategy.name": "krum", "attack.kind": "label-flip"},
    )  # fmt: skip
    page = page_of(tmp_path, made)
    assert figures_of(page) == [
        "rates", "losses", "confusion", "roc", "precision", "reliability", "shares", "sizes",
        "heatmap", "lines", "participation", "attack", "costs",
    ]  # fmt: skip
    text = text_of(page)
    record = json.loads((tmp_path / "run-0" / "result.json").read_text())
    for name in ("macro_f1", "balanced_accuracy"):
        assert f"{record['final'][name]:.3f}" in text
        assert f"{record['majority'][name]:.3f}" in text
    for words in (
        "majority class", "federated · krum", "jensen shannon", "update lost", "absent", "virtual",
        "not finite", "strategy.name krum changed; default classwise", "label-flip",
        "ab" * 32, "plan fingerprint plan-1", "The flows are synthetic", "finished",
        "Theft taken for benign –",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize("kind", ["centralised", "local"])
def test_the_other_arms_show_what_they_have(kind: str, tmp_path: Path) -> None:
    gateways = 1 if kind == "centralised" else 6
    page = page_of(tmp_path, Made(kind=kind, gateways=gateways))
    shown = figures_of(page)
    assert {"rates", "losses", "confusion", "costs"} <= set(shown)
    assert ("heatmap" in shown) == (kind == "local")
    assert "attack" not in shown
    assert "MB to gateways" not in text_of(page)


def test_a_stopped_run_says_so_and_shows_what_there_is(tmp_path: Path) -> None:
    page = page_of(tmp_path, Made(finished=False))
    text = text_of(page)
    assert "stopped early: 4 of 4 rounds are there and no result.json" in text
    assert "majority class" not in text
    assert {"rates", "confusion", "heatmap"} <= set(figures_of(page))


def test_a_run_without_a_round_is_a_page(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", Made(finished=False))
    (folder / "rounds.jsonl").unlink()
    (folder / "checkpoint" / "gateways.jsonl").unlink()
    page = render_page(Page.of([read_run(folder)]))
    assert "No round has ended." in text_of(page)
    assert figures_of(page) == []


def test_one_round_is_a_page(tmp_path: Path) -> None:
    assert "rates" in figures_of(page_of(tmp_path, Made(rounds=1)))


def test_baselines_stand_beside_the_majority(tmp_path: Path) -> None:
    final = scores(ConfusionCounts(np.diag([50] * 5)), Made().classes).to_json()
    more = {"baselines": {"boosting": {"final": final, "final_novel": final}}}
    text = text_of(page_of(tmp_path, Made(result=more)))
    assert "boosting, all flows boosting, novel flows majority class, all flows" in text


def test_many_runs_have_one_table_one_chart_and_a_part_each(tmp_path: Path) -> None:
    page = page_of(tmp_path, Made(), Made(seed=2), Made(kind="local"), Made(finished=False, seed=3))
    text = text_of(page)
    assert "federated mean of 3" in text
    assert "4 (stopped)" in text
    assert page.count('<details class="run"') == 4
    parts = data_of(page)["parts"]
    assert [part["key"] for part in parts] == ["all", "run1", "run2", "run3", "run4"]
    overlay = parts[0]["figures"][0]
    lines = {row[3] for row in overlay["rows"]}
    assert lines == {"federated/0", "federated/1", "federated/2", "local/0"}


def test_more_runs_than_can_be_told_one_by_one_are_said_to_be(tmp_path: Path) -> None:
    made = [Made(gateways=2, rounds=1, seed=k) for k in range(1, MOST_RUNS + 2)]
    page = page_of(tmp_path, *made)
    assert '<details class="run"' not in page
    assert f"More than {MOST_RUNS} runs" in text_of(page)


def test_nothing_from_a_file_becomes_markup_or_script(tmp_path: Path) -> None:
    names = (EVIL, "DDoS", "DoS", "Reconnaissance", "</script>")
    final = scores(ConfusionCounts(np.diag([50, 50, 50, 50, 5])), names).to_json()
    made = Made(
        classes=names,
        failures={1: EVIL},
        result={
            "final": final, "final_novel": final,
            "data": {"path": EVIL, "sha256": EVIL, EVIL: EVIL},
            "versions": {EVIL: EVIL}, "seconds": {EVIL: EVIL},
            "partition": {"scheme": EVIL, "skew": {EVIL: EVIL}},
            "attack": {
                "kind": EVIL, "share": 0.2, "schedule": EVIL, "strength": None, "poisoned": None,
                "malicious": [0], "success": {EVIL: 0.5}, "errors": {EVIL: 0.5},
            },
        },
    )  # fmt: skip
    (tmp_path / "runs").mkdir()
    folder = make_run(tmp_path / "runs" / "<img src=x onerror=alert(2)>", made)
    page = render_page(Page.of([read_run(folder)]))
    outline = Outline(page)
    assert outline.open == []
    assert [tag for tag, _ in outline.tags if tag in ("script", "img")] == ["script"] * 3
    assert not any(name.startswith("on") for _, given in outline.tags for name in given)
    assert EVIL in text_of(page)
    assert EVIL in json.dumps(data_of(page), ensure_ascii=False).replace('\\"', '"')


def test_nothing_is_fetched_and_only_the_pages_scripts_run(tmp_path: Path) -> None:
    page = page_of(tmp_path, Made(), Made(kind="local"))
    outline = Outline(page)
    (policy,) = [
        str(given["content"])
        for tag, given in outline.tags
        if "http-equiv" in given and tag == "meta"
    ]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    for script in outline.scripts[1:]:
        assert script_digest(script) in policy
    addresses = [
        value for _, given in outline.tags for name, value in given.items()
        if name in ("src", "href") and not str(value).startswith(("#", "data:"))
    ]  # fmt: skip
    assert addresses == []


def test_every_chart_is_told_in_words_and_every_control_has_a_name(tmp_path: Path) -> None:
    page = page_of(tmp_path, Made(world=True, attacked=True), Made(kind="local"))
    tags = Outline(page).tags
    plots = [given for _, given in tags if given.get("class") == "plot"]
    assert len(plots) == len(figures_of(page))
    assert all(given["role"] == "img" and len(str(given["aria-label"])) > 40 for given in plots)
    keys = [given["id"] for _, given in tags if "id" in given]
    assert len(keys) == len(set(keys))
    assert page.count("<fieldset") == page.count("<legend>")
    for part in data_of(page)["parts"]:
        for figure in part["figures"]:
            assert f'id="{part["key"]}-{figure["key"]}"' in page


def test_the_library_ends_no_script_and_is_one_that_checks_out() -> None:
    script = library()
    assert "vegaEmbed" in script
    assert 400_000 < len(script) < 1_500_000
    assert not re.search(r"</script|<!--", script, flags=re.IGNORECASE)
    assert inlined("'</SCRIPT><!--'") == "'\\x3c/SCRIPT>\\x3c!--'"


def test_every_chart_keeps_to_the_schema_of_vega_lite(tmp_path: Path) -> None:
    many = Made(gateways=150, rounds=500)
    page = page_of(tmp_path, Made(world=True, attacked=True), many, Made(kind="local"))
    check = Draft7Validator(load_schema())
    found = [figure for part in data_of(page)["parts"] for figure in part["figures"]]
    assert len({figure["key"] for figure in found}) == 14
    for figure in found:
        assert not list(check.iter_errors({**figure["spec"], "config": data_of(page)["config"]}))


def test_each_class_has_its_own_colour_the_same_as_in_pictures(tmp_path: Path) -> None:
    page = page_of(tmp_path, Made())
    (shares,) = (f for f in data_of(page)["parts"][0]["figures"] if f["key"] == "shares")
    colours = shares["spec"]["encoding"]["color"]["scale"]["range"]
    shown = [re.search(rf"{name[4:-1]}: light-dark\((#\w+),", page) for name in colours]
    assert [match.group(1) for match in shown if match] == class_colours(5)
