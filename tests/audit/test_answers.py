"""Exact bounds against the distributions that they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fednids.audit.answers import Skill, better, skills


@given(st.integers(1, 400), st.data())
def test_the_lower_bound_is_clopper_and_pearsons(flows: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, flows - 1))
    majority = data.draw(st.integers(1, flows))
    found = Skill("class", errors, majority, flows)
    upper = stats.beta.ppf(0.99, errors + 1, flows - errors)
    assert found.least(0.01) == pytest.approx(1 - upper * flows / majority, abs=1e-9)
    assert found.least(0.001) < found.least(0.01) < found.skill


def test_skills_are_of_class_and_label() -> None:
    attack = np.array([0, 0, 1, 1, 1, 2])
    by_class, by_label = skills(np.array([0, 1, 1, 1, 2, 1]), attack)
    assert (by_class.task, by_class.errors, by_class.majority_errors) == ("class", 3, 3)
    assert (by_label.task, by_label.errors, by_label.majority_errors) == ("label", 1, 2)
    assert by_class.skill == 0
    assert by_label.skill == 0.5


def test_a_task_with_one_answer_is_left_out() -> None:
    assert [each.task for each in skills(np.array([1, 2]), np.array([1, 2]))] == ["class"]
    assert skills(np.array([1, 1]), np.array([1, 1])) == ()


def test_better_counts_only_where_one_is_right() -> None:
    attack = np.zeros(100, int)
    first, second = np.zeros(100, int), np.zeros(100, int)
    second[:10] = 1
    assert better(first, second, attack) == pytest.approx(0.5**10)
    assert better(second, first, attack) == 1
    assert better(first, first, attack) == 1
