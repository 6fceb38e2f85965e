"""A tally is short, checked, and the counts it came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from score_cases import scored

from fednids.metrics import Curves, Tally
from fednids.metrics.curves import cells


@given(scored())
def test_a_tally_keeps_everything_and_is_short(case) -> None:
    logits, labels = case
    curves = Curves.of(logits, labels)
    tally = curves.tally()
    assert len(tally.places) <= len(labels) * (logits.shape[1] + 3) + 2
    again = Curves.total([tally], logits.shape[1])
    assert again.histograms == curves.histograms
    assert again.reliability.to_json() == curves.reliability.to_json()


@pytest.mark.parametrize(
    ("places", "counts"),
    [([3, 2], [1, 1]), ([2, 2], [1, 1]), ([-1, 2], [1, 1]), ([1], [0]), ([1], [-5]), ([1], [1, 2])],
)
def test_what_is_no_tally_is_refused(places, counts) -> None:
    with pytest.raises(ValueError, match="expected ascending places"):
        Tally(np.array(places), np.array(counts))


def test_a_tally_of_other_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="expected scores of 2 classes"):
        Curves.total([Tally(np.array([cells(2)]), np.array([1]))], 2)


def test_json_holds_what_is_needed_to_draw() -> None:
    curves = Curves.of(np.array([[2.0, 0.0], [0.0, 1.0]]), [0, 1])
    found = curves.to_json(("Benign", "Attack"))
    assert np.array(found["histograms"]).shape == (2, 2, len(found["edges"]) + 1)
    assert np.array(found["reliability"])[0].sum() == 2
