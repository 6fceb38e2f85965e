"""Dirichlet and pathological deal as flwr-datasets does, where both mean the same.

Runs where that package is installed (``pip install -e '.[compare]'``), and compares many
seeds of ours with many of theirs by two-sample tests.

Where definitions differ, they are made to agree. Their Dirichlet draws again below a minimum
size, where ours fills: both have none. They round cumulated shares down in the order of the
gateways, so the last one nearly always gets a flow of every class: only classes with 5 flows
count as seen. Their pathological draws the classes of each gateway alone, so a class has more
or fewer holders by chance, or none and its flows are lost; ours has as many holders for each
class as can be. So what is compared is the classes of one gateway, and, with their deterministic
classes, which give each class as many holders too, the sizes.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import Counter
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from traffic_factory import make_labels

from partitions import Traffic, deal_flows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("flwr_datasets") is None,
        reason="needs flwr-datasets: pip install -e '.[compare]'",
    ),
]
SEEDS, GATEWAYS = 200, 10
TOTALS = (500, 1500, 900, 100)
STRICT = 1e-3


def theirs(kind, totals, seed, **settings):
    """Count their flows of each class at each gateway, ``(K, C)``."""
    import datasets
    from flwr_datasets import partitioner

    labels = make_labels(totals)
    made = getattr(partitioner, kind)(
        num_partitions=GATEWAYS, partition_by="label", seed=seed, shuffle=False, **settings
    )
    made.dataset = datasets.Dataset.from_dict({"label": labels.astype(int)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lost classes
        parts = [np.array(made.load_partition(k)["label"], dtype=int) for k in range(GATEWAYS)]
    return np.array([np.bincount(part, minlength=len(totals)) for part in parts])


def ours(scheme, totals, seed, **settings):
    labels = make_labels(totals)
    plan = deal_flows(
        scheme,
        Traffic(labels),
        gateways=GATEWAYS,
        settings=settings,
        minimum=0,
        rng=np.random.default_rng(seed),
    )
    return plan.label_counts(labels, len(totals))


@cache
def dirichlets(alpha):
    settings = {"alpha": alpha, "min_partition_size": 0, "self_balancing": False}
    return (
        [ours("dirichlet", TOTALS, seed, alpha=alpha) for seed in range(SEEDS)],
        [theirs("DirichletPartitioner", TOTALS, seed, **settings) for seed in range(SEEDS)],
    )


def label_distance(counts):
    """Mean total variation between a gateway's class shares and the fleet's, by flows."""
    sizes = counts.sum(axis=1)
    shares = counts / np.maximum(sizes, 1)[:, None]
    whole = counts.sum(axis=0) / counts.sum()
    return np.average(np.abs(shares - whole).sum(axis=1) / 2, weights=sizes)


MEASURES = {
    "label distance": label_distance,
    "classes with 5 flows": lambda counts: (counts >= 5).sum(axis=1).mean(),
    "largest size": lambda counts: counts.sum(axis=1).max(),
    "median size": lambda counts: np.median(counts.sum(axis=1)),
    "largest share of the first class": lambda counts: counts[:, 0].max(),
    "largest share of the rarest class": lambda counts: counts[:, 3].max(),
    "a gateway's flows of the largest class": lambda counts: counts[4, 1],
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_dirichlet_agrees_in_distribution(alpha, measure):
    mine, flowers = ([MEASURES[measure](c) for c in each] for each in dirichlets(alpha))
    assert stats.ks_2samp(mine, flowers).pvalue > STRICT
    error = 4 * np.hypot(np.std(mine), np.std(flowers)) / np.sqrt(SEEDS)
    assert abs(np.mean(mine) - np.mean(flowers)) <= error


def test_the_test_would_notice_another_alpha():
    mine = [label_distance(counts) for counts in dirichlets(0.5)[0]]
    other = [label_distance(ours("dirichlet", TOTALS, seed, alpha=1.0)) for seed in range(SEEDS)]
    assert stats.ks_2samp(mine, other).pvalue < STRICT


@pytest.mark.parametrize("each", [1, 2, 3])
def test_pathological_sizes_are_theirs_where_each_class_has_as_many_holders(each):
    totals, settings = (500, 1500, 900, 100, 1003), {"class_assignment_mode": "deterministic"}
    flowers = theirs(
        "PathologicalPartitioner", totals, 1, num_classes_per_partition=each, **settings
    )
    for seed in range(20):
        mine = ours("pathological", totals, seed, classes_per_gateway=each)
        np.testing.assert_array_equal(np.sort(mine, axis=0), np.sort(flowers, axis=0))


def test_pathological_classes_of_a_gateway_are_as_likely():
    totals, pairs = (400, 400, 400, 400, 400), list(combinations(range(5), 2))

    def seen(tables):
        found = Counter(tuple(np.flatnonzero(counts[3]).tolist()) for counts in tables)
        return [found[pair] for pair in pairs]

    settings = {"num_classes_per_partition": 2, "class_assignment_mode": "random"}
    mine = seen(ours("pathological", totals, s, classes_per_gateway=2) for s in range(SEEDS))
    flowers = seen(theirs("PathologicalPartitioner", totals, s, **settings) for s in range(SEEDS))
    assert sum(mine) == sum(flowers) == SEEDS
    assert stats.chi2_contingency([mine, flowers]).pvalue > STRICT
