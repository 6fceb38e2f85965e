"""Axes of settings that change together, and cells that are left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from study_factory import study

from fednids.errors import ConfigError
from fednids.runs.layout import STUDY
from fednids.studies.engine import StudyFolder
from fednids.studies.study import expand, read_study, runs_of, shipped_studies

LINKED = """
title = "Two linked axes and a grid"
arms = ["federated"]
seeds = [1]

[grid]
train.epochs = [1, 2]

[[axes.strategy]]
name = "mean"
strategy.name = "fedavg"

[[axes.strategy]]
name = "pulled"
strategy.name = "fedprox"
strategy.mu = 0.5

[[axes.deal]]
name = "even"
partition.scheme = "iid"

[[axes.deal]]
name = "skewed"
partition.alpha = 0.1

[report]
compare = "strategy"
along = "deal"
"""
EXCLUDE = """
[[exclude]]
strategy.name = "fedprox"
deal = ["skewed", "other"]
"""


def test_axes_are_combined_with_each_other_and_with_the_grid(tmp_path: Path) -> None:
    cells = expand(study(tmp_path, LINKED))
    assert len(cells) == 2 * 2 * 2
    assert [name for name, _ in cells[0].place] == ["strategy", "deal", "train.epochs"]
    for cell in cells:
        place, config = dict(cell.place), cell.run.config
        assert config.strategy.name == {"mean": "fedavg", "pulled": "fedprox"}[place["strategy"]]
        assert config.partition.scheme == {"even": "iid", "skewed": "dirichlet"}[place["deal"]]
        assert config.train.epochs == place["train.epochs"]
        if place["strategy"] == "pulled":
            assert config.strategy.settings.mu == 0.5


def test_an_arm_that_does_not_read_an_axis_says_so(tmp_path: Path) -> None:
    cells = expand(study(tmp_path, LINKED.replace('["federated"]', '["local", "centralised"]')))
    unread = {cell.arm: cell.unread for cell in cells}
    assert unread == {"local": {"strategy"}, "centralised": {"strategy", "deal"}}


def test_cells_are_excluded_by_settings_and_axes(tmp_path: Path) -> None:
    cells = expand(study(tmp_path, LINKED + EXCLUDE))
    places = Counter((dict(cell.place)["strategy"], dict(cell.place)["deal"]) for cell in cells)
    assert places == {("mean", "even"): 2, ("mean", "skewed"): 2, ("pulled", "even"): 2}


def test_a_study_with_axes_reads_back_as_it_was_kept(tmp_path: Path) -> None:
    given = study(tmp_path, LINKED + EXCLUDE)
    (tmp_path / "kept.toml").write_text(given.to_toml())
    assert read_study(str(tmp_path / "kept.toml")) == given
    folder = StudyFolder(tmp_path / "out")
    assert not folder.is_begun(STUDY)
    with folder.opened(STUDY, given.to_toml()):
        pass
    assert folder.is_begun(STUDY)
    assert read_study(str(folder.path / STUDY)) == given


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("axes.deal", "axes.arm"), ["'arm'", "rename"]),
        (("axes.deal", 'axes."train.deal"'), ["'train.deal'", "rename"]),
        (('name = "pulled"', 'name = "mean"'), ["strategy", "'mean' twice"]),
        (('along = "deal"', 'along = "deals"'), ["report.along", "'deals'", "strategy, deal"]),
        (('along = "deal"', 'along = "strategy"'), ["another name", "'strategy'"]),
        (
            ("partition.alpha = 0.1", "strategy.name = 'krum'"),
            ["strategy.name in one place", "[[axes.deal]]", "[[axes.strategy]]"],
        ),
        (("train.epochs = [1, 2]", "partition.alpha = [1.0]"), ["[grid]", "[[axes.deal]]"]),
        (("[report]", "[[exclude]]\nstrategies = 'mean'\n[report]"), ["'strategies'"]),
    ],
)
def test_a_mistake_in_axes_is_one_line(
    change: tuple[str, str], words: list[str], tmp_path: Path
) -> None:
    assert change[0] in LINKED
    with pytest.raises(ConfigError) as caught:
        study(tmp_path, LINKED.replace(*change))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("expected ")
    assert all(word in message for word in words), message


def test_a_study_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="excludes them all"):
        expand(study(tmp_path, LINKED + "[[exclude]]\ntrain.epochs = [1, 2]\n"))


def test_cells_are_excluded_by_the_arm() -> None:
    cells = expand(read_study("recipe"))
    deals = {(c.arm, dict(c.place)["deal"]) for c in cells}
    assert ("local", "dirichlet 0.3, 40 rounds") not in deals
    assert ("federated", "dirichlet 0.3, 40 rounds") in deals
    assert {arm for arm, _ in deals} == {"centralised", "local", "federated"}


def test_rules_of_robustness_have_the_true_number_and_bulyan_is_left_out_where_undefined() -> None:
    assert "robustness" in shipped_studies()
    cells = expand(read_study("robustness"))
    for cell in cells:
        config = cell.run.config
        attackers = round(config.attack.share * config.partition.gateways)
        strategy = config.strategy.name
        malicious = getattr(config.strategy.settings, "malicious", None)
        if strategy in ("krum", "multikrum"):
            assert malicious == attackers
            assert config.partition.gateways >= 2 * malicious + 3
        if strategy == "bulyan":
            assert malicious == attackers
            assert config.partition.gateways >= 4 * malicious + 3
        if strategy == "fedtrimmedavg":
            assert config.strategy.settings.beta == config.attack.share
    clean = [run for run in runs_of(cells) if not run.config.attack.share]
    assert len(clean) == 10 * 3
    bulyan = {c.run.config.attack.share for c in cells if "bulyan" in dict(c.place).values()}
    assert bulyan == {0.0, 0.1, 0.2}
    assert {c.run.config.attack.share for c in cells} == {0.0, 0.1, 0.2, 0.3, 0.4}


def test_heterogeneity_is_every_strategy_at_every_deal() -> None:
    cells = expand(read_study("heterogeneity"))
    assert len(cells) == 7 * 4 * 3
    pairs = {(c.run.config.strategy.name, dict(c.place)["deal"]) for c in cells}
    assert len(pairs) == 28
