"""What stands of scores in the records: rates by class, areas, calibration, thresholds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)] | None
"""0 to 1; null where it is undefined."""
Rates = dict[str, Share]
"""By the name of a class."""
Counts = list[list[Count]]
"""``C`` rows, the true class, of ``C`` columns, the class answered."""


class Record(BaseModel):
    """A JSON object; frozen, of exact types, and with what a later version adds beside."""

    model_config = ConfigDict(
        frozen=True, extra="allow", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ClassRecord(Record):
    """How well one class is found."""

    support: Count
    """Test flows of the class."""
    recall: Share
    """Share of them that was found."""
    precision: Share
    """Share of the flows taken for the class that are of it."""
    f1: Share
    """Harmonic mean of the two."""


class BinaryRecord(Record):
    """Attack, the positive class, against benign."""

    accuracy: Share
    """Share of flows put on the right side."""
    precision: Share
    """Share of alarms that are attacks."""
    recall: Share
    """Share of attacks that raise an alarm."""
    f1: Share
    """Harmonic mean of the two."""
    false_alarm_rate: Share
    """Share of benign flows that raise an alarm."""
    balanced_accuracy: Share
    """Mean of the recalls of the sides that have flows."""


class HeadlineRecord(Record):
    """The few rates that curves are drawn of."""

    accuracy: Share
    """Share of flows whose class is right."""
    balanced_accuracy: Share
    """Mean recall over the classes with flows."""
    macro_f1: Share
    """Mean F1 over the classes with flows."""
    false_alarm_rate: Share
    """Share of benign flows taken for any attack."""


class AreasRecord(Record):
    """Areas under curves, from histograms of scores; null where undefined."""

    roc_auc: Share = None
    """Under the ROC curve."""
    roc_auc_bounds: list[Share] | None = None
    """Between these two it lies, whatever the scores within a bin of the histograms are."""
    pr_auc: Share = None
    """Under the precision-recall curve."""
    pr_auc_bounds: list[Share] | None = None
    """As ``roc_auc_bounds``."""


class CurvesRecord(AreasRecord):
    """Areas of all classes; those of the object itself are means over the classes."""

    per_class: dict[str, AreasRecord]
    """Each class against the rest, by name."""
    binary: AreasRecord
    """Attack against benign."""


class BinRecord(Record):
    """Flows whose answer was about as sure."""

    flows: Count
    """How many."""
    accuracy: Share
    """Share of them whose class is right."""
    confidence: Share
    """Mean probability of the class answered."""


class CalibrationRecord(Record):
    """How far probabilities can be believed."""

    expected_error: Share
    """Expected calibration error."""
    brier: Annotated[float, Field(ge=0, le=2)] | None
    """Brier score over all classes."""
    brier_attack: Share
    """Brier score of attack against benign."""
    bins: list[BinRecord]
    """By rising probability of the class answered."""


class OperatingRecord(Record):
    """What a threshold leads to on some flows."""

    benign_flows: Count
    """Benign flows among them."""
    attack_flows: Count
    """Attacks among them."""
    false_alarm_rate: Share
    """Share of benign flows that raise an alarm."""
    detection_rate: Share
    """Share of attacks that raise one."""
    per_class: Rates
    """The same by class of attack."""


class ThresholdRecord(Record):
    """The threshold chosen on validation flows for a wanted false-alarm rate."""

    wanted: Share
    """False-alarm rate asked for."""
    probability: Share
    """Of attack, above which a flow raises an alarm; null without benign validation flows."""
    validation: OperatingRecord | None = None
    """On the validation flows, which it was chosen on."""
    test: OperatingRecord | None = None
    """On all test flows."""
    novel: OperatingRecord | None = None
    """On the novel ones."""


class ScoresRecord(HeadlineRecord):
    """All rates of one detector on one set of flows, and the counts that they follow from."""

    weighted_f1: Share
    """Mean F1 weighted by support."""
    mcc: Annotated[float, Field(ge=-1, le=1)] | None
    """Matthews correlation over all classes; null where undefined."""
    per_class: dict[str, ClassRecord]
    """By class name, in the order of `classes`."""
    confusion: Counts
    """Flows by true class, a row each, and class answered."""
    classes: list[str]
    """Names in the order of the counts; the first is benign."""
    binary: BinaryRecord
    """The same flows as attack against benign."""
    curves: CurvesRecord | None = None
    """Areas under curves, where scores were counted."""
    calibration: CalibrationRecord | None = None
    """How far probabilities can be believed, where scores were counted."""
