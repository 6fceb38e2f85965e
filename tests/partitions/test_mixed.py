"""mixed: sizes are the size scheme's, mixes the label scheme's, and promises hold."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traffic_factory import LABEL_SCHEMES, SAMPLE, SIZE_SCHEMES, table

from fednids.errors import ConfigError, PartitionError

FORMULAS = {"linear": 1.0, "square": 2.0, "power-law": -1.0, "iid": 0.0}


@pytest.mark.parametrize("label_scheme", LABEL_SCHEMES)
@settings(max_examples=40)
@given(
    totals=st.lists(st.integers(0, 80), min_size=1, max_size=6).filter(any),
    most=st.integers(1, 12),
    size_scheme=st.sampled_from(sorted(SIZE_SCHEMES)),
    alpha=st.sampled_from([1e-3, 0.3, 10.0]),
    each=st.integers(1, 3),
    minimum=st.integers(0, 5),
    seed=st.integers(0, 2**32),
)
def test_any_two_schemes_deal_everything_or_refuse_in_one_line(
    label_scheme, totals, most, size_scheme, alpha, each, minimum, seed
):
    gateways = min(most, sum(totals) // max(minimum, 1))
    if not gateways:
        return
    dials = {"alpha": alpha, "classes_per_gateway": each, "minimum": minimum}
    schemes = {"label_scheme": label_scheme, "size_scheme": size_scheme}
    refusal = ""
    try:
        counts = table("mixed", totals, gateways, seed, **dials, **schemes)
    except PartitionError as error:
        refusal = str(error)
    if refusal:
        assert label_scheme in ("pathological", "extended-dirichlet", "withheld")
        assert re.fullmatch("expected .+, found .+; .+", refusal)
        return
    assert counts.sum(axis=0).tolist() == totals
    assert counts.sum(axis=1).min() >= minimum
    if size_scheme != "iid":
        alone = table(size_scheme, totals, gateways, seed, **dials)
        assert counts.sum(axis=1).tolist() == alone.sum(axis=1).tolist()
    if label_scheme in ("pathological", "extended-dirichlet"):
        assert ((counts > 0).sum(axis=1) <= each).all()


@pytest.mark.parametrize("size_scheme", FORMULAS)
@pytest.mark.parametrize("label_scheme", ["dirichlet", "inner-dirichlet", "shards", "withheld"])
def test_sizes_of_the_sample_follow_their_formula(label_scheme, size_scheme):
    schemes = {"label_scheme": label_scheme, "size_scheme": size_scheme}
    sizes = table("mixed", SAMPLE, 30, **schemes).sum(axis=1)
    weights = np.arange(1.0, 31) ** FORMULAS[size_scheme]
    assert np.abs(sizes - sum(SAMPLE) * weights / weights.sum()).max() < 1 + 1e-6


def test_withheld_classes_stay_withheld_at_every_size():
    dials = {"label_scheme": "withheld", "withheld": "DDoS", "size_scheme": "log-normal"}
    for seed in range(5):
        counts = table("mixed", SAMPLE, 12, seed, **dials)
        assert (counts[:, 1] == 0).sum() == 6


def test_labels_are_skewed_as_alone_where_sizes_do_not_force_otherwise():
    def distance(scheme, **dials):
        counts = table(scheme, [4000] * 4, 20, alpha=0.3, **dials)
        shares = counts / counts.sum(axis=1, keepdims=True)
        return np.abs(shares - 0.25).sum(axis=1).mean() / 2

    alone = distance("dirichlet")
    both = distance("mixed", label_scheme="dirichlet", size_scheme="iid")
    assert abs(alone - both) < 0.15 * alone


def test_contradictions_are_refused():
    with pytest.raises(PartitionError, match="too large for the rare classes they hold"):
        table("mixed", SAMPLE, 20, label_scheme="pathological", size_scheme="iid")


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        ({"label_scheme": "dirichlett"}, "label_scheme among .*; did you mean 'dirichlet'"),
        ({"size_scheme": "mixed"}, "size_scheme among .*, iid, got 'mixed'"),
    ],
)
def test_unknown_schemes_are_refused(dials, message):
    with pytest.raises(ConfigError, match=message):
        table("mixed", [100, 100], 4, **dials)
