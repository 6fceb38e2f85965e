"""Engines change speed and no bit of a result, stacked gateways included."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.experiment import arms
from fednids.simulation.engines.base import group_tasks


def stacked_settings() -> dict[str, object]:
    return {
        "partition__gateways": 9, "federation__fraction": 0.8, "train__stack": 4,
        "data__flows": 900, "partition__alpha": 2.0, "model__channels": "4", "model__hidden": 4,
    }  # fmt: skip


def trained(config: Config) -> np.ndarray:
    return arms.federated(config, FederatedDataset.open(config), [], None).weights[0]


@cache
def in_one_process() -> np.ndarray:
    return trained(small_config(run__engine="inprocess", **stacked_settings()))


@pytest.mark.parametrize(
    ("name", "workers"),
    [pytest.param("processes", n, marks=pytest.mark.slow) for n in (1, 2, 3)],
)
def test_engines_change_no_bit(name: str, workers: int) -> None:
    """Of gateways that train in stacks of four, and of those that train alone."""
    config = small_config(run__engine=name, run__workers=workers, **stacked_settings())
    np.testing.assert_array_equal(in_one_process(), trained(config))


def test_the_run_above_has_stacks_and_single_gateways() -> None:
    sizes = sorted(
        FederatedDataset.open(small_config(**stacked_settings())).training_sizes, reverse=True
    )
    assert {group.stop - group.start for group in group_tasks(sizes, 4)} >= {1, 4}
