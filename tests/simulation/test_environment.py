"""The world of a run: who is chosen and settled, as a function of settings, seed and round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.config import Config
from fednids.errors import ConfigError
from fednids.seeding import Stream, generator
from fednids.simulation import ClientOutcome, Environment, RoundOutcomes, participants_count

OWNED = np.arange(10, 10 + 7 * 20, 7)


def world(**settings: object) -> Environment:
    base: dict[str, object] = {"partition.gateways": 20, "train.batch_size": 8}
    changed = {name.replace("__", "."): value for name, value in settings.items()}
    return Environment(Config.resolve({**base, **changed}))


def lived(found: Environment, number: int = 1) -> RoundOutcomes:
    chosen = found.sample(number)
    return found.outcomes(number, chosen, OWNED, found.work(100_000, 100_000))


class TestChoosing:
    @pytest.mark.parametrize("fraction", [0.05, 0.3, 0.5, 1.0])
    def test_with_everybody_there_the_choice_keeps_its_bits(self, fraction: float) -> None:
        found = world(federation__fraction=fraction, run__seed=7)
        for number in (1, 2, 9):
            rng = generator(7, Stream.SAMPLING, number)
            expected = rng.choice(20, participants_count(fraction, 20), replace=False)
            np.testing.assert_array_equal(found.sample(number), expected)

    @given(
        fraction=st.floats(0.01, 1), share=st.floats(0.05, 1),
        more=st.sampled_from([0, 0.1, 0.3, 0.7, 2.0]),
        number=st.integers(1, 50),
    )  # fmt: skip
    def test_as_many_as_wanted_of_those_who_are_there(
        self, fraction: float, share: float, more: float, number: int
    ) -> None:
        found = world(
            federation__fraction=fraction, availability__pattern="random",
            availability__share=share, clock__oversample=more,
        )  # fmt: skip
        there, chosen = found.present(number), found.sample(number)
        assert len(set(chosen.tolist())) == len(chosen)
        assert there[chosen].all()
        asked = int(np.ceil(round(found.wanted * (1 + more), 6)))
        assert len(chosen) == min(asked, there.sum())
        np.testing.assert_array_equal(found.sample(number), chosen)

    def test_a_share_and_never_none_are_wanted(self) -> None:
        assert [participants_count(share, 10) for share in (0.01, 0.3, 1.0)] == [1, 3, 10]

    def test_a_tenth_more_than_ten_are_eleven(self) -> None:
        found = world(federation__fraction=0.5, clock__oversample=0.1)
        assert len(found.sample(1)) == 11

    def test_all_who_are_there_are_alike(self) -> None:
        found = world(federation__fraction=0.2, availability__pattern="random")
        times, there = np.zeros(20), np.zeros(20)
        for number in range(1, 1500):
            times[found.sample(number)] += 1
            there += found.present(number)
        np.testing.assert_allclose(times / there, 4 / 16, atol=0.05)


class TestFates:
    def test_a_calm_world_lets_all_count(self) -> None:
        found = world()
        ended = lived(found)
        assert not found.eventful
        assert ended.aggregated == list(range(20))
        assert ended.duration == pytest.approx(0.1 + 0.08 + 0.8 + OWNED[-1] / 1000)
        assert ended.duration == ended.seconds.max()

    def test_chances_are_those_of_the_settings(self) -> None:
        found = world(availability__dropout_before=0.2, availability__dropout_after=0.3)
        outcomes = [
            outcome for number in range(1, 300) for outcome in lived(found, number).outcomes
        ]
        shares = {outcome: outcomes.count(outcome) / len(outcomes) for outcome in ClientOutcome}
        assert found.eventful
        assert shares[ClientOutcome.DROPPED_BEFORE] == pytest.approx(0.2, abs=0.02)
        assert shares[ClientOutcome.DROPPED_AFTER] == pytest.approx(0.8 * 0.3, abs=0.02)

    def test_more_chance_fails_the_same_and_others(self) -> None:
        few = lived(world(availability__dropout_after=0.2)).of(ClientOutcome.DROPPED_AFTER)
        many = lived(world(availability__dropout_after=0.6)).of(ClientOutcome.DROPPED_AFTER)
        assert set(few) < set(many)

    def test_a_gateways_chance_does_not_depend_on_who_else_was_chosen(self) -> None:
        found = world(availability__dropout_before=0.5)
        everybody = lived(found).by_partition()
        some = found.outcomes(1, np.array([12, 3, 7]), OWNED, found.work(1, 1)).by_partition()
        assert list(some) == [3, 7, 12]
        assert all(some[k][0] is everybody[k][0] for k in some)

    def test_who_is_late_is_dropped(self) -> None:
        found = world(clock__deadline=0.98 + 0.05, clock__latency=0.05)
        ended = lived(found)
        assert found.eventful
        assert ended.of(ClientOutcome.LATE) == [k for k in range(20) if OWNED[k] > 50]
        assert ended.duration == 1.03
        assert (ended.seconds[list(ended.of(ClientOutcome.LATE))] > 1.03).all()

    def test_or_does_what_it_can(self) -> None:
        found = world(clock__deadline=1.03, clock__stragglers="partial", train__epochs=2)
        ended, work = lived(found), found.work(100_000, 100_000)
        assert ended.aggregated == list(range(20))
        assert ended.duration <= 1.03
        assert found.most_steps(1, 19, int(OWNED[19]), work) == 6
        assert found.most_steps(1, 0, int(OWNED[0]), work) == 4
        assert ended.seconds[19] == pytest.approx(0.98 + 0.048)
        assert world().most_steps(1, 19, 100, work) is None

    def test_unless_not_one_step_fits(self) -> None:
        found = world(
            clock__deadline=1.03, clock__stragglers="partial", train__batch_size=64, run__seed=3
        )
        late = lived(found).of(ClientOutcome.LATE)
        assert late == [k for k in range(20) if OWNED[k] > 50]

    def test_a_link_too_slow_is_late_even_without_windows(self) -> None:
        found = world(clock__deadline=0.9, clock__stragglers="partial")
        ended = found.outcomes(1, np.array([4]), np.zeros(20, int), found.work(100_000, 100_000))
        assert ended.outcomes == (ClientOutcome.LATE,)

    def test_one_in_time_without_windows_is_not_late(self) -> None:
        found = world(clock__deadline=1.0, clock__stragglers="partial")
        ended = found.outcomes(1, np.array([4]), np.zeros(20, int), found.work(100_000, 100_000))
        assert ended.outcomes == (ClientOutcome.AGGREGATED,)

    def test_the_first_by_the_clock_count(self) -> None:
        found = world(federation__fraction=0.5, clock__oversample=0.5, clock__speed=1.0)
        ended = lived(found)
        assert len(ended.sampled) == 15
        assert ended.aggregated == ended.sampled[:10].tolist()
        assert ended.of(ClientOutcome.NOT_NEEDED) == ended.sampled[10:].tolist()
        assert ended.duration == ended.seconds[9]
        assert not found.eventful

    def test_equals_are_not_ranked_by_name(self) -> None:
        found = world(federation__fraction=0.5, clock__oversample=1.0)
        equal, times = np.full(20, 50), np.zeros(20)
        for number in range(1, 400):
            chosen = found.sample(number)
            times[found.outcomes(number, chosen, equal, found.work(1, 1)).aggregated] += 1
        np.testing.assert_allclose(times / 400, 0.5, atol=0.12)

    def test_nobody_there_is_a_round_without_anybody(self, tmp_path: Path) -> None:
        file = tmp_path / "trace.csv"
        file.write_text("gateway,from_round,to_round\n3,2,2\n")
        found = world(availability__trace=str(file), clock__deadline=9)
        ended = lived(found, 1)
        assert ended.aggregated == []
        assert ended.duration == 0
        assert ended.to_json() == {
            "virtual_seconds": 0.0,
            "present": 0,
            "sampled": 0,
            "outcomes": {},
        }
        assert lived(found, 2).aggregated == [3]

    @given(seed=st.integers(0, 30), number=st.integers(1, 30))
    def test_is_the_same_for_who_asks_later(self, seed: int, number: int) -> None:
        settings: dict[str, object] = {
            "availability__pattern": "sessions", "availability__late": 0.2,
            "availability__dropout_after": 0.1, "clock__speed_spread": 1.0,
            "clock__deadline": 1.03, "run__seed": seed, "federation__fraction": 0.5,
            "clock__oversample": 0.4,
        }  # fmt: skip
        one, other = world(**settings), world(**settings)
        for earlier in range(1, number):
            lived(one, earlier)
        first, second = lived(one, number), lived(other, number)
        assert first.outcomes == second.outcomes
        assert first.duration == second.duration
        np.testing.assert_array_equal(first.sampled, second.sampled)


def test_a_bad_trace_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("gateway,from_round,to_round\n20,1,1\n")
    with pytest.raises(ConfigError, match="gateway from 0 to 19 in line 2"):
        world(availability__trace=str(file))
