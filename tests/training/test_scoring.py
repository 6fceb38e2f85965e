"""Scores are the plain network's, one gateway's like many's, whatever the batches are."""

from __future__ import annotations

import numpy as np
import pytest
from detector_factory import CLASSES, OTHER, START, gateway, losses_by_loops

from fednids.flows.windows import Windows
from fednids.training.trainer import EVALUATION_BATCH, SMALL_BATCH

SIZES = {
    "within a batch": (5, 0, 1, 30),
    "across a border": (0, EVALUATION_BATCH - 3, 7, 0, 0, 2),
    "several batches": (700, 600, 0, 1, 2 * EVALUATION_BATCH + 9, 3),
    "up to the border": (0, 24, EVALUATION_BATCH - 24, EVALUATION_BATCH, 0),
    "a small batch": (1, 0, SMALL_BATCH - 1),
    "one more than a small batch": (0, 3, SMALL_BATCH - 2),
    "none": (0, 0),
}


def test_scores_are_those_of_the_plain_network(adam):
    windows = gateway(77, seed=10)
    losses, logits = losses_by_loops(START, windows)
    scored = adam.score(START, windows)
    np.testing.assert_array_equal(scored.predicted, logits.argmax(axis=1))
    assert len(np.unique(scored.predicted)) >= 3
    assert scored.predicted.dtype == np.int32
    np.testing.assert_allclose(scored.logits, logits, atol=1e-5)
    assert scored.logits.dtype == np.float32
    assert scored.loss == pytest.approx(losses.sum(), rel=1e-6)


def test_scores_do_not_depend_on_the_padding(adam):
    whole = gateway(EVALUATION_BATCH + 300, seed=11)
    scored = adam.score(START, whole)
    losses, _ = losses_by_loops(START, whole)
    assert scored.loss == pytest.approx(losses.sum(), rel=1e-6)
    for count in (
        1,
        SMALL_BATCH,
        SMALL_BATCH + 1,
        EVALUATION_BATCH - 1,
        EVALUATION_BATCH,
        EVALUATION_BATCH + 1,
    ):
        # a window looks back only, so the first flows are scored alike whatever follows
        part = adam.score(START, Windows(whole.order[:count], whole.labels[:count]))
        np.testing.assert_array_equal(part.predicted, scored.predicted[:count])
        assert part.loss == pytest.approx(losses[:count].sum(), rel=1e-6)


def test_no_windows_no_answers(adam):
    scored = adam.score(START, gateway(0))
    assert scored.predicted.shape == (0,)
    assert scored.predicted.dtype == np.int32
    assert scored.logits.shape == (0, CLASSES)
    assert scored.loss == 0.0


@pytest.mark.parametrize("name", SIZES)
def test_gateways_are_scored_together_as_alone(name, adam):
    gateways = [gateway(count, seed) for seed, count in enumerate(SIZES[name])]
    together = adam.score_all(START, gateways)
    assert len(together) == len(gateways)
    for windows, scored in zip(gateways, together, strict=True):
        alone = adam.score(START, windows)
        assert scored.predicted.dtype == np.int32
        np.testing.assert_array_equal(scored.predicted, alone.predicted)
        np.testing.assert_allclose(scored.logits, alone.logits, atol=1e-5)
        assert scored.loss == pytest.approx(alone.loss, rel=1e-5)
        assert (scored.loss > 0) == (len(windows) > 0)
    again = adam.score_all(START, gateways)
    assert [s.loss for s in again] == [s.loss for s in together]


def test_gateways_scored_together_are_scored_with_the_given_weights(adam):
    gateways = [gateway(count, seed) for seed, count in enumerate((9, 0, 20))]
    for weights in (START, OTHER):
        for windows, scored in zip(gateways, adam.score_all(weights, gateways), strict=True):
            if not len(windows):
                continue
            losses, logits = losses_by_loops(weights, windows)
            np.testing.assert_array_equal(scored.predicted, logits.argmax(axis=1))
            assert scored.loss == pytest.approx(losses.sum(), rel=1e-5)


def test_answers_do_not_change_with_the_next_ones(adam):
    scored = adam.score_all(START, [gateway(9, 1), gateway(4, 2)])
    kept = [each.predicted.copy() for each in scored]
    adam.score_all(OTHER, [gateway(30, 3)])
    for each, predicted in zip(scored, kept, strict=True):
        np.testing.assert_array_equal(each.predicted, predicted)
