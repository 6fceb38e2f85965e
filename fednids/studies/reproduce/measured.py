"""What a row comes to with one seed, as it is kept in a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from fednids.metrics import ConfusionCounts, scores

Rate = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A rate that may be undefined: NaN here, null in the file."""


class Rates(BaseModel):
    """How a detector fares on some flows.

    Attributes
    ----------
    accuracy, macro_f1, false_alarm_rate, balanced_accuracy
        As in `fednids.metrics.scores`, over the row's classes.
    precision, recall, f1
        Of attacks against benign.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: Rate
    macro_f1: Rate
    false_alarm_rate: Rate
    balanced_accuracy: Rate
    precision: Rate
    recall: Rate
    f1: Rate

    @classmethod
    def of(cls, counts: ConfusionCounts, classes: Sequence[str]) -> Rates:
        """Score counts."""
        found = scores(counts, classes)
        binary = found.binary
        return cls(
            accuracy=found.accuracy,
            macro_f1=found.macro_f1,
            false_alarm_rate=found.false_alarm_rate,
            balanced_accuracy=found.balanced_accuracy,
            precision=binary.precision,
            recall=binary.recall,
            f1=binary.f1,
        )


class Measured(BaseModel):
    """One row with one seed.

    Attributes
    ----------
    all, novel, majority : Rates
        On all test flows, on the novel ones where there are such, and of the most frequent
        training class on all test flows.
    flows, test_flows : int
        How many there are, and how many of them were tested on.
    seconds : float
        Training, with compiling and on one processor.
    parameters : int
        Weights that are trained, or nodes of trees.
    published_parameters : int
        The same as papers count layers; equal where nothing is left out.
    losses : tuple of float
        Training loss of each epoch or round; none where there are no epochs.
    worst_recall, worst_macro_f1 : float
        The least of any gateway with such test flows: share of attacks that raise an alarm,
        and macro-F1. NaN where flows are not dealt.
    synthetic : bool
        Whether the flows were made and not measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    all: Rates
    novel: Rates | None = None
    majority: Rates
    flows: int
    test_flows: int
    seconds: float
    parameters: int
    published_parameters: int
    losses: tuple[Rate, ...] = ()
    worst_recall: Rate = math.nan
    worst_macro_f1: Rate = math.nan
    synthetic: bool

    def content(self) -> bytes:
        """Give the file's bytes."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def worst_of(confusions: Sequence[ConfusionCounts], classes: Sequence[str]) -> dict[str, Any]:
    """Give the worst gateway's recall of attacks and macro-F1, as `Measured` has them."""
    each = [Rates.of(counts, classes) for counts in confusions if counts.total]
    recalls = [rates.recall for rates in each if not math.isnan(rates.recall)]
    return {
        "worst_recall": min(recalls, default=math.nan),
        "worst_macro_f1": min((rates.macro_f1 for rates in each), default=math.nan),
    }
