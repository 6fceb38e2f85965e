"""Fitting: both margins exactly, odds ratios kept, zeros kept where that is wanted and possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from fednids.errors import PartitionError
from partitions.fitting import fit_table


@st.composite
def problems(draw):
    gateways, classes = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dealt = rng.integers(draw(st.sampled_from([1, 5, 200])), size=(gateways, classes))
    other = rng.integers(draw(st.sampled_from([2, 3])), size=(gateways, classes))
    mixes = (other * rng.random(other.shape)).astype(np.float64)
    mixes[mixes.sum(axis=1) == 0, 0] = 1.0
    return mixes, dealt.sum(axis=1), dealt.sum(axis=0), rng


def possible(mixes, sizes, totals):
    """Solve the transport problem with zeros by linear programming."""
    gateways, classes = mixes.shape
    rows = [np.kron(np.eye(gateways)[k], np.ones(classes)) for k in range(gateways)]
    columns = [np.kron(np.ones(gateways), np.eye(classes)[c]) for c in range(classes)]
    bounds = [(0, None if share > 0 else 0) for share in mixes.ravel()]
    margins = np.concatenate([sizes, totals])
    return linprog(np.zeros(mixes.size), A_eq=rows + columns, b_eq=margins, bounds=bounds).success


@given(problems())
def test_both_margins_hold_for_any_mixes(problem):
    mixes, sizes, totals, rng = problem
    counts = fit_table(mixes, sizes, totals, rng)
    assert counts.min() >= 0
    assert counts.sum(axis=1).tolist() == sizes.tolist()
    assert counts.sum(axis=0).tolist() == totals.tolist()


@given(problems())
def test_zeros_stay_whenever_that_is_possible(problem):
    mixes, sizes, totals, rng = problem
    if possible(mixes, sizes, totals):
        counts = fit_table(mixes, sizes, totals, rng, strict=True)
        assert not counts[mixes == 0].any()
        assert counts.sum(axis=1).tolist() == sizes.tolist()
        assert counts.sum(axis=0).tolist() == totals.tolist()
    else:
        with pytest.raises(PartitionError, match=r"^expected .*, found .*; .*$"):
            fit_table(mixes, sizes, totals, rng, strict=True)


def test_odds_ratios_are_those_of_the_mixes():
    mixes = np.array([[1.0, 2.0, 1.0], [3.0, 1.0, 1.0], [1.0, 1.0, 4.0]])
    sizes, totals = np.array([500_000, 900_000, 100_000]), np.array([300_000, 400_000, 800_000])
    counts = fit_table(mixes, sizes, totals, np.random.default_rng(0)).astype(float)

    def odds(of):
        return of[:-1, :-1] * of[1:, 1:] / (of[:-1, 1:] * of[1:, :-1])

    np.testing.assert_allclose(odds(counts), odds(mixes), rtol=1e-3)


def test_mixes_that_fit_are_left_alone_to_within_a_flow():
    counts = np.random.default_rng(1).integers(1, 50, (30, 4))
    rng = np.random.default_rng(2)
    found = fit_table(counts.astype(float), counts.sum(axis=1), counts.sum(axis=0), rng)
    assert np.abs(found - counts).max() <= 1
