from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from partitions import measure_skew

tables = arrays(
    np.int64, st.tuples(st.integers(1, 20), st.integers(1, 5)), elements=st.integers(1, 99)
)


def gini(sizes: np.ndarray) -> float:
    """Mean absolute difference of all pairs, over twice the mean."""
    pairs = [abs(int(a) - int(b)) for a in sizes for b in sizes]
    return float(np.mean(pairs)) / (2 * float(np.mean(sizes)))


@given(tables)
def test_measures_are_the_literal_definitions(table: np.ndarray) -> None:
    found = measure_skew(table)
    sizes, whole = table.sum(axis=1), table.sum(axis=0) / table.sum()
    distances = [0.5 * sum(abs(row / row.sum() - whole)) for row in table]
    assert found.size_gini == pytest.approx(gini(sizes), abs=1e-12)
    assert found.label_distance == pytest.approx(np.dot(distances, sizes) / sizes.sum(), abs=1e-12)
    assert found.classes_seen == 1.0
    assert (found.smallest, found.largest) == (sizes.min(), sizes.max())


def test_the_ends_of_the_scale() -> None:
    even = measure_skew(np.full((4, 5), 10))
    assert (even.label_distance, even.size_gini, even.classes_seen) == (0, 0, 1)
    split = measure_skew(np.diag([10, 10, 10, 10, 10]))
    assert split.label_distance == pytest.approx(0.8)
    assert split.classes_seen == pytest.approx(0.2)


def test_empty_gateways_and_classes_do_no_harm() -> None:
    found = measure_skew(np.array([[5, 0, 0], [0, 0, 0]]))
    assert np.isfinite([found.label_distance, found.size_gini, found.classes_seen]).all()
