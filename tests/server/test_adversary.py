"""Malicious clients at the server: whose update is replaced, by what, and what passes untouched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from fednids.config import Config
from fednids.messages.values import Update
from fednids.simulation.adversaries.attacks import ATTACKS
from fednids.simulation.adversaries.malicious import MaliciousClients
from fednids.simulation.adversaries.updates import largest_z
from server.adversary import Adversary

SIZE, GATEWAYS = 30, 10
START = np.random.default_rng(0).standard_normal(SIZE).astype(np.float32)
ON_WEIGHTS = [n for n, a in ATTACKS.items() if (a.independent or a.colluding) and n != "backdoor"]
TOGETHER = [name for name, attack in ATTACKS.items() if attack.colluding]
ALONE = [name for name in ON_WEIGHTS if name not in TOGETHER]


def liars_of(kind: str, **settings: object) -> MaliciousClients:
    named = {f"attack.{name}": value for name, value in {"share": 0.3, **settings}.items()}
    return MaliciousClients.of(Config.resolve({"attack.kind": kind, **named}), GATEWAYS)


def updates_of(seed: int = 1, ids: range | list[int] = range(GATEWAYS)) -> list[Update]:
    drawn = {k: np.random.default_rng([seed, k]).standard_normal(SIZE) for k in ids}
    return [
        Update(k, (START + 0.1 * drawn[k]).astype(np.float32), 5 + k, 2, 0.5, 0.1, 0.0) for k in ids
    ]


def started(update: Update) -> np.ndarray:
    return START


def corrupted(
    liars: MaliciousClients, updates: list[Update], server_round: int = 1
) -> dict[int, Update]:
    found = list(Adversary(liars).corrupt(iter(updates), started, server_round))
    by_id = {update.partition_id: update for update in found}
    assert len(by_id) == len(found) == len(updates)
    return by_id


@pytest.mark.parametrize("kind", ATTACKS)
def test_nobody_lies_without_a_share(kind: str) -> None:
    updates = updates_of()
    assert list(Adversary(liars_of(kind, share=0)).corrupt(updates, started, 1)) == updates


@pytest.mark.parametrize("kind", ["none", "label-flip", "label-flip-benign", "backdoor"])
def test_lies_about_flows_send_what_was_trained(kind: str) -> None:
    updates = updates_of()
    found = corrupted(liars_of(kind), updates)
    for update in updates:
        np.testing.assert_array_equal(found[update.partition_id].weights, update.weights)


@pytest.mark.parametrize("kind", [*ON_WEIGHTS, "backdoor"])
class TestEveryLie:
    def settings(self, kind: str) -> dict[str, object]:
        return {"strength": 4.0} if kind == "backdoor" else {}

    def test_replaces_the_liars_weights_and_nothing_else(self, kind: str) -> None:
        liars, updates = liars_of(kind, **self.settings(kind)), updates_of()
        before = [update.weights.copy() for update in updates]
        found = corrupted(liars, updates)
        for update, weights in zip(updates, before, strict=True):
            sent = found[update.partition_id]
            np.testing.assert_array_equal(update.weights, weights)
            if update.partition_id not in liars.ids:
                assert sent is update
                continue
            assert (sent.weights != weights).any()
            assert replace(sent, weights=weights) == replace(update, weights=weights)
            assert (sent.weights.dtype, sent.weights.shape) == (np.float32, (SIZE,))

    def test_is_the_same_whoever_comes_first(self, kind: str) -> None:
        liars, updates = liars_of(kind, **self.settings(kind)), updates_of()
        one, other = corrupted(liars, updates), corrupted(liars, updates[::-1])
        for k in range(GATEWAYS):
            np.testing.assert_allclose(one[k].weights, other[k].weights, rtol=1e-6, atol=1e-7)

    def test_is_told_when_the_schedule_says_so(self, kind: str) -> None:
        liars = liars_of(kind, schedule="on-off", **self.settings(kind))
        updates = updates_of()
        assert list(corrupted(liars, updates, 2).values()) == updates
        changed = corrupted(liars, updates, 3)
        assert all(changed[k] is not updates[k] for k in liars.ids)

    def test_needs_windows(self, kind: str) -> None:
        liars, updates = liars_of(kind, **self.settings(kind)), updates_of()
        k = liars.ids[0]
        updates[k] = replace(updates[k], examples=0, weights=START)
        assert corrupted(liars, updates)[k] is updates[k]

    def test_is_finite_however_strong(self, kind: str) -> None:
        liars = liars_of(kind, strength=1e6)
        updates = [replace(u, weights=u.weights * np.float32(3e37)) for u in updates_of()]
        for update in corrupted(liars, updates).values():
            assert np.isfinite(update.weights).all()

    def test_of_a_round_without_liars_is_no_lie(self, kind: str) -> None:
        liars = liars_of(kind, **self.settings(kind))
        updates = updates_of(ids=[k for k in range(GATEWAYS) if k not in liars.ids])
        assert list(Adversary(liars).corrupt(updates, started, 1)) == updates

    def test_of_a_round_of_liars_alone_is_still_one(self, kind: str) -> None:
        liars = liars_of(kind, **self.settings(kind))
        found = corrupted(liars, updates_of(ids=list(liars.ids)))
        assert all(np.isfinite(update.weights).all() for update in found.values())


@pytest.mark.parametrize("kind", ["noise", "free-rider"])
def test_chance_is_of_round_and_gateway(kind: str) -> None:
    liars, same = liars_of(kind), np.full(SIZE, 2, np.float32)
    updates = [replace(update, weights=same) for update in updates_of()]
    first, again, later = (corrupted(liars, updates, number) for number in (1, 1, 2))
    one, other = liars.ids[:2]
    np.testing.assert_array_equal(first[one].weights, again[one].weights)
    assert not np.allclose(first[one].weights, first[other].weights, rtol=1e-7)
    assert not np.allclose(first[one].weights, later[one].weights, rtol=1e-7)
    few = corrupted(liars, [updates[one]])
    np.testing.assert_array_equal(few[one].weights, first[one].weights)


def test_honest_updates_and_single_lies_pass_at_once() -> None:
    for kind in ("none", "label-flip", *ALONE):
        taken: list[int] = []
        stream = Adversary(liars_of(kind)).corrupt(_noted(taken), started, 1)
        for place, update in enumerate(stream):
            assert (update.partition_id, len(taken)) == (place, place + 1)


@pytest.mark.parametrize("kind", TOGETHER)
def test_who_plots_waits_for_all_and_comes_last(kind: str) -> None:
    liars, taken = liars_of(kind), list[int]()
    found = list(Adversary(liars).corrupt(_noted(taken), started, 1))
    honest = [k for k in range(GATEWAYS) if k not in liars.ids]
    assert [update.partition_id for update in found] == [*honest, *liars.ids]
    lies = [update.weights for update in found[-len(liars.ids) :]]
    assert all(np.array_equal(lies[0], lie) for lie in lies)
    assert not any(lie is lies[0] for lie in lies[1:])


def test_alie_is_the_formula_over_the_liars() -> None:
    liars, updates = liars_of("alie", share=0.4), updates_of()
    own = np.array([updates[k].weights for k in liars.ids], np.float64)
    expected = own.mean(axis=0) + largest_z(GATEWAYS, 4) * own.std(axis=0)
    np.testing.assert_allclose(corrupted(liars, updates)[liars.ids[0]].weights, expected, rtol=1e-5)


def test_ipm_is_the_formula_over_the_honest() -> None:
    liars, updates = liars_of("ipm", strength=2.0), updates_of()
    honest = np.array([u.weights for u in updates if u.partition_id not in liars.ids], np.float64)
    expected = START - 2.0 * (honest.mean(axis=0) - START)
    found = corrupted(liars, updates)[liars.ids[0]].weights
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_gateway_without_windows_is_no_witness() -> None:
    liars, updates = liars_of("ipm"), updates_of()
    quiet = next(k for k in range(GATEWAYS) if k not in liars.ids)
    far = replace(updates[quiet], examples=0, weights=START + 1000)
    with_it = corrupted(liars, [far if u.partition_id == quiet else u for u in updates])
    without = corrupted(liars, [u for u in updates if u.partition_id != quiet])
    k = liars.ids[0]
    np.testing.assert_array_equal(with_it[k].weights, without[k].weights)


def _noted(taken: list[int]) -> Iterator[Update]:
    for update in updates_of():
        taken.append(update.partition_id)
        yield update
