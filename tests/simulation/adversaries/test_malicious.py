"""Who lies and when: by seed and settings alone, and found wanting before round 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.config import AttackConfig, Config
from fednids.errors import ConfigError
from fednids.flows.windows import Windows
from fednids.simulation.adversaries.attacks import ATTACKS, find_attack
from fednids.simulation.adversaries.malicious import (
    MaliciousClients,
    check_attack,
    malicious_count,
    unread_settings,
)
from fednids.simulation.adversaries.poisoning import PoisonContext

SHARES = st.floats(0, 0.5)
GATEWAYS = st.integers(1, 300)
SEEDS = st.integers(0, 2**31)


def config_of(**settings: object) -> Config:
    named = {f"attack.{name}": value for name, value in settings.items() if "." not in name}
    named |= {name: value for name, value in settings.items() if "." in name}
    return Config.resolve(named)


def liars_of(gateways: int, seed: int = 1, **settings: object) -> MaliciousClients:
    return MaliciousClients.of(
        config_of(**{"kind": "scale", "run.seed": seed, **settings}), gateways
    )


class TestWho:
    @given(share=SHARES, gateways=GATEWAYS, seed=SEEDS)
    def test_a_share_of_all_and_at_most_half(self, share: float, gateways: int, seed: int) -> None:
        found = liars_of(gateways, seed, share=share).ids
        assert len(found) == min(round(share * gateways), gateways // 2)
        assert len(set(found)) == len(found)
        assert list(found) == sorted(found)
        assert all(0 <= k < gateways for k in found)

    @given(one=SHARES, other=SHARES, gateways=GATEWAYS, seed=SEEDS)
    def test_the_few_are_among_the_many(
        self, one: float, other: float, gateways: int, seed: int
    ) -> None:
        few, many = (liars_of(gateways, seed, share=s).ids for s in sorted((one, other)))
        assert set(few) <= set(many)

    def test_the_seed_decides_and_nothing_else(self) -> None:
        found = {liars_of(50, seed, share=0.2).ids for seed in range(20)}
        assert len(found) == 20
        for kind in set(ATTACKS) - {"none"}:
            assert liars_of(50, 3, share=0.2, kind=kind).ids == liars_of(50, 3, share=0.2).ids

    def test_every_gateway_may_be_a_liar(self) -> None:
        often = np.zeros(8)
        for seed in range(400):
            often[list(liars_of(8, seed, share=0.25).ids)] += 1
        assert often.min() > 60
        assert often.max() < 140

    def test_without_an_attack_nobody_lies(self) -> None:
        liars = liars_of(10, share=0.5, kind="none")
        assert liars.ids == ()
        assert not any(liars.attacks(k, 1) for k in range(10))


class TestWhen:
    @pytest.mark.parametrize(
        ("settings", "rounds"),
        [
            ({}, [1, 2, 3, 4, 5, 6, 7]),
            ({"schedule": "late", "first_round": 4}, [4, 5, 6, 7]),
            ({"schedule": "on-off"}, [1, 3, 5, 7]),
            ({"schedule": "on-off", "period": 3}, [1, 2, 3, 7]),
        ],
    )
    def test_as_the_schedule_says(self, settings: dict[str, object], rounds: list[int]) -> None:
        liars = liars_of(10, share=0.3, **settings)
        assert len(liars.ids) == 3
        for number in range(1, 8):
            lying = [k for k in range(10) if liars.attacks(k, number)]
            assert tuple(lying) == liars.attackers(number)
            assert tuple(lying) == (liars.ids if number in rounds else ())


class TestStrength:
    def test_of_the_setting_or_the_attacks_own(self) -> None:
        assert liars_of(10, kind="scale").strength == 10
        assert liars_of(10, kind="scale", strength=3).strength == 3
        assert liars_of(10, kind="backdoor").poisoned == 0.5
        assert liars_of(10, kind="label-flip").poisoned == 1
        assert liars_of(10, kind="label-flip", poisoned=0.25).poisoned == 0.25


class TestPoison:
    windows = Windows(np.arange(2000, dtype=np.int32), (np.arange(2000) % 5).astype(np.int32))

    def poisoned(self, liars: MaliciousClients, k: int, server_round: int = 1) -> Windows:
        return liars.poison(self.windows, k, server_round, PoisonContext(5, 2000))

    def test_of_liars_who_are_at_it_alone(self) -> None:
        late = liars_of(10, kind="label-flip", share=0.3, schedule="late", first_round=2)
        for k in range(10):
            assert self.poisoned(late, k, 1) is self.windows
            assert (self.poisoned(late, k, 2) is self.windows) == (k not in late.ids)

    @pytest.mark.parametrize("kind", [n for n, a in ATTACKS.items() if a.poison is None])
    def test_lies_about_weights_leave_flows_alone(self, kind: str) -> None:
        liars = liars_of(10, kind=kind, share=0.5)
        assert all(self.poisoned(liars, k) is self.windows for k in range(10))

    @pytest.mark.parametrize("kind", [n for n, a in ATTACKS.items() if a.poison])
    def test_the_same_flows_in_every_round_and_others_elsewhere(self, kind: str) -> None:
        liars = liars_of(10, kind=kind, share=0.5, poisoned=0.3)
        one, other = liars.ids[:2]
        first, later = self.poisoned(liars, one, 1), self.poisoned(liars, one, 9)
        np.testing.assert_array_equal(first.labels, later.labels)
        np.testing.assert_array_equal(first.order, later.order)
        assert (first.labels != self.poisoned(liars, other).labels).any()
        open_to_it = self.windows.labels != (2 if kind == "label-flip" else 0)
        share = (first.labels != self.windows.labels)[open_to_it].mean()
        assert share == pytest.approx(0.3, abs=0.05)

    def test_fewer_flows_have_the_same_beginning(self) -> None:
        liars = liars_of(10, kind="label-flip", share=0.5, poisoned=0.3)
        k = liars.ids[0]
        few = Windows(self.windows.order[:700], self.windows.labels[:700])
        found = liars.poison(few, k, 1, PoisonContext(5)).labels
        np.testing.assert_array_equal(found, self.poisoned(liars, k).labels[:700])


class TestCheck:
    @pytest.mark.parametrize("kind", ATTACKS)
    def test_lets_sound_settings_pass(self, kind: str) -> None:
        for share in (0, 0.2, 0.5):
            check_attack(config_of(kind=kind, share=share))

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"kind": "labelflip"}, "did you mean label-flip"),
            ({"kind": "zzz"}, "choose one of these"),
            ({"kind": "backdoor", "trigger": "SPAM=1"}, "features of v1, got 'SPAM'"),
            ({"kind": "scale", "share": 0.01}, "from 0.1 to 0.5.* got 0.01, which makes 0"),
            ({"kind": "alie", "share": 0.1}, "from 0.2 to 0.5.* which makes 1"),
            ({"kind": "alie", "share": 0.4, "partition.gateways": 3}, "at least 4 gateways"),
            ({"kind": "scale", "share": 0.4, "partition.gateways": 1}, "at least 2 gateways"),
            ({"kind": "ipm", "share": 0.3, "schedule": "late"}, "from 2 to 10.* got 1;"),
            (
                {"kind": "ipm", "share": 0.3, "schedule": "late", "first_round": 11},
                "from 2 to 10.* got 11;",
            ),
        ],
    )
    def test_refuses_in_one_line(self, settings: dict[str, object], said: str) -> None:
        with pytest.raises(ConfigError, match=said) as caught:
            check_attack(config_of(**settings))
        assert len(str(caught.value).splitlines()) == 1

    @given(share=SHARES, gateways=GATEWAYS, kind=st.sampled_from(sorted(ATTACKS)))
    def test_what_passes_has_liars_enough(self, share: float, gateways: int, kind: str) -> None:
        config = config_of(kind=kind, share=share, **{"partition.gateways": gateways})
        try:
            check_attack(config)
        except ConfigError:
            assert share > 0
            assert malicious_count(share, gateways) < find_attack(kind).fewest
            return
        found = len(MaliciousClients.of(config, gateways).ids)
        assert kind == "none" or not share or found >= find_attack(kind).fewest


class TestUnread:
    def read(self, **settings: object) -> set[str]:
        config = config_of(**settings)
        return set(AttackConfig.model_fields) - unread_settings(config.attack)

    def test_without_liars_is_everything_but_a_backdoors_trigger(self) -> None:
        for kind, share in (("none", 0.3), ("scale", 0), ("label-flip", 0)):
            assert self.read(kind=kind, share=share) == set()
        assert self.read(kind="backdoor", share=0) == {"kind", "trigger"}

    @pytest.mark.parametrize(
        ("kind", "dials"),
        [
            ("label-flip", {"poisoned"}),
            ("alie", {"strength"}),
            ("noise", {"strength"}),
            ("backdoor", {"poisoned", "strength", "trigger"}),
        ],
    )
    def test_with_liars_is_what_is_of_others(self, kind: str, dials: set[str]) -> None:
        always = {"kind", "share", "schedule"}
        assert self.read(kind=kind, share=0.3) == always | dials
        on_off = self.read(kind=kind, share=0.3, schedule="on-off")
        assert on_off == always | dials | {"period"}
        late = self.read(kind=kind, share=0.3, schedule="late", first_round=2)
        assert late == always | dials | {"first_round"}
