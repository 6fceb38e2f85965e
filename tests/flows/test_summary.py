"""summarise_flows: a flow file in numbers, against plain counting."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from flow_factory import CLASSES, feature_names, flow_tables, random_table
from hypothesis import given, settings
from real_data import real_file

from fednids.datasets.netflow import DURATION
from fednids.flows.files.reading import read_flows
from fednids.flows.summary import RARE, Range, summarise_flows
from fednids.flows.table import FlowTable


def classes_of_vectors(table: FlowTable) -> dict[tuple[float, ...], set[int]]:
    """Give the classes of each distinct vector, one flow after another."""
    columns = [table.numbers[name].tolist() for name in feature_names(table.version)]
    carried: dict[tuple[float, ...], set[int]] = defaultdict(set)
    for row, attack in zip(zip(*columns, strict=True), table.attack.tolist(), strict=True):
        carried[row].add(attack)
    return carried


def warning_of(table: FlowTable, word: str) -> list[str]:
    return [warning for warning in summarise_flows(table).warnings if word in warning]


class TestCounts:
    @settings(max_examples=25)
    @given(table=flow_tables())
    def test_equal_plain_counting(self, table: FlowTable) -> None:
        with np.errstate(over="ignore"):  # medians near the largest float
            found, attacks = summarise_flows(table), table.attack.tolist()
        assert (found.version, found.flows) == (table.version, len(attacks))
        assert found.classes == {name: attacks.count(c) for c, name in enumerate(CLASSES)}
        ends = list(zip(table.source.tolist(), table.destination.tolist(), strict=True))
        assert found.pairs == len(set(ends))
        assert found.hosts == len({host for pair in ends for host in pair}) == len(table.hosts)
        assert found.vectors == len(classes_of_vectors(table))

    @pytest.mark.parametrize("seed", range(3))
    def test_ambiguous_vectors_equal_the_slow_twin(self, seed: int) -> None:
        table = random_table(np.random.default_rng(seed), 1500)
        carried = classes_of_vectors(table)
        assert summarise_flows(table).vectors == len(carried)
        ambiguous = sum(len(classes) > 1 for classes in carried.values())
        assert summarise_flows(table).ambiguous == ambiguous > 0

    def test_hosts_that_do_not_occur_do_not_count(self) -> None:
        table = random_table(np.random.default_rng(4), 200)
        rows = np.flatnonzero((table.source < 3) & (table.destination < 3))
        assert summarise_flows(table.take(rows)).hosts == 3

    def test_ranges_are_of_the_features_alone(self) -> None:
        table = random_table(np.random.default_rng(5), 4, "v2")
        values = np.array([7.0, 1.0, 5.0, 2.0])
        found = summarise_flows(replace(table, numbers={**table.numbers, "IN_BYTES": values}))
        assert found.ranges["IN_BYTES"] == Range(1.0, 3.5, 7.0)
        assert tuple(found.ranges) == feature_names("v2")


class TestWarnings:
    def test_accuracy_of_the_constant_answers_is_told(self) -> None:
        table = random_table(np.random.default_rng(6), 200)
        attack = np.array([2] * 150 + [0] * 20 + [1] * 30, dtype=np.uint8)
        (told,) = warning_of(replace(table, attack=attack), "always")
        assert "'DoS' always is right for 75.0%" in told
        assert "'attack' for 90.0%" in told

    def test_rare_classes_are_named(self) -> None:
        table = random_table(np.random.default_rng(7), 300)
        attack = np.repeat([0, 1, 2, 3], [RARE, RARE - 1, 300 - 2 * RARE, 1]).astype(np.uint8)
        told = warning_of(replace(table, attack=attack), "noise")
        assert [line.split(" flows")[0] for line in told] == [
            f"DDoS has {RARE - 1}",
            "Reconnaissance has 1",
        ]
        (absent,) = warning_of(replace(table, attack=attack), "no flows of")
        assert absent.startswith("no flows of Theft: ")

    def test_repeated_flows_are_told(self) -> None:
        table = random_table(np.random.default_rng(8), 50)
        (told,) = warning_of(table.take(np.tile(np.arange(50), 4)), "flows repeat")
        assert "data.split=grouped" in told
        assert not warning_of(table.take(np.arange(5)), "flows repeat")

    def test_ambiguity_is_told(self) -> None:
        table = random_table(np.random.default_rng(9), 5).take(np.array([0, 0]))
        assert not warning_of(table, "more than one class")
        twofold = replace(table, attack=np.array([0, 1], dtype=np.uint8))
        assert warning_of(twofold, "1 vectors carry more than one class")

    def test_wrapped_durations_are_told(self) -> None:
        table = random_table(np.random.default_rng(10), 100)
        for wrapped, told in ((0, 0), (1, 0), (2, 1), (90, 1)):
            values = np.where(np.arange(100) < wrapped, 4_294_000.0, 12.0)
            other = replace(table, numbers={**table.numbers, DURATION: values})
            found = warning_of(other, "durations are wrapped")
            assert len(found) == told
            assert all(f"{wrapped}% of the durations" in line for line in found)

    def test_each_is_one_line(self) -> None:
        for warning in summarise_flows(random_table(np.random.default_rng(11), 100)).warnings:
            assert len(warning.splitlines()) == 1


def test_the_real_samples_facts() -> None:
    table = read_flows(real_file("NF-BoT-IoT-v2-sample.csv.gz"))
    found = summarise_flows(replace(table, version="v1"))
    assert found.flows == 195_146
    assert list(found.classes.values()) == [899, 59_186, 116_903, 18_135, 23]
    assert (found.vectors, found.ambiguous) == (8_745, 372)
    assert (found.hosts, found.pairs) == (23, 56)
    assert any("91% of the durations" in warning for warning in found.warnings)
