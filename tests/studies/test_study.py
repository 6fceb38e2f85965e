"""Study files: what they say, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_factory import STUDY, study

from fednids.errors import ConfigError, FednidsError
from fednids.studies.study import SHIPPED, expand, read_study, runs_of, shipped_studies


def test_settings_may_be_nested_or_quoted(tmp_path: Path) -> None:
    given = study(tmp_path)
    assert given.settings == {"data.flows": 600, "partition.gateways": 3}
    assert given.grid["strategy.name"] == ["fedavg", "fedprox"]
    assert given.varied == ("partition.alpha", "strategy.name")


def test_arms_and_seeds_have_defaults(tmp_path: Path) -> None:
    given = study(tmp_path, 'title = "t"\n')
    assert given.arms == ("centralised", "local", "federated")
    assert len(given.seeds) == 3
    assert len(expand(given)) == 9


def test_a_study_written_is_read_back(tmp_path: Path) -> None:
    text = STUDY + '[[variants]]\nname = "a"\ntrain.epochs = 2\n'
    given = study(tmp_path, text)
    assert study(tmp_path, given.to_toml()) == given


def test_later_settings_win_and_files_are_named_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = study(tmp_path).changed({"data.path": "flows.csv", "data.flows": 5}, seeds=(7,))
    assert given.settings["data.path"] == str(tmp_path / "flows.csv")
    assert given.settings["data.flows"] == 5
    assert given.seeds == (7,)
    with pytest.raises(ConfigError, match=r"partition\.alpha in one place.*\[grid\]"):
        given.changed({"partition.alpha": 1.0})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[grid]", "[gird]"), ["'gird'", "did you mean grid?"]),
        (("seeds", "sedes"), ["'sedes'", "did you mean seeds?"]),
        (("compare =", "compares ="), ["report.compares", "did you mean compare?"]),
        (("partition.alpha", "partition.alhpa"), ["partition.alhpa", "partition.alpha?", "grid"]),
        (("data.flows", "data.flow"), ["data.flow", "data.flows?", "settings"]),
        (("[0.1, 1.0]", "0.1"), ["a list of values for partition.alpha", "0.1"]),
        (("[0.1, 1.0]", "[]"), ["partition.alpha", "[]"]),
        (("[0.1, 1.0]", "[0.1, 0.1]"), ["partition.alpha without repeats", "0.1 twice"]),
        (("seeds = [1, 2]", "seeds = [1, 1]"), ["without repeats", "seeds"]),
        (("seeds = [1, 2]", "seeds = [-1]"), ["seeds.0", "-1"]),
        (("seeds = [1, 2]", 'seeds = ["x"]'), ["seeds.0", "'x'"]),
        (("seeds = [1, 2]", "seeds = []"), ["seeds"]),
        (('"local"', '"alone"'), ["arms.1", "'alone'", "local"]),
        (('title = "A small study"', ""), ["title", "none"]),
        (("[settings]", "[settings]\nrun.seed = 3"), ["run.seed", "seeds ="]),
        (("[settings]", '[settings]\nrun.engine = "ray"'), ["run.engine"]),
        (("[settings]", "[settings]\npartition.alpha = 3"), ["partition.alpha", "[settings]"]),
        (('"strategy.name"\n', '"train.epochs"\n'), ["train.epochs", "partition.alpha"]),
        (("[report]", '[report]\nskew = "jensen"'), ["'jensen'", "jensen_shannon?", "skew"]),
        (("[report]", "[report]\ntarget = 2"), ["report.target", "2"]),
        (("[report]", "[report"), ["TOML", "given.toml"]),
        (("[report]", "[[variants]]\ntrain.epochs = 2\n[report]"), ["variants.0.name"]),
        (
            ("[report]", '[[variants]]\nname = "a"\ntrain.epoch = 2\n[report]'),
            ["train.epoch'", "train.epochs?", "variants.0"],
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    change: tuple[str, str], words: list[str], tmp_path: Path
) -> None:
    assert change[0] in STUDY
    with pytest.raises(ConfigError) as caught:
        study(tmp_path, STUDY.replace(*change, 1))
    message = str(caught.value)
    assert "\n" not in message
    assert "given.toml" in message
    assert all(word in message for word in words), message
    assert message.startswith("expected ")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("1.0]", "-1.0]"), ["partition.alpha", "-1.0", "partition.alpha=-1.0"]),
        (("data.flows = 600", 'data.path = "/no.csv"'), ["/no.csv"]),
        (("data.flows = 600", 'data.flows = "many"'), ["data.flows", "many"]),
    ],
)
def test_a_value_is_refused_with_its_cell(
    change: tuple[str, str], words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(FednidsError) as caught:
        expand(study(tmp_path, STUDY.replace(*change, 1)))
    assert all(word in str(caught.value) for word in words), caught.value


def test_no_such_study_names_those_that_ship() -> None:
    with pytest.raises(ConfigError, match="heterogeneity, quick, recipe, robustness, skew"):
        read_study("quikc")


def test_shipped_studies_are_whole_and_have_a_line_each() -> None:
    names = {"heterogeneity", "quick", "recipe", "robustness", "skew", "strategies"}
    assert set(shipped_studies()) == names
    for name, title in shipped_studies().items():
        given = read_study(name)
        cells = expand(given)
        assert title == given.title
        assert len(title) < 80
        assert "\n" not in title
        assert len(runs_of(cells)) == len({cell.run.name for cell in cells})
        assert len(given.seeds) >= 3
    assert (SHIPPED / "quick.toml").is_file()


def test_a_folder_of_the_name_of_a_shipped_study_is_no_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after ``fednids sweep quick --out quick``, which the same command goes on with."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick").mkdir()
    assert read_study("quick").title == shipped_studies()["quick"]
