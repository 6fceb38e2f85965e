"""Places, differences to the best, and the words for them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from fednids.metrics import ConfusionCounts
from fednids.studies.statistics import RUN_METRICS, RankedRun, best_mean, rank


def entry(seed: int, macro_f1: float, wrong: int = 0, plan: str = "p") -> RankedRun:
    metrics = dict.fromkeys(RUN_METRICS, math.nan) | {
        "macro_f1": macro_f1,
        "majority_macro_f1": 0.1,
    }
    counts = [ConfusionCounts(np.array([[9 + k, 0], [wrong, 9 - k]])) for k in range(4)]
    return RankedRun(seed, f"{plan}{seed}", metrics, counts)


def entries(*scores: float, wrong: int = 0) -> list[RankedRun]:
    return [entry(seed, f1, wrong) for seed, f1 in enumerate(scores, start=1)]


def test_the_best_mean_is_first_and_an_undefined_one_last() -> None:
    found = rank(
        {
            "nothing": entries(math.nan),
            "low": entries(0.2),
            "high": entries(0.9),
            "mid": entries(0.5),
        },
        0.6,
    )
    assert [each.name for each in found.standings] == ["high", "mid", "low", "nothing"]
    assert [each.place for each in found.standings] == [1, 2, 3, 4]
    assert found.majority == pytest.approx(0.1)


def test_differences_are_over_shared_seeds_and_say_what_they_show() -> None:
    worse = [entry(2, 0.3), entry(3, 0.4), entry(1, 0.5), entry(9, 0.9)]
    same, best = entries(0.7, 0.8, 0.75), entries(0.8, 0.7, 0.9)
    found = rank({"worse": worse, "same": same, "best": best}, 0.6)
    assert found.over == "seeds"
    one, two, three = found.standings
    assert one.difference is None
    assert two.difference is not None
    assert two.difference.mean == pytest.approx((-0.1 + 0.1 - 0.15) / 3)
    assert two.verdict == "no difference seen"
    assert "no difference seen" in found.in_words(two)
    assert three.difference is not None
    assert three.difference.count == 3
    assert three.difference.mean == pytest.approx((-0.4 - 0.5 - 0.3) / 3)
    assert three.verdict == "lower"
    assert found.in_words(three).startswith("worse against best: lower, -0.4")


def test_without_three_seeds_gateways_are_drawn() -> None:
    found = rank({"good": entries(0.9, 0.8), "bad": entries(0.5, 0.6, 0.4, wrong=30)}, 0.6)
    assert found.over == "gateways"
    good, bad = found.standings
    interval = good.metrics["macro_f1"]
    assert interval.mean == pytest.approx(0.85)
    assert interval.low <= interval.high
    assert math.isnan(good.metrics["worst_gateway"].low)
    assert bad.difference is not None
    assert (bad.difference.count, bad.verdict) == (2, "lower")
    assert bad.difference.mean == pytest.approx((0.5 - 0.9 + 0.6 - 0.8) / 2)


def test_no_seed_in_common_is_said() -> None:
    found = rank({"a": [entry(1, 0.9)], "b": [entry(2, 0.5)]}, 0.6)
    assert "nothing to compare" in found.in_words(found.standings[1])


def test_a_ranking_is_json_without_nan() -> None:
    found = rank({"a": entries(0.9), "b": entries(0.5)}, math.nan)
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [each["name"] for each in plain["ranking"]] == ["a", "b"]
    assert plain["target"] is None
    assert plain["ranking"][0]["difference_to_best"] is None
    keys = {"place", "name", "seeds", "metrics", "difference_to_best", "says"}
    assert set(plain["ranking"][1]) == keys


def test_the_best_mean_is_of_what_is_defined() -> None:
    assert best_mean([[math.nan], [0.2, 0.4], [0.8, 0.6]]) == pytest.approx(0.7)
    assert math.isnan(best_mean([[math.nan], []]))
