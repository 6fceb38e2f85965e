"""Every rule against a literal slow version of it, and against Flower's class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import oracles
import pytest
import strategy_oracles as slow
from flwr.serverapp import strategy as flower
from hypothesis import given, settings
from hypothesis import strategies as st
from strategy_messages import draw, flowers, lead, strategy_of

from fednids.algorithms.krum import ranking, squared_distances
from fednids.algorithms.robust import (
    RobustRule,
    Updates,
    by_coordinate,
    column_blocks,
    distances,
    weighted_sum,
)
from fednids.extensions import ALGORITHMS
from fednids.simulation.engines.base import take_identity

few = settings(max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(1, 12)


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    take_identity()


def made(count: int, seed: int, size: int = 6) -> Updates:
    """Updates around weights that are much longer than their changes."""
    rng = np.random.default_rng(seed)
    start = rng.normal(0, 3, size).astype(np.float32)
    matrix = (start + rng.normal(0, 0.1, (count, size))).astype(np.float32)
    return Updates(start, matrix, rng.integers(1, 1000, count))


def rule(name: str, **settings: object) -> RobustRule:
    """Return a rule with some settings."""
    kind = ALGORITHMS.find(name)
    found = kind(kind.Settings.model_validate(settings), 100)
    assert isinstance(found, RobustRule)
    return found


def twins(name: str, settings: dict[str, float], updates: Updates) -> np.ndarray:
    """Return what the slow version of a rule makes."""
    rows, examples, start = list(updates.matrix), updates.examples.tolist(), updates.start
    every = {
        "fedmedian": lambda: slow.median(rows),
        "fedtrimmedavg": lambda: slow.trimmed_mean(rows, settings["beta"]),
        "krum": lambda: slow.krum(rows, examples, settings["malicious"], 1),
        "multikrum": lambda: slow.krum(
            rows, examples, settings["malicious"],
            settings["select"] or len(rows) - settings["malicious"],
        ),
        "bulyan": lambda: slow.bulyan(rows, settings["malicious"]),
        "rfa": lambda: slow.geometric_median(
            rows, examples, start, settings["smoothing"], settings["iterations"]
        ),
        "normclip": lambda: slow.clipped_mean(rows, examples, start, settings["clip_norm"]),
    }  # fmt: skip
    return every[name]()


RULES: list[tuple[str, dict[str, float]]] = [
    ("fedmedian", {}),
    *(("fedtrimmedavg", {"beta": beta}) for beta in (0.0, 0.2, 0.49)),
    *(("krum", {"malicious": f}) for f in (0, 1, 2)),
    *(("multikrum", {"malicious": f, "select": m}) for f, m in ((1, 3), (2, 0))),
    *(("bulyan", {"malicious": f}) for f in (0, 1, 2)),
    *(("rfa", {"smoothing": nu, "iterations": n}) for nu, n in ((1e-6, 1), (1e-6, 4), (0.3, 3))),
    *(("normclip", {"clip_norm": norm}) for norm in (0.0, 0.2, 9.0)),
]


@pytest.mark.parametrize(("name", "own"), RULES, ids=str)
@few
@given(count=COUNTS, seed=SEEDS)
def test_is_the_slow_twins(name: str, own: dict[str, float], count: int, seed: int) -> None:
    updates, made_rule = made(count, seed), rule(name, **own)
    if made_rule.fault(count):
        updates = made(11, seed)
    kept = updates.matrix.copy()
    found = made_rule.combine(updates)
    np.testing.assert_allclose(found, twins(name, own, updates), rtol=0, atol=1e-11)
    np.testing.assert_array_equal(updates.matrix, kept)


PEERS: dict[str, tuple[dict[str, object], Callable[[], flower.Strategy]]] = {
    "fedmedian": ({}, flower.FedMedian),
    "fedtrimmedavg": ({"beta": 0.3}, lambda: flower.FedTrimmedAvg(beta=0.3)),
    "krum": ({"malicious": 2}, lambda: flower.Krum(num_malicious_nodes=2)),
    "multikrum": (
        {"malicious": 2, "select": 4},
        lambda: flower.MultiKrum(num_malicious_nodes=2, num_nodes_to_select=4),
    ),
    "bulyan": ({"malicious": 1}, lambda: flower.Bulyan(num_malicious_nodes=1)),
    "fedavgm": (
        {"server_learning_rate": 0.7, "server_momentum": 0.8},
        lambda: flower.FedAvgM(server_learning_rate=0.7, server_momentum=0.8),
    ),
    "fedadam": (
        {"eta": 0.05, "tau": 0.01, "beta_1": 0.8, "beta_2": 0.95},
        lambda: flower.FedAdam(eta=0.05, tau=0.01, beta_1=0.8, beta_2=0.95),
    ),
    "fedyogi": (
        {"eta": 0.05, "tau": 0.01, "beta_1": 0.8, "beta_2": 0.95},
        lambda: flower.FedYogi(eta=0.05, tau=0.01, beta_1=0.8, beta_2=0.95),
    ),
    "fedadagrad": ({"eta": 0.05, "tau": 0.01}, lambda: flower.FedAdagrad(eta=0.05, tau=0.01)),
}
"""Our settings, and Flower's class with the same."""


