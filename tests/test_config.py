"""Settings: one parser, one set of defaults, and every fault one clear line."""

from __future__ import annotations

import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest
from config_values import OPEN, OWN, VALID, WORDS, WRONG, chosen, settings
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from fednids.config import (
    Config,
    describe_settings,
    parse_settings,
    run_config_defaults,
    setting_names,
)
from fednids.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]

CONFIGS = settings().map(Config.resolve)

KEYS = tuple(Config().flat())
"""Settings of a run with all defaults."""

BROUGHT = ("data.window", "train.batch_size", "train.learning_rate")


def flattened(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Join the names of nested tables with dots."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        inner = flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else None
        flat.update(inner if inner is not None else {f"{prefix}{key}": value})
    return flat


def refused(settings: dict[str, object] | None = None, file: Path | None = None) -> str:
    """Return the one line with which settings are refused."""
    with pytest.raises(ConfigError) as caught:
        Config.resolve(settings, file=file)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert "got" in message
    assert ";" in message
    return message


class TestRoundTrips:
    def test_every_setting_is_tried(self) -> None:
        choices = {f"{section}.{group.choice}" for section, group in OPEN.items()}
        assert {*VALID, *OWN, *choices} == set(setting_names())

    @given(config=CONFIGS)
    @example(config=Config())
    def test_through_flowers_run_config(self, config: Config) -> None:
        flat = config.flat()
        assert set(flat) <= set(setting_names())
        assert {type(value) for value in flat.values()} <= {bool, int, float, str}
        assert Config.resolve(flat) == config

    @given(config=CONFIGS)
    @example(config=Config())
    def test_through_texts_as_on_the_command_line(self, config: Config) -> None:
        texts = {name: str(value) for name, value in config.flat().items()}
        assert Config.resolve(texts) == config

    @given(config=CONFIGS)
    @example(config=Config())
    def test_through_toml(self, config: Config, tmp_path: Path) -> None:
        file = tmp_path / "config.toml"
        file.write_text(config.to_toml(), encoding="utf-8")
        assert Config.resolve(file=file) == config

    @given(config=CONFIGS)
    def test_types_are_those_of_the_settings(self, config: Config) -> None:
        texts = {name: str(value) for name, value in config.flat().items()}
        again, values = Config.resolve(texts).flat(), config.flat()
        assert [type(again[name]) for name in values] == [type(values[name]) for name in values]


class TestDefaults:
    def test_resolve_to_themselves(self) -> None:
        assert Config.resolve() == Config.resolve({}) == Config()

    def test_equal_flowers_run_config(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        declared = flattened(project["tool"]["flwr"]["app"]["config"])
        expected = {**run_config_defaults(), "out": "", "settings": ""}
        assert declared == expected
        for name, value in declared.items():
            assert type(value) is type(expected[name]), name

    def test_empty_settings_of_members_are_the_chosen_ones_own(self) -> None:
        declared = run_config_defaults()
        assert Config.of_run(declared) == Config()
        scaffold = Config.of_run({**declared, "strategy.name": "scaffold"})
        assert scaffold == Config.resolve({"strategy.name": "scaffold"})
        spread = Config.of_run({**declared, "partition.scheme": "log-normal"})
        assert spread == Config.resolve({"partition.scheme": "log-normal"})
        given = Config.of_run({**declared, "partition.alpha": 0.5})
        assert given == Config()
        more = '{"strategy.name": "fedprox", "strategy.mu": 0.5}'
        given = Config.of_run({**declared, "settings": more})
        assert given == Config.resolve({"strategy.name": "fedprox", "strategy.mu": 0.5})

    @pytest.mark.parametrize("text", ["{", "3", '["a"]'])
    def test_settings_in_flowers_run_config_that_are_no_json_are_one_line(self, text: str) -> None:
        with pytest.raises(ConfigError, match="to be a JSON object") as caught:
            Config.of_run({"settings": text})
        assert len(str(caught.value).splitlines()) == 1

    def test_are_described_one_by_one(self) -> None:
        described = list(describe_settings())
        assert set(Config().flat()) <= {each.name for each in described}
        assert all(len(each.meaning.splitlines()) == 1 for each in described)
        shown = {each.name: each.default for each in described if each.member in ("", "cnn-bilstm")}
        assert shown["data.window"] == 10
        assert shown["model.channels"] is None

    def test_are_frozen(self) -> None:
        with pytest.raises(ValidationError):
            Config().data.window = 3  # type: ignore[misc]


class TestUnknown:
    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("data.widow", "data.window"),
            ("train.learningrate", "train.learning_rate"),
            ("train.batch-size", "train.batch_size"),
            ("federation.round", "federation.rounds"),
            ("partition.gateway", "partition.gateways"),
            ("model.chanels", "model.channels"),
            ("run.sead", "run.seed"),
            ("learning_rate", "train.learning_rate"),
        ],
    )
    def test_the_nearest_is_named(self, name: str, near: str) -> None:
        message = refused({name: 1})
        assert repr(name) in message
        assert message.endswith(f"did you mean {near}?")

    @pytest.mark.parametrize("name", ["", "zzz", "x\ny", "data", "data.", ".window"])
    def test_anything_else_is_refused_too(self, name: str) -> None:
        assert repr(name) in refused({name: 1})

    def test_nothing_near(self) -> None:
        assert refused({"zzz": 1}).endswith("`fednids config` lists them")


