"""What an arm depends on: claims held against plans, flows and trained bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runs_factory import small_config

from fednids.config import AvailabilityConfig, Config
from fednids.datasets.federated import FederatedDataset
from fednids.experiment.arms import ARMS
from fednids.simulation.availability import PATTERNS
from fednids.studies.relevance import (
    PATTERN_DIALS,
    canonical,
    irrelevant,
)
from partitions import PARTITIONERS


def bits(arm: str, config: Config) -> list[bytes]:
    """Train for real and give each detector's weights."""
    return [
        weights.tobytes()
        for weights in ARMS[arm](config, FederatedDataset.open(config), [], None).weights
    ]


FAR: dict[str, object] = {
    "strategy__name": "fedprox",
    "federation__fraction": 0.4,
    "strategy__mu": 5.0,
    "federation__max_failures": 0.1,
    "federation__norm_bound": 3.0,
    "train__stack": 8,
    "availability__pattern": "daily",
    "availability__late": 0.5,
    "availability__dropout_before": 0.5,
    "clock__deadline": 0.1,
    "clock__stragglers": "partial",
    "wire__up": "int8",
}
DEALT: dict[str, object] = {
    "partition__scheme": "pathological",
    "partition__gateways": 2,
    "partition__classes_per_gateway": 4,
    "partition__minimum": 30,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arm", "changes"),
    [
        ("centralised", {**FAR, **DEALT}),
        ("local", FAR),
        ("local", {"attack__kind": "label-flip", "attack__share": 0.5}),
        ("federated", {"attack__kind": "label-flip"}),
        ("federated", {"availability__share": 0.1, "clock__stragglers": "partial"}),
    ],
)
def test_settings_that_an_arm_does_not_read_change_no_bit(
    arm: str, changes: dict[str, object]
) -> None:
    small = {"data__flows": 800, "federation__rounds": 1}
    first, second = small_config(**small), small_config(**small, **changes)
    assert first != second
    assert canonical(arm, first) == canonical(arm, second)
    assert bits(arm, second) == bits(arm, canonical(arm, first))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_read_what_they_say(pattern: str) -> None:
    def history(**dials: float) -> np.ndarray:
        settings = AvailabilityConfig(pattern=pattern, **dials)  # type: ignore[arg-type]
        presence = PATTERNS[pattern](settings, 1, 50)
        return np.array([presence(number) for number in range(1, 30)])

    for dial, value in {"share": 0.5, "day": 7, "stay": 8.0}.items():
        same = np.array_equal(history(), history(**{dial: value}))
        assert same == (dial not in PATTERN_DIALS[pattern]), dial


def test_a_world_that_changes_results_matters() -> None:
    plain = canonical("federated", small_config())
    for changes in (
        {"availability__pattern": "random"}, {"availability__late": 0.3}, {"clock__deadline": 9.0},
        {"clock__speed": 9.0}, {"clock__oversample": 1.0},
    ):  # fmt: skip
        assert canonical("federated", small_config(**changes)) != plain, changes


def test_noise_and_arrival_matter_to_the_centralised_arm() -> None:
    plain = canonical("centralised", small_config())
    for changes in (
        {"partition__scheme": "noise"},
        {"partition__arrival": "growing"},
        {"federation__rounds": 3},
        {"run__seed": 2},
        {"data__window": 5},
    ):
        assert canonical("centralised", small_config(**changes)) != plain, changes
    noisy = {"partition__scheme": "noise"}
    more = canonical("centralised", small_config(**noisy, partition__noise=2))
    assert more != canonical("centralised", small_config(**noisy))
    assert not np.array_equal(
        FederatedDataset.open(more).pooled().flows.vectors,
        FederatedDataset.open(plain).pooled().flows.vectors,
    )


def test_a_plan_file_makes_all_of_partition_matter(tmp_path: Path) -> None:
    config = small_config(partition__plan=str(tmp_path / "plan.npz"))
    for arm in ARMS:
        assert not any(name.startswith("partition.") for name in irrelevant(arm, config))


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("scheme", PARTITIONERS.names())
def test_what_stands_for_all_stands_for_itself(arm: str, scheme: str) -> None:
    config = small_config(partition__scheme=scheme)
    once = canonical(arm, config)
    assert canonical(arm, once) == once
    assert once.run.engine == "inprocess"


UNREAD: dict[str, object] = {
    "attack__trigger": "IN_PKTS=3", "attack__first_round": 2, "attack__period": 2,
    "attack__poisoned": 0.1,
}  # fmt: skip
"""What sign-flip does not read."""


def test_how_gateways_lie_matters_where_some_do() -> None:
    lies: dict[str, object] = {"attack__kind": "sign-flip", "attack__strength": 3.0}
    clean = canonical("federated", small_config())
    assert canonical("federated", small_config(**lies)) == clean
    assert canonical("federated", small_config(attack__share=0.5)) == clean
    attacked = canonical("federated", small_config(**lies, attack__share=0.5))
    assert attacked.attack.strength == 3.0
    assert attacked == canonical("federated", small_config(**lies, attack__share=0.5, **UNREAD))


@pytest.mark.parametrize("arm", ["local", "centralised"])
def test_gateways_lie_to_a_server_alone(arm: str) -> None:
    lies: dict[str, object] = {"attack__kind": "label-flip", "attack__share": 0.5}
    assert canonical(arm, small_config(**lies)) == canonical(arm, small_config())


def test_a_backdoors_clean_twin_is_scored_on_its_trigger() -> None:
    door: dict[str, object] = {"attack__kind": "backdoor", "attack__share": 0}
    found = canonical("federated", small_config(**door, **UNREAD))
    assert found != canonical("federated", small_config())
    assert found == canonical("federated", small_config(**door, attack__trigger="IN_PKTS=3"))
