"""What a result tells of scores, from rounds whose gateways counted them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from runs_factory import small_config

from fednids.errors import ConfigError
from fednids.messages.records import evaluation_content, read_evaluation
from fednids.messages.values import Evaluation
from fednids.metrics import ConfusionCounts, Curves, Tallies, Tally
from fednids.metrics.curves import cells
from fednids.runs.records import ScoresRecord
from fednids.runs.result import score_histograms, threshold_record
from fednids.runs.rounds import Round
from fednids.runs.selection import check_selection
from server.replies import evaluation_reader

NAMES = ("Benign", "DDoS", "DoS")


def answer(k: int, flows: int = 60, validated: int = 40) -> Evaluation:
    """Give the answer of a gateway with random scores."""
    rng = np.random.default_rng(k)

    def drawn(count: int) -> Tally:
        labels = rng.integers(3, size=count)
        logits = rng.normal(size=(count, 3)) + 2 * np.eye(3)[labels]
        return Curves.of(logits, labels).tally()

    counts = ConfusionCounts(np.diag([flows, 0, 0]))
    curves = Tallies(drawn(flows), drawn(flows // 3), drawn(validated) if validated else None)
    return Evaluation(k, counts, counts, 1.0, 0.0, curves=curves)


def round_of(*answers: Evaluation) -> Round:
    return Round(3, [], answers, [], 0.0, 0.0)


def test_an_answer_with_scores_comes_over_the_wire_as_it_was() -> None:
    for sent in (answer(0), answer(1, validated=0), answer(2, flows=0)):
        found = read_evaluation(evaluation_content(sent))
        assert sent.curves is not None
        assert found.curves is not None
        for name in ("all", "novel", "validation"):
            one, other = getattr(sent.curves, name), getattr(found.curves, name)
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_array_equal(one.places, other.places)
                np.testing.assert_array_equal(one.counts, other.counts)


def test_validation_counts_come_over_the_wire() -> None:
    counts = ConfusionCounts(np.diag([3, 2, 1]))
    found = read_evaluation(evaluation_content(replace(answer(0), validation=counts)))
    assert found.validation == counts


def test_answers_without_scores_are_no_longer_than_before() -> None:
    (metrics,) = evaluation_content(replace(answer(0), curves=None)).values()
    assert not any(name.startswith("curves") for name in metrics)


def test_scores_of_other_classes_are_refused() -> None:
    wrong = Tally(np.array([cells(3)]), np.array([1]))
    sent = replace(answer(0), curves=Tallies(wrong, wrong))
    with pytest.raises(ValueError, match="expected scores of 3 classes"):
        evaluation_reader(3)(evaluation_content(sent))
    assert evaluation_reader(3)(evaluation_content(answer(0))).partition_id == 0


def test_a_round_adds_what_its_gateways_counted() -> None:
    answers = [answer(k) for k in range(3)]
    total = round_of(*answers).curves("all")
    assert total is not None
    assert total.reliability.total == 180
    parts = [Curves.total([a.curves.all], 3) for a in answers if a.curves]
    assert total.histograms == parts[0].histograms + parts[1].histograms + parts[2].histograms
    assert round_of(answer(4, validated=0)).curves("validation") is None
    assert round_of(replace(answer(4), curves=None)).curves("all") is None


def test_a_record_is_valid_json_and_absent_without_counts() -> None:
    counts, curves = ConfusionCounts.zero(3), round_of(answer(0)).curves("all")
    found = ScoresRecord.of(counts, NAMES, curves).to_json()
    without = ScoresRecord.of(counts, NAMES).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) - set(without) == {"curves", "calibration"}
    assert list(found["curves"]["per_class"]) == list(NAMES)
    assert len(json.dumps(found)) < 15_000
    empty = ScoresRecord.of(counts, NAMES, Curves.total([], 3)).to_json()
    assert empty["curves"]["binary"]["roc_auc"] is None
    json.dumps(empty, allow_nan=False)


def test_a_threshold_is_chosen_on_validation_flows_alone() -> None:
    ended = round_of(*(answer(k) for k in range(8)))
    found = threshold_record(ended, 0.1, NAMES).to_json()
    assert 0 < found["probability"] < 1
    assert found["validation"]["false_alarm_rate"] <= 0.1
    swapped = [replace(_curves(k), all=_curves(k + 50).all) for k in range(8)]
    others = [replace(answer(k), curves=curves) for k, curves in enumerate(swapped)]
    again = threshold_record(round_of(*others), 0.1, NAMES).to_json()
    assert again["probability"] == found["probability"]
    assert again["validation"] == found["validation"]
    assert again["test"] != found["test"]
    json.dumps(found, allow_nan=False)


def _curves(k: int) -> Tallies:
    curves = answer(k).curves
    assert curves is not None
    return curves


def test_nobody_asks_for_a_threshold_or_nobody_can_tell() -> None:
    blind = threshold_record(round_of(answer(0, validated=0)), 0.1, NAMES)
    assert blind.to_json() == {"wanted": 0.1, "probability": None}


def test_a_threshold_without_validation_flows_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"validation_share above 0 for run.false_alarms=0.01"):
        check_selection(small_config(run__false_alarms=0.01))
    check_selection(small_config(run__false_alarms=0.01, data__validation_share=0.1))


def test_the_file_of_scores_holds_what_there_is() -> None:
    found = score_histograms(round_of(answer(0)), NAMES)
    assert list(found) == ["test", "novel", "validation"]
    assert np.array(found["test"]["histograms"]).sum() == 3 * 60
    assert math.isclose(found["test"]["edges"][0], -15.875)
    assert list(score_histograms(round_of(answer(0, validated=0)), NAMES)) == ["test", "novel"]
