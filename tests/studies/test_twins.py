"""Which clean run stands beside which attacked one."""

from __future__ import annotations

from fednids.config import Config
from fednids.studies.relevance import clean_twins

LIES = {"attack.kind": "sign-flip", "attack.share": 0.2}


def runs(**settings: dict[str, object]) -> dict[str, tuple[str, Config]]:
    return {name: ("federated", Config.resolve(each)) for name, each in settings.items()}


def test_a_twin_differs_in_the_attack_alone() -> None:
    found = clean_twins(
        runs(
            clean={},
            other_seed={"run.seed": 2},
            median={"strategy.name": "fedmedian"},
            attacked=LIES,
            half={**LIES, "attack.share": 0.5, "attack.schedule": "late"},
            attacked_median={**LIES, "strategy.name": "fedmedian"},
            alone={**LIES, "strategy.name": "krum"},
        )
    )
    assert found == {"attacked": "clean", "half": "clean", "attacked_median": "median"}


def test_a_share_of_nothing_is_clean() -> None:
    given = runs(none={"attack.share": 0.3}, zero={"attack.kind": "alie"}, attacked=LIES)
    assert set(clean_twins(given)) == {"attacked"}


def test_without_an_exact_twin_a_rule_may_assume_another_number_of_malicious_gateways() -> None:
    krum: dict[str, object] = {"strategy.name": "krum"}
    assuming = {**krum, **LIES, "strategy.malicious": 2}
    loose = runs(clean={**krum, "strategy.malicious": 0}, attacked=assuming)
    assert clean_twins(loose) == {"attacked": "clean"}
    exact = runs(exact={**krum, "strategy.malicious": 2})
    assert clean_twins({**loose, **exact}) == {"attacked": "exact"}
    other = runs(clean={**krum, "federation.fraction": 0.5}, attacked=assuming)
    assert clean_twins(other) == {}


def test_a_backdoor_stands_beside_the_clean_run_that_saw_its_trigger() -> None:
    door: dict[str, object] = {"attack.kind": "backdoor", "attack.share": 0.2}
    given = runs(plain={}, shown={**door, "attack.share": 0.0}, attacked=door)
    assert clean_twins(given) == {"attacked": "shown"}
    del given["shown"]
    assert clean_twins(given) == {"attacked": "plain"}


def test_flows_may_lie_elsewhere() -> None:
    there = runs(clean={"data.path": "/a/flows.csv"}, attacked={**LIES, "data.path": "flows.csv"})
    assert clean_twins(there) == {"attacked": "clean"}
    pinned = {**LIES, "data.path": "flows.csv", "data.sha256": "ab" * 32}
    assert clean_twins({**there, **runs(attacked=pinned)}) == {}
