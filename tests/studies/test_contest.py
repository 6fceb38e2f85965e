"""Strategies as they are typed, and the study that they become."""

from __future__ import annotations

import pytest

from fednids.errors import ConfigError, FednidsError
from fednids.studies.compare import make_contest, parse_strategies
from fednids.studies.study import Study, expand, runs_of


def contest(text: str, seeds: tuple[int, ...] = (1, 2), **settings: object) -> Study:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    return make_contest(parse_strategies(text), given, seeds)


def test_strategies_have_settings_of_their_own() -> None:
    found = parse_strategies("fedavg, fedprox( mu=0.1 ) ,krum(malicious=2,train.epochs=3)")
    assert found == {
        "fedavg": {"strategy.name": "fedavg"},
        "fedprox(mu=0.1)": {
            "strategy.name": "fedprox",
            "strategy.mu": "0.1",
        },
        "krum(malicious=2, train.epochs=3)": {
            "strategy.name": "krum",
            "strategy.malicious": "2",
            "train.epochs": "3",
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fedavg,,krum",
        "fedavg,krum(",
        "krum)",
        "fedprox(nu=0.1)",
        "fedprox(mu)",
        "krum(malicious=1)(select=2)",
        "fedavg,fedavg",
        "fedavg krum",
    ],
)
def test_anything_else_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_strategies(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("expected ")


def test_every_strategy_is_run_on_the_same_plans_and_seeds() -> None:
    runs = runs_of(expand(contest("fedavg,fedprox(mu=0.1)", data__flows=900)))
    assert len(runs) == 4
    own = [run.config.strategy for run in runs]
    assert {each.settings.mu for each in own if each.name == "fedprox"} == {0.1}  # type: ignore[attr-defined]
    deals = {seed: set() for seed in (1, 2)}  # type: ignore[var-annotated]
    for run in runs:
        deals[run.config.run.seed].add((run.config.partition, run.config.data))
    assert all(len(deal) == 1 for deal in deals.values())


def test_runs_under_attack_have_clean_twins_unless_they_are_not_wanted() -> None:
    lies = {"attack.share": 0.2, "attack.kind": "sign-flip"}
    strategies = parse_strategies("fedavg,krum")
    both = expand(make_contest(strategies, lies, (1,)))
    assert [(c.run.config.attack.kind, c.run.config.attack.share) for c in both] == [
        ("sign-flip", 0.2),
        ("none", 0.0),
    ] * 2
    assert [dict(c.place)["attack"] for c in both[:2]] == ["sign-flip 0.2", "clean"]
    assert len(expand(make_contest(strategies, lies, (1,), clean=False))) == 2
    assert len(expand(make_contest(strategies, {"attack.share": 0.2}, (1,)))) == 2


def test_the_target_is_a_share_of_the_best_unless_it_is_given() -> None:
    strategies = parse_strategies("fedavg,krum")
    wish = make_contest(strategies, {}, (1,)).report
    assert (wish.target, wish.of_best) == (0.95, True)
    wish = make_contest(strategies, {}, (1,), target=0.4).report
    assert (wish.target, wish.of_best) == (0.4, False)


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy__name": "krum"},
        {"train__epochs": 0},
        {"run__engine": "processes"},
        {"run__seed": 3},
        {"train__epoch": 1},
    ],
)
def test_what_the_comparison_decides_or_does_not_know_is_refused(
    settings: dict[str, object],
) -> None:
    with pytest.raises(FednidsError) as caught:
        expand(contest("fedavg,krum", **settings))
    assert "\n" not in str(caught.value)