SIZES = [
    pytest.param(name, count, marks=pytest.mark.slow) if name == "bulyan" else (name, count)
    for name in PEERS
    for count in (7, 12)
]
"""Flower's Bulyan takes a second a round, so it is not asked every day."""


@pytest.mark.parametrize(("name", "count"), SIZES)
def test_three_rounds_are_those_of_flowers_class(name: str, count: int) -> None:
    chosen, peer = PEERS[name]
    ours, theirs = strategy_of(name, **chosen), peer()
    start = draw(1, 1)[0]
    mine, other = start, start
    for number in (1, 2, 3):
        examples = [3 + (5 * k + number) % 11 for k in range(count)]
        changes = draw(count, 10 + number)
        mine, other = (
            run(each, at, [at + change for change in changes], examples, number=number)
            for run, each, at in ((lead, ours, mine), (flowers, theirs, other))
        )
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5 if number > 1 else 2e-6)
    assert np.abs(mine - start).max() > 0.01


@pytest.mark.parametrize("name", ["fedavgm", "fedadam", "fedyogi", "fedadagrad"])
def test_server_steps_are_those_of_the_papers(name: str) -> None:
    chosen = PEERS[name][0]
    strategy, start, means = strategy_of(name, **chosen), draw(1, 1)[0], draw(5, 2)
    weights = start
    for number, mean in enumerate(means, start=1):
        weights = lead(strategy, weights, [mean] * 2, [3, 4], number=number)
    expected = slow.server_steps(name, start, means, **chosen)  # type: ignore[arg-type]
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-5)


def test_momentum_0_and_rate_1_are_fedavg() -> None:
    plain = strategy_of("fedavgm", server_learning_rate=1.0, server_momentum=0.0)
    weights = draw(1, 1)[0]
    for number in (1, 2, 3):
        updates = draw(4, number)
        weights = lead(plain, weights, updates, [1, 2, 3, 4], number=number)
        expected = oracles.weighted_mean(updates, [1, 2, 3, 4])
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-7 * 4)


class TestSpecialCases:
    @few
    @given(seed=SEEDS, count=COUNTS)
    def test_trimming_nothing_is_the_unweighted_mean(self, seed: int, count: int) -> None:
        updates = made(count, seed)
        expected = updates.matrix.mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(
            rule("fedtrimmedavg", beta=0.0).combine(updates), expected, atol=1e-12
        )

    @pytest.mark.parametrize(
        ("name", "own"), [("fedmedian", {}), ("fedtrimmedavg", {"beta": 0.4}), ("rfa", {}),
                          ("normclip", {})], ids=str
    )  # fmt: skip
    def test_of_one_is_that_one(self, name: str, own: dict[str, float]) -> None:
        updates = made(1, 5)
        found = rule(name, **own).combine(updates)
        np.testing.assert_allclose(found, updates.matrix[0], atol=1e-12)

    @few
    @given(seed=SEEDS, count=COUNTS)
    def test_much_smoothing_or_clipping_nothing_is_fedavg(self, seed: int, count: int) -> None:
        updates = made(count, seed)
        expected = oracles.weighted_mean(list(updates.matrix), updates.examples.tolist())
        for each in (
            rule("rfa", smoothing=1e6, iterations=1), rule("normclip", clip_norm=1e6)
        ):  # fmt: skip
            np.testing.assert_allclose(each.combine(updates), expected, atol=1e-12)

    def test_bulyan_without_malicious_clients_is_the_unweighted_mean(self) -> None:
        updates = made(5, 2)
        expected = updates.matrix.mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(
            rule("bulyan", malicious=0).combine(updates), expected, atol=1e-12
        )

    def test_multikrum_of_all_honest_is_fedavg(self) -> None:
        updates = made(6, 2)
        expected = oracles.weighted_mean(list(updates.matrix), updates.examples.tolist())
        np.testing.assert_allclose(
            rule("multikrum", malicious=0).combine(updates), expected, atol=1e-12
        )

    def test_many_steps_end_where_no_step_is_left(self) -> None:
        updates = made(9, 4)
        far, further = (
            rule("rfa", smoothing=1e-9, iterations=steps).combine(updates) for steps in (500, 501)
        )
        np.testing.assert_allclose(far, further, atol=1e-9)

    def test_nobody_moves_further_than_the_norm(self) -> None:
        updates = made(8, 1)
        found = rule("normclip", clip_norm=0.01).combine(updates)
        assert np.linalg.norm(found - updates.start) <= 0.01

    def test_gateways_that_stand_still_are_not_divided_by(self) -> None:
        updates = made(5, 1)
        updates.matrix[:3] = updates.start
        np.testing.assert_array_equal(rule("normclip").combine(updates), updates.start)


