"""Specs of data sets: what is refused in a line, and what the ones that ship say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from real_data import real_file

from fednids.config import Config
from fednids.datasets.encoders import Balance, Linear
from fednids.datasets.nf_cse_cic_ids2018 import NF_CSE_CIC_IDS2018, NF_CSE_CIC_IDS2018_V3
from fednids.datasets.nf_uq_nids import NF_UQ_NIDS
from fednids.datasets.registry import all_datasets, chosen_features, find_dataset
from fednids.datasets.spec import Column, DatasetSpec
from fednids.errors import ConfigError
from fednids.extensions import DATASETS
from fednids.flows.files.reading import read_flows
from fednids.flows.prepared import prepare_table

SIZE, KIND = Column("size", "feature"), Column("kind", "label", "text")
GOOD: dict[str, Any] = {
    "name": "mine", "columns": (SIZE, KIND), "classes": ("bad", "good"), "benign": "good",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "expected a name"),
        ({"columns": (SIZE, SIZE, KIND)}, "each column once, got 'size' 2 times"),
        ({"columns": (replace(SIZE, role="features"), KIND)}, "known role and type for .*'size'"),
        ({"columns": (replace(SIZE, type="text"), KIND)}, "numbers and an encoder"),
        ({"columns": (replace(SIZE, encoder=None), KIND)}, "numbers and an encoder"),
        ({"columns": (replace(SIZE, least=2, most=1), KIND)}, "range .* got 2 to 1"),
        ({"columns": (replace(SIZE, role="time"), KIND)}, "column of role 'feature', got none"),
        ({"columns": (SIZE,)}, "one label of type 'text'"),
        ({"columns": (SIZE, KIND, Column("ip", "address"))}, "no address or two"),
        ({"classes": ("good",)}, "2 to 255 different classes"),
        ({"classes": ("good", "bad", "bad")}, "2 to 255 different classes"),
        ({"benign": "Benign"}, "benign to be one of bad, good, got 'Benign'"),
        ({"spellings": {"BAD": "worse"}}, "a class for 'BAD', got 'worse'"),
        ({"feature_sets": {"v1": ("sizes",)}}, "feature columns in each .* got 'sizes'"),
        ({"feature_sets": {"v1": ()}}, "feature columns in each"),
        ({"derived": (Balance("b", "size", "length"),)}, "derived features of feature columns"),
        (
            {"columns": (SIZE, Column("more", "feature", encoder=Linear("size_log")), KIND)},
            "each feature of set 'all' from one encoder, got 'size_log'",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        DatasetSpec(**{**GOOD, **changes})
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("data set ")


def test_the_benign_class_is_first_and_one_set_holds_all_features() -> None:
    spec = DatasetSpec(**GOOD, spellings={"BAD": "bad"})
    assert spec.classes == ("good", "bad")
    assert spec.codes == {"good": 0, "bad": 1, "BAD": 1}
    assert spec.feature_sets == {"all": ("size",)}
    assert spec.title == "mine"


def test_those_that_ship_are_found_by_their_names() -> None:
    assert [spec.name for spec in all_datasets()] == list(DATASETS.names())
    classes = {spec.name: len(spec.classes) for spec in all_datasets()}
    wanted = {"bot-iot": 5, "ton-iot": 10, "unsw-nb15": 10, "cse-cic-ids2018": 15, "uq-nids": 21}
    assert {f"nf-{name}{v}": n for v in ("", "-v3") for name, n in wanted.items()} == classes
    with pytest.raises(ConfigError, match=r"data.dataset to be one of .*did you mean nf-ton-iot"):
        find_dataset("nf-ton-iott")


def test_parents_of_the_merged_set() -> None:
    names = NF_UQ_NIDS.classes
    parent = {text: names[code] for text, code in NF_UQ_NIDS.codes.items()}
    assert {parent[name] for name in NF_CSE_CIC_IDS2018.classes} == {
        "Benign", "Bot", "Brute Force", "DDoS", "DoS", "Infilteration", "Injection",
    }  # fmt: skip
    assert parent["SQL Injection"] == parent["injection"] == "Injection"


def test_version_3_has_53_columns_beside_its_labels() -> None:
    layout = NF_CSE_CIC_IDS2018_V3.layout("v3")
    assert sum(column.role != "label" for column in layout) == 53
    assert not any(column.wraps for column in layout)
    assert (
        NF_CSE_CIC_IDS2018_V3.codes["DDOS_attack-HOIC"]
        == (NF_CSE_CIC_IDS2018.codes["DDOS attack-HOIC"])
    )


def test_an_unknown_feature_set_is_refused() -> None:
    config = Config.resolve({"data.features": "v9"})
    with pytest.raises(ConfigError, match=r"data.features among v1, v2 of NF-BoT-IoT, got 'v9'"):
        chosen_features(find_dataset("nf-bot-iot"), config.data)


def test_old_values_are_refused_with_the_new_one_and_read_in_records(tmp_path: Path) -> None:
    for old, new in (("5", "all"), ("2", "binary"), (2, "binary")):
        with pytest.raises(ConfigError, match=f"expected model.classes={new}, got its old value"):
            Config.resolve({"model.classes": old})
    file = tmp_path / "config.toml"
    file.write_text("[model]\nclasses = 2\n")
    assert Config.recorded(file).model.classes == "binary"


@pytest.mark.parametrize(
    ("name", "title", "version", "columns"),
    [
        ("NF-CICIDS2018-v3-sample.csv.gz", "NF-CSE-CIC-IDS2018-v3", "v3", 10),
        ("NF-CICIDS2018-v3-as-v1.csv.gz", "NF-CSE-CIC-IDS2018", "v1", 8),
        ("real-captures-v1.csv.gz", "NF-UQ-NIDS", "v1", 8),
        ("NF-BoT-IoT-v1-rows.csv", "NF-BoT-IoT", "v1", 8),
    ],
)
def test_real_files_are_recognised(name: str, title: str, version: str, columns: int) -> None:
    table = read_flows(real_file(name))
    assert (table.spec.title, table.version) == (title, version)
    flows = prepare_table(table, version, path=name, sha256="")
    assert len(flows.columns) == columns
    assert set(flows.columns) <= set(table.spec.feature_sets[version])