class TestWrongValues:
    @pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda part: repr(part)[:30])
    def test_one_line_names_the_setting(self, name: str, value: object) -> None:
        assert f"setting {name} " in refused({**chosen(name), name: value})

    def test_every_section_is_among_them(self) -> None:
        assert {name.split(".")[0] for name, _ in WRONG} == set(Config.model_fields)

    def test_what_came_and_the_rule_are_told(self) -> None:
        message = refused({"data.window": 300})
        assert message == (
            "setting data.window should be less than or equal to 256, got 300; see `fednids config`"
        )

    def test_of_several_the_first_is_told(self) -> None:
        message = refused({"run.seed": -1, "train.epochs": 0, "federation.rounds": 0})
        assert message.startswith("setting train.epochs ")
        assert "run.seed" not in message

    @given(
        name=st.sampled_from(setting_names()),
        value=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=2),
            max_leaves=4,
        ),
    )
    def test_any_value_is_taken_or_refused_in_one_line(self, name: str, value: object) -> None:
        try:
            config = Config.resolve({**chosen(name), name: value})
        except ConfigError:
            assert name.partition(".")[2] in refused({**chosen(name), name: value})
        else:
            assert Config.resolve(config.flat()) == config


class TestFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "settings.toml"

    def test_sections_are_tables_and_the_rest_is_default(self, file: Path) -> None:
        file.write_text("[train]\nepochs = 3\n[model]\nchannels = [8, 16]\n")
        found = Config.resolve(file=file)
        assert found == Config.resolve({"train.epochs": 3, "model.channels": "8, 16"})

    def test_single_settings_win(self, file: Path) -> None:
        file.write_text("[train]\nepochs = 3\nbatch_size = 7\n")
        found = Config.resolve({"train.epochs": "4"}, file=file)
        assert (found.train.epochs, found.train.batch_size) == (4, 7)

    def test_unknown_settings_are_refused(self, file: Path) -> None:
        file.write_text("[train]\nepoch = 3\n")
        assert "did you mean train.epochs?" in refused(file=file)

    def test_wrong_values_are_refused(self, file: Path) -> None:
        file.write_text("[train]\nepochs = 0\n")
        assert "setting train.epochs " in refused(file=file)

    @pytest.mark.parametrize("text", [b"[train\nepochs = 3", b"\xff\xfe", b"[a]\n[a]\n"])
    def test_no_toml_is_refused(self, file: Path, text: bytes) -> None:
        file.write_bytes(text)
        assert str(file) in refused(file=file)

    def test_a_missing_file_and_a_folder_are_refused(self, file: Path) -> None:
        assert str(file) in refused(file=file)
        assert str(file.parent) in refused(file=file.parent)

    def test_a_bare_key_is_refused(self, file: Path) -> None:
        file.write_text("epochs = 3\n")
        assert "bare key 'epochs'" in refused(file=file)


class TestParseSettings:
    def test_splits_at_the_first_equals_sign(self) -> None:
        found = parse_settings(["train.epochs=3", "data.path=a=b.csv", "model.channels="])
        assert found == {"train.epochs": "3", "data.path": "a=b.csv", "model.channels": ""}

    def test_spaces_around_do_not_matter_and_the_last_wins(self) -> None:
        assert parse_settings([" run.seed = 1 ", "run.seed=2"]) == {"run.seed": "2"}

    def test_what_comes_out_resolves(self) -> None:
        found = Config.resolve(
            parse_settings(
                ["model.channels=16, 32", "model.classes=binary", "model.readout=", "data.flows=9"]
            )
        )
        assert found.model.settings.channels == (16, 32)
        assert found.model.classes == "binary"
        assert found.model.settings.readout is None
        assert found.data.flows == 9

    @pytest.mark.parametrize("argument", ["epochs", "", "train.epochs:3", "a\nb"])
    def test_without_an_equals_sign(self, argument: str) -> None:
        with pytest.raises(ConfigError, match=r"section\.key=value") as caught:
            parse_settings(["run.seed=1", argument])
        assert len(str(caught.value).splitlines()) == 1
        assert repr(argument) in str(caught.value)