FALSE = {"far": 1e6, "farther": 1e30, "farthest": 3e38}


@pytest.mark.parametrize("scale", FALSE.values(), ids=FALSE)
@pytest.mark.parametrize(
    ("name", "own"),
    [("fedmedian", {}), ("fedtrimmedavg", {}), ("krum", {"malicious": 2}),
     ("multikrum", {"malicious": 2}), ("bulyan", {"malicious": 2}), ("rfa", {}),
     ("normclip", {}), ("normclip", {"clip_norm": 0.3})],
    ids=str,
)  # fmt: skip
def test_two_malicious_clients_of_twelve_do_not_take_it_away(
    name: str, own: dict[str, float], scale: float
) -> None:
    updates = made(12, 6)
    honest = updates.matrix[2:].mean(axis=0, dtype=np.float64)
    updates.matrix[0], updates.matrix[1] = scale, -scale * 0.9
    shown = Updates(updates.start, updates.matrix, np.full(12, 10))
    found = rule(name, **own).combine(shown)
    assert np.linalg.norm(found - honest) < 0.5


class TestKrumsRanking:
    def test_of_equal_scores_the_first_partition_is_first(self) -> None:
        matrix = np.full((50, 300), 700.25, np.float32)
        matrix[np.arange(50), np.arange(50)[::-1]] += 0.125
        updates = Updates(np.full(300, 700.1, np.float32), matrix, np.ones(50, np.int64))
        assert ranking(updates, 4).tolist() == list(range(50))

    @few
    @given(seed=SEEDS)
    def test_equal_updates_rank_by_partition(self, seed: int) -> None:
        updates = made(9, seed, 300)
        updates.matrix[[3, 5, 8]] = updates.matrix[1]
        found = ranking(updates, 1).tolist()
        assert [k for k in found if k in (1, 3, 5, 8)] == [1, 3, 5, 8]

    def test_a_huge_update_does_not_blur_the_others(self) -> None:
        updates = made(9, 3)
        alone = ranking(Updates(updates.start, updates.matrix[:8], updates.examples[:8]), 0)
        updates.matrix[8] = 1e30
        assert ranking(updates, 1).tolist() == [*alone.tolist(), 8]

    def test_small_changes_of_long_weights_are_told_apart(self) -> None:
        """In float32 the Gram matrix of the weights themselves has no correct digit here."""
        rng = np.random.default_rng(1)
        start = (100 * rng.standard_normal(2000)).astype(np.float32)
        matrix = (start + 1e-3 * rng.standard_normal((6, 2000))).astype(np.float32)
        found = squared_distances(Updates(start, matrix, np.ones(6, np.int64)))
        apart = matrix.astype(np.float64)[:, None] - matrix.astype(np.float64)
        np.testing.assert_allclose(found, (apart**2).sum(axis=2), rtol=1e-9, atol=1e-12)


class TestSums:
    @pytest.mark.parametrize("shape", [(1, 1), (3, 70_000), (5000, 300), (1, 200_000)])
    def test_blocks_cover_all_columns_once(self, shape: tuple[int, int]) -> None:
        parts = list(column_blocks(np.empty(shape, np.float32)))
        covered = np.concatenate([np.arange(shape[1])[part] for part in parts])
        np.testing.assert_array_equal(covered, np.arange(shape[1]))

    def test_over_several_blocks(self) -> None:
        matrix = np.random.default_rng(1).normal(5, 1, (40_000, 150)).astype(np.float32)
        wide, centre = matrix.astype(np.float64), np.linspace(0, 3, 150)
        assert len(list(column_blocks(matrix))) > 1
        np.testing.assert_allclose(distances(matrix, centre), np.linalg.norm(wide - centre, axis=1))
        factors = np.linspace(0, 1, len(matrix))
        np.testing.assert_allclose(weighted_sum(matrix, factors), factors @ wide, rtol=1e-9)
        rows = [7, 3, 900]
        found = by_coordinate(matrix, lambda values: values[:, 1].astype(np.float64), rows)
        np.testing.assert_array_equal(found, matrix[3])
