"""Fitting a head again: sums over clients, Newton's method, virtual features."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from fednids.training.recalibration import (
    LEAST_FLOWS,
    ClassMoments,
    HeadSums,
    fit_head,
    fit_to_virtual,
    with_ones,
)

CLASSES, WIDTH = 4, 3
WEIGHTS = np.array([1.0, 0.5, 2.0, 3.0])


def flows(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return features of classes whose means lie apart, and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=count).astype(np.int32)
    means = 2 * np.random.default_rng(9).standard_normal((CLASSES, WIDTH))
    return np.maximum(means[labels] + rng.standard_normal((count, WIDTH)), 0), labels


def sums(features: np.ndarray, labels: np.ndarray, head: np.ndarray) -> HeadSums:
    inputs = with_ones(features)
    return HeadSums.of(inputs, inputs @ head.T, labels, WEIGHTS)


class TestHeadSums:
    HEAD = np.random.default_rng(3).standard_normal((CLASSES, WIDTH + 1))

    def test_derivatives_are_those_of_differences(self) -> None:
        features, labels = flows(20)
        found = sums(features, labels, self.HEAD)

        def gradient_at(flat: np.ndarray) -> np.ndarray:
            return sums(features, labels, flat.reshape(self.HEAD.shape)).gradient.ravel()

        slope = oracles.gradient_by_differences(
            lambda flat: sums(features, labels, flat.reshape(self.HEAD.shape)).loss,
            self.HEAD.ravel(),
        )
        np.testing.assert_allclose(found.gradient.ravel(), slope, atol=1e-4)
        size, whole = self.HEAD.size, found.full_hessian()
        for place in range(size):
            step = 1e-5 * np.eye(size)[place]
            flat = self.HEAD.ravel()
            expected = (gradient_at(flat + step) - gradient_at(flat - step)) / 2e-5
            np.testing.assert_allclose(whole[place], expected, atol=1e-4)

    def test_loss_is_the_weighted_cross_entropy(self) -> None:
        features, labels = flows(20)
        logits = with_ones(features) @ self.HEAD.T
        expected = sum(
            WEIGHTS[c] * (np.log(np.exp(row).sum()) - row[c])
            for row, c in zip(logits, labels, strict=True)
        )
        found = sums(features, labels, self.HEAD)
        assert found.loss == pytest.approx(expected)
        assert found.weight == pytest.approx(WEIGHTS[labels].sum())

    @given(count=st.integers(0, 30), cut=st.integers(0, 30))
    def test_of_parts_add_up_to_those_of_all(self, count: int, cut: int) -> None:
        features, labels = flows(count)
        parts = [(features[:cut], labels[:cut]), (features[cut:], labels[cut:])]
        found = reduce(add, [sums(*part, self.HEAD) for part in parts])
        whole = sums(features, labels, self.HEAD)
        assert found.loss == pytest.approx(whole.loss)
        np.testing.assert_allclose(found.gradient, whole.gradient, atol=1e-9)
        np.testing.assert_allclose(found.hessian, whole.hessian, atol=1e-9)


class TestFit:
    def test_is_that_of_logistic_regression(self) -> None:
        features, labels = flows(2000)
        found = fit_head((CLASSES, WIDTH + 1), lambda head: sums(features, labels, head))
        theirs = LogisticRegression(C=1e6, max_iter=1000)
        theirs.fit(features, labels, sample_weight=WEIGHTS[labels])
        ours = (with_ones(features) @ found.T).argmax(axis=1)
        assert (ours == theirs.predict(features)).mean() > 0.97
        logits = theirs.decision_function(features)
        best = HeadSums.of(with_ones(features), logits, labels, WEIGHTS)
        reached = sums(features, labels, found)
        assert reached.loss < 1.05 * best.loss

    def test_without_flows_the_head_is_zeros(self) -> None:
        found = fit_head((CLASSES, WIDTH + 1), lambda head: sums(*flows(0), head))
        assert not found.any()

    def test_a_step_that_makes_it_worse_is_taken_back(self) -> None:
        """Sums that mislead once, as those of a far step do, cost one exchange."""
        features, labels = flows(500)
        asked: list[np.ndarray] = []

        def misled(head: np.ndarray) -> HeadSums:
            asked.append(head)
            found = sums(features, labels, head)
            return replace(found, loss=1e9) if len(asked) == 2 else found

        found = fit_head((CLASSES, WIDTH + 1), misled)
        assert np.linalg.norm(asked[2]) < np.linalg.norm(asked[1])
        honest = fit_head((CLASSES, WIDTH + 1), lambda head: sums(features, labels, head))
        reached, best = (sums(features, labels, each).loss for each in (found, honest))
        assert reached < best * 1.1


class TestClassMoments:
    def test_are_sums_by_class_and_leave_out_few_flows(self) -> None:
        features, labels = flows(200)
        few = np.flatnonzero(labels == 2)[: LEAST_FLOWS - 1]
        kept = np.sort(np.concatenate([np.flatnonzero(labels != 2), few]))
        features, labels = features[kept], labels[kept]
        found = ClassMoments.of(features, labels, CLASSES)
        for c in range(CLASSES):
            mine = features[labels == c] if c != 2 else features[:0]
            assert found.counts[c] == len(mine)
            np.testing.assert_allclose(found.sums[c], mine.sum(axis=0))
            outer = sum((np.outer(x, x) for x in mine), np.zeros((WIDTH, WIDTH)))
            np.testing.assert_allclose(found.products[c], outer[np.triu_indices(WIDTH)])

    def test_of_parts_draw_what_those_of_all_draw(self) -> None:
        features, labels = flows(3000)
        parts = [ClassMoments.of(features[k::3], labels[k::3], CLASSES) for k in range(3)]
        drawn = [
            each.draw(np.random.default_rng(1), 0.5)
            for each in (reduce(add, parts), ClassMoments.of(features, labels, CLASSES))
        ]
        np.testing.assert_allclose(drawn[0][0], drawn[1][0], atol=1e-6)
        np.testing.assert_array_equal(drawn[0][1], drawn[1][1])

    @pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
    def test_virtual_features_have_mean_covariance_and_shares(self, balance: float) -> None:
        rng = np.random.default_rng(4)
        labels = np.repeat([0, 1, 3], [4000, 1000, 250]).astype(np.int32)
        mixing = rng.standard_normal((WIDTH, WIDTH))
        features = 30 + rng.standard_normal((len(labels), WIDTH)) @ mixing
        drawn, classes = ClassMoments.of(features, labels, CLASSES).draw(rng, balance)
        shares = np.bincount(classes, minlength=CLASSES) / len(classes)
        expected = np.array([4000, 1000, 0, 250]) ** (1.0 - balance) * [1, 1, 0, 1]
        np.testing.assert_allclose(shares, expected / expected.sum(), atol=1e-3)
        mine = drawn[classes == 0]
        np.testing.assert_allclose(mine.mean(axis=0), features[labels == 0].mean(axis=0), atol=0.2)
        np.testing.assert_allclose(
            np.cov(mine.T), np.cov(features[labels == 0].T), rtol=0.2, atol=0.2
        )

    def test_a_head_fitted_to_virtual_features_tells_real_ones_apart(self) -> None:
        features, labels = flows(2000)
        parts = [ClassMoments.of(features[k::2], labels[k::2], CLASSES) for k in range(2)]
        head = fit_to_virtual((CLASSES, WIDTH + 1), parts, np.random.default_rng(1), 0.5)
        theirs = LogisticRegression(max_iter=1000).fit(features, labels).score(features, labels)
        found = ((with_ones(features) @ head.T).argmax(axis=1) == labels).mean()
        assert found > theirs - 0.05