def test_a_preset_brings_what_nobody_has_given():
    lite = Config.resolve({"model.preset": "lite", "train.batch_size": 64})
    assert (lite.data.window, lite.train.batch_size) == (2, 64)
    assert lite.train.learning_rate == 0.006
    assert Config.resolve(lite.flat()) == lite
    assert Config.of_run(lite.flat()) == lite


def test_what_stands_in_flowers_run_config_is_never_brought_by_a_preset():
    window = Config.resolve({"model.preset": "lite", **{k: Config().flat()[k] for k in BROUGHT}})
    assert Config.of_run(window.flat()) == window
    assert window.data.window == Config().data.window


def test_empty_settings_of_members_in_flowers_run_config_are_their_defaults():
    declared = {
        **Config().flat(),
        "model.parts": "",
        "model.hidden": "",
        "model.preset": "",
        "out": "x",
    }
    assert Config.of_run(declared) == Config()
    assert Config.of_run({**declared, "model.parts": "cnn"}).model.settings.parts == "cnn"


def test_a_setting_of_another_network_is_refused():
    assert "did you mean model.hidden?" in refused({"model.hiden": 3})
    message = refused({"model.network": "cnn-bilstms"})
    assert message.startswith("expected model.network to be one of cnn-bilstm")


def test_an_unknown_preset_brings_nothing():
    assert Config.resolve({"model.preset": "large"}).data == Config().data


def test_a_renamed_setting_is_refused_with_its_new_name() -> None:
    with pytest.raises(ConfigError, match=r"expected train.final_rate_share, got its old name"):
        Config.resolve({"train.final_rate": 0.5})


def test_a_record_of_before_is_read_by_its_new_names(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[train]\nfinal_rate = 0.5\nepochs = 2\n")
    assert Config.recorded(file).train.final_rate_share == 0.5
    with pytest.raises(ConfigError, match="old name"):
        Config.resolve(file=file)


class TestMembers:
    """Settings of the chosen partitioner, algorithm or network."""

    @pytest.mark.parametrize(
        ("settings", "fault"),
        [
            ({"strategy.clusters": 2}, "it belongs to ifca"),
            ({"strategy.name": "fednova", "strategy.mu": 2}, "has none of its own"),
            ({"strategy.name": "fedavgg"}, "did you mean fedavg?"),
            ({"strategy.name": "krum", "strategy.malicous": 2}, "did you mean strategy.malicious?"),
            ({"partition.spread": 2}, "it belongs to log-normal, power-law"),
            ({"partition.scheme": "iid", "partition.alpha": 2}, "has none of its own"),
            ({"partition.scheme": "files", "partition.alpha": 2}, "has none of its own"),
            ({"partition.scheme": "dirichlett"}, "did you mean dirichlet?"),
            ({"partition.alhpa": 2}, "did you mean partition.alpha?"),
            ({"partition.scheme": "mixed", "partition.prefix": 9}, "it belongs to host-dirichlet"),
            ({"partition.scheme": "mixed", "partition.label_scheme": "iid"}, "label_scheme among"),
        ],
    )
    def test_others_are_refused(self, settings: dict[str, object], fault: str) -> None:
        assert fault in refused(settings)

    def test_or_left_out_where_several_runs_share_them(self) -> None:
        shared = {"strategy.name": "fedprox", "strategy.mu": 0.1, "strategy.beta": 0.3}
        alone = {"strategy.name": "fedprox", "strategy.mu": 0.1}
        assert Config.resolve(shared, lenient=True) == Config.resolve(alone)
        shared = {"partition.alpha": 0.1, "partition.spread": 2}
        assert Config.resolve(shared, lenient=True) == Config.resolve({"partition.alpha": 0.1})
        with pytest.raises(ConfigError, match=r"did you mean partition\.alpha"):
            Config.resolve({"partition.alhpa": 1}, lenient=True)

    def test_of_a_pair_of_schemes_are_those_of_both(self) -> None:
        pair = {"partition.scheme": "mixed", "partition.label_scheme": "shards"}
        config = Config.resolve({**pair, "partition.shards_per_gateway": 3})
        own = {"label_scheme", "size_scheme", "shards_per_gateway", "spread"}
        assert set(type(config.partition.settings).model_fields) == own

    @pytest.mark.parametrize("name", ["fedavg", "scaffold"])
    def test_survive_pickling(self, name: str) -> None:
        config = Config.resolve({"strategy.name": name, "partition.scheme": "mixed"})
        assert pickle.loads(pickle.dumps(config)) == config == Config.from_json(config.to_json())
