"""Splits: who is tested, what is novel, and how many flows are taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import oracles
import pytest
from flow_factory import random_table
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fednids.config import DataConfig
from fednids.errors import DataError
from fednids.flows.prepared import PreparedFlows, prepare_table
from fednids.flows.split import BLOCKS, SPLITS, limit_flows, split_flows

FLOWS = prepare_table(random_table(np.random.default_rng(1), 3000), "v1", path="", sha256="")
CLASSES = st.lists(st.integers(0, 4), min_size=2, max_size=120)


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def with_classes(classes: list[int] | NDArray[Any]) -> PreparedFlows:
    """Give flows of these classes."""
    flows = FLOWS.take(np.arange(len(classes)))
    return replace(flows, attack=np.array(classes, dtype=np.uint8))


class TestEverySplit:
    @pytest.mark.parametrize("how", SPLITS)
    @pytest.mark.parametrize("share", [0.1, 0.3])
    def test_covers_all_flows_and_has_about_the_share(self, how: str, share: float) -> None:
        for seed in range(3):
            split = split_flows(FLOWS, how, share, rng_of(seed))
            assert split.test.shape == split.novel.shape == (3000,)
            assert split.test.dtype == split.novel.dtype == bool
            assert 0 < split.test.sum() < 3000
            assert abs(split.test.mean() - share) < (0.06 if how == "hosts" else 0.02)

    @pytest.mark.parametrize("how", SPLITS)
    def test_novel_equals_the_slow_twin(self, how: str) -> None:
        split = split_flows(FLOWS, how, 0.25, rng_of(4))
        rows = FLOWS.raw[FLOWS.vector]
        assert split.novel.tolist() == oracles.novel_by_sets(rows, split.test)

    @given(
        vectors=st.lists(st.integers(0, 5), min_size=2, max_size=9),
        how=st.sampled_from(["stratified", "blocks"]),
        seed=st.integers(0, 9),
    )
    def test_novel_equals_the_slow_twin_for_few_flows(
        self, vectors: list[int], how: str, seed: int
    ) -> None:
        flows = replace(with_classes([0] * len(vectors)), vector=np.array(vectors, dtype=np.int32))
        split = split_flows(flows, how, 0.5, rng_of(seed))
        assert split.novel.tolist() == oracles.novel_by_sets(flows.raw[flows.vector], split.test)

    @pytest.mark.parametrize("how", SPLITS)
    def test_is_a_function_of_the_generator(self, how: str) -> None:
        first, again = (split_flows(FLOWS, how, 0.2, rng_of(5)).test for _ in range(2))
        np.testing.assert_array_equal(first, again)
        others = [split_flows(FLOWS, how, 0.2, rng_of(seed)).test for seed in (6, 7, 8)]
        assert any((other != first).any() for other in others)

    def test_settings_and_splits_have_the_same_names(self) -> None:
        assert set(get_args(DataConfig.model_fields["split"].annotation)) == set(SPLITS)

    @pytest.mark.parametrize(
        ("how", "flows"),
        [
            ("stratified", FLOWS.take(np.array([0]))),
            ("stratified", with_classes([0, 1, 2])),
            ("grouped", FLOWS.take(np.zeros(40, dtype=np.int64))),
            ("hosts", replace(FLOWS, source=np.zeros(3000, dtype=np.int32))),
            ("blocks", FLOWS.take(np.array([0]))),
        ],
    )
    def test_nothing_to_train_or_test_on_is_one_clear_line(
        self, how: str, flows: PreparedFlows
    ) -> None:
        with pytest.raises(DataError, match=r"data\.split or data\.test_share") as caught:
            split_flows(flows, how, 0.2, rng_of(9))
        assert repr(how) in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1

    def test_everything_for_testing_is_an_error_too(self) -> None:
        flows = replace(FLOWS, source=np.zeros(3000, dtype=np.int32))
        with pytest.raises(DataError, match="3,000 test flows of 3,000"):
            split_flows(flows, "hosts", 0.9, rng_of(9))


class TestStratified:
    @given(classes=CLASSES, share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
    def test_keeps_every_classs_share(self, classes: list[int], share: float, seed: int) -> None:
        test = SPLITS["stratified"](with_classes(classes), share, rng_of(seed))
        for name in set(classes):
            chosen = test[np.array(classes) == name]
            n, kept = len(chosen), int(chosen.sum())
            assert (1 <= kept <= n - 1) if n > 1 else kept == 0
            assert abs(kept - share * n) <= 0.5 or kept in (1, n - 1) or n == 1

    def test_flows_of_a_class_are_drawn_alike(self) -> None:
        flows, times = with_classes([0] * 20), np.zeros(20)
        for seed in range(600):
            times += SPLITS["stratified"](flows, 0.25, rng_of(seed))
        assert times.sum() == 600 * 5
        np.testing.assert_allclose(times / 600, 0.25, atol=4.5 * np.sqrt(0.25 * 0.75 / 600))


class TestGrouped:
    @pytest.mark.parametrize("seed", range(4))
    def test_no_vector_is_on_both_sides(self, seed: int) -> None:
        split = split_flows(FLOWS, "grouped", 0.2, rng_of(seed))
        rows = [tuple(row) for row in FLOWS.raw[FLOWS.vector].tolist()]
        tested = {row for row, kept in zip(rows, split.test, strict=True) if kept}
        trained = {row for row, kept in zip(rows, split.test, strict=True) if not kept}
        assert not tested & trained
        np.testing.assert_array_equal(split.novel, split.test)

    def test_every_class_gives_some(self) -> None:
        test = split_flows(FLOWS, "grouped", 0.2, rng_of(5)).test
        shares = [test[FLOWS.attack == name].mean() for name in range(5)]
        assert min(shares) > 0.05
        assert max(shares) < 0.4


class TestHosts:
    @pytest.mark.parametrize("seed", range(4))
    def test_no_source_is_on_both_sides(self, seed: int) -> None:
        test = split_flows(FLOWS, "hosts", 0.3, rng_of(seed)).test
        assert not set(FLOWS.source[test].tolist()) & set(FLOWS.source[~test].tolist())

    def test_a_host_too_large_for_the_share_is_left_to_train_on(self) -> None:
        source = np.where(np.arange(3000) < 2400, 0, np.arange(3000)).astype(np.int32)
        test = split_flows(replace(FLOWS, source=source), "hosts", 0.2, rng_of(1)).test
        assert not test[:2400].any()
        assert test.sum() == 600


class TestBlocks:
    def test_tests_whole_pieces_of_file_order(self) -> None:
        test = split_flows(FLOWS, "blocks", 0.2, rng_of(2)).test
        pieces = test.reshape(BLOCKS, -1)
        assert set(pieces.sum(axis=1).tolist()) == {0, 3000 // BLOCKS}
        assert pieces[:, 0].sum() == BLOCKS // 5
        assert np.abs(np.diff(pieces[:, 0].astype(int))).sum() > BLOCKS // 10

    def test_fewer_flows_than_blocks(self) -> None:
        test = split_flows(FLOWS.take(np.arange(10)), "blocks", 0.2, rng_of(3)).test
        assert test.sum() == 2


class TestLimit:
    @given(classes=CLASSES, most=st.integers(1, 130), seed=st.integers(0, 99))
    def test_takes_as_many_as_asked_with_the_shares_kept(
        self, classes: list[int], most: int, seed: int
    ) -> None:
        attack = np.array(classes, dtype=np.uint8)
        rows = limit_flows(attack, most, rng_of(seed))
        assert len(rows) == min(most, len(classes))
        assert (np.diff(rows) > 0).all()
        names, counts = np.unique(attack, return_counts=True)
        for name, count in zip(names, counts, strict=True):
            taken = (attack[rows] == name).sum()
            assert abs(taken - len(rows) / len(classes) * count) <= len(names)
            assert taken >= 1 or most < len(names)

    @pytest.mark.parametrize("most", [20, 200, 999])
    def test_rare_classes_stay_rare(self, most: int) -> None:
        counts = np.array([900, 80, 15, 4, 1])
        attack = rng_of(1).permutation(np.repeat(np.arange(5, dtype=np.uint8), counts))
        taken = np.bincount(attack[limit_flows(attack, most, rng_of(2))], minlength=5)
        assert taken.sum() == most
        assert taken.min() == 1
        np.testing.assert_allclose(taken, counts * most / 1000, atol=5)

    def test_without_a_need_all_are_taken(self) -> None:
        assert limit_flows(FLOWS.attack, 3000, rng_of(1)).tolist() == list(range(3000))

    def test_the_choice_is_the_generators(self) -> None:
        chosen = [limit_flows(FLOWS.attack, 500, rng_of(seed)).tolist() for seed in (1, 1, 2)]
        assert chosen[0] == chosen[1] != chosen[2]

    def test_flows_of_a_class_are_drawn_alike(self) -> None:
        attack, times = np.zeros(20, dtype=np.uint8), np.zeros(20)
        for seed in range(600):
            times[limit_flows(attack, 5, rng_of(seed))] += 1
        np.testing.assert_allclose(times / 600, 0.25, atol=4.5 * np.sqrt(0.25 * 0.75 / 600))
