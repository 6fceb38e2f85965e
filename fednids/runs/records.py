"""What stands in ``result.json`` and in a line of ``rounds.jsonl``: every key, once.

The code that writes them builds these records, and the reader reads through them. The JSON
schemas in ``docs/schema`` are made of them, and a test holds them equal::

    python -m fednids.runs.records docs/schema

Within a schema version keys are only added: a reader leaves alone what it does not know.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fednids.metrics import ConfusionCounts, Curves, CurveScores, Scores, scores
from fednids.plain import number

SCHEMA_VERSION = 2
"""Of what is written; results of version 1 are read, their keys under the names of today."""

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

    def to_json(self) -> dict[str, Any]:
        """Return the object as it is written: what was never set is left out."""
        return self.model_dump(mode="json", exclude_unset=True)


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

    @classmethod
    def of(cls, counts: ConfusionCounts, classes: Sequence[str]) -> Self:
        """Compute the rates of some counts."""
        found = scores(counts, classes).to_json()
        return cls.model_validate({name: found[name] for name in cls.model_fields})

    def rate(self, name: str) -> float:
        """Return a rate by its key, NaN where it is undefined."""
        return number(getattr(self, name))


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

    @classmethod
    def of(
        cls, counts: ConfusionCounts, classes: Sequence[str], curves: Curves | None = None
    ) -> Self:
        """Compute all rates of some counts, with areas and calibration where scores were counted.

        Parameters
        ----------
        counts : ConfusionCounts
            ``(C, C)``, of some flows.
        classes : Sequence[str]
            ``C`` names, benign first.
        curves : Curves, optional
            Of the same flows.
        """
        found = scores(counts, classes).to_json()
        if curves is not None:
            areas = CurveScores.of(curves.histograms, classes)
            found |= {"curves": areas.to_json(), "calibration": curves.reliability.to_json()}
        return cls.model_validate(found)

    @field_validator("mcc", mode="before")
    @classmethod
    def _unrounded(cls, value: object) -> object:
        """Version 1 has correlations of 1 + 2e-16."""
        return 1.0 if isinstance(value, float) and 1 < value < 1 + 1e-9 else value

    @model_validator(mode="after")
    def _has_a_name_for_each_count(self) -> Self:
        size = len(self.classes)
        if len(set(self.classes)) != size or [len(row) for row in self.confusion] != [size] * size:
            raise ValueError("confusion has no row and column for each of different classes")
        return self

    def counts(self) -> ConfusionCounts:
        """Return the counts, ``(C, C) int64``."""
        return ConfusionCounts(np.array(self.confusion, np.int64))

    def macro_f1_without(self, rare: Collection[str]) -> float:
        """Return the mean F1 of the classes that have flows, without some; NaN without any left."""
        found = [
            each.f1
            for name, each in self.per_class.items()
            if name not in rare and each.support and each.f1 is not None
        ]
        return float(np.mean(found)) if found else math.nan

    def scores(self) -> Scores:
        """Return all rates, computed again from the counts; NaN where undefined."""
        return scores(self.counts(), self.classes)


class TrainRecord(Record):
    """Training of one round, over all gateways whose updates were used."""

    loss: float
    """Mean over the windows trained on, as the optimiser minimises it."""
    examples: Count
    """Windows trained on."""
    steps: Count
    """Optimiser steps."""


class TestRecord(HeadlineRecord):
    """Scores after a round, over the test flows of all gateways that answered."""

    __test__ = False  # pytest would take the class for tests

    loss: float
    """Mean unweighted cross-entropy."""
    novel: HeadlineRecord
    """Over the test flows whose vector occurs in no training flow."""


class FailureRecord(Record):
    """A gateway whose answer could not be used."""

    partition: Count
    """Which gateway, by partition id."""
    stage: Literal["train", "evaluate", "recalibrate"]
    """What it was asked for."""
    reason: str
    """What was wrong, in one line."""


class RoundAttackRecord(Record):
    """How far an attack got in a round."""

    malicious: list[Count]
    """Partition ids of the malicious clients among the participants."""
    success: Rates
    """Share of each attack class taken for benign, with the trigger where there is one."""
    errors: Rates
    """Share of each class taken for any other."""

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, found: object) -> object:
        return _renamed(found, {"liars": "malicious"})


class StrategyRecord(Record):
    """What an algorithm records of a round; one from outside may have entries of its own."""

    clusters: list[Count] | None = None
    """ifca: how many gateways chose each cluster."""
    trusted: Count | None = None
    """fltrust: how many updates were trusted at all."""


class RoundRecord(Record):
    """One round that has ended: a line of ``rounds.jsonl``, an entry of `rounds`."""

    round: Annotated[int, Field(ge=1)]
    """Number, from 1."""
    loss: float
    """As ``train.loss``."""
    train: TrainRecord
    """Training."""
    test: TestRecord
    """Scores."""
    validation: HeadlineRecord | None = None
    """Scores over the validation flows of all gateways, where some are set apart."""
    participants: list[Count]
    """Partition ids of those whose updates were used, rising."""
    failures: list[FailureRecord]
    """All answers that could not be used."""
    seconds: Annotated[float, Field(ge=0)]
    """Duration on the machine that ran it."""
    bytes_down: Count
    """Bytes that the server sent; 0 in arms without a server."""
    bytes_up: Count
    """Bytes that it received."""
    virtual_seconds: Annotated[float, Field(ge=0)] | None = None
    """Duration by the clock of the simulated world; federated arm only."""
    present: Count | None = None
    """Gateways that were there."""
    sampled: Count | None = None
    """Gateways that were asked to train."""
    outcomes: dict[str, list[Count]] | None = None
    """Partition ids by what became of them: late, surplus, lost, failed; empty ones left out."""
    strategy: StrategyRecord | None = None
    """What the strategy tells, if anything."""
    attack: RoundAttackRecord | None = None
    """In runs with an attack."""

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, found: object) -> object:
        return _renamed(found, {"chosen": "sampled", "fates": "outcomes"})


class DataRecord(Record):
    """Which flows."""

    path: str | None
    """As given; null in a deployment, where they are at their gateways."""
    sha256: str | None
    """Of the file, or of what synthetic flows were made from; null in a deployment."""
    flows: Count
    """All flows."""
    synthetic: bool
    """Whether they were made: then the scores say nothing about real traffic."""
    train_flows: Count
    """Flows trained on."""
    validation_flows: Count | None = None
    """Flows that rounds are chosen on, where some are set apart."""
    test_flows: Count
    """Flows scored."""
    novel_flows: Count
    """Test flows whose vector occurs in no training flow."""
    features: Count
    """Encoded features of a flow."""


class ModelRecord(Record):
    """The network."""

    parameters: Count
    """Number of weights."""
    bytes: Count
    """Of the weights as float32."""
    published_parameters: Count | None = None
    """The same network counted in layers as papers do, with weights that cannot matter."""
    sha256: str | None = None
    """Of ``model.safetensors``; null where there is none, and in results of before."""


class SkewRecord(Record):
    """How unevenly flows are dealt; null where undefined."""

    jensen_shannon: float | None
    """Mean distance between a gateway's class mix and the fleet's, weighted by flows."""
    hellinger: float | None
    """The same with Hellinger's distance."""
    total_variation: float | None
    """The same with the total variation."""
    mutual_information: float | None
    """What a flow's gateway tells about its class, in bits."""
    mutual_information_share: float | None
    """The same over the entropy of the class."""
    coverage: float | None
    """Mean over gateways of the share of the classes that a gateway has."""
    effective_classes: float | None
    """Mean over gateways of the exponential of the entropy of the class mix."""
    size_gini: float | None
    """Gini coefficient of the gateways' sizes."""
    smallest: Count
    """Flows of the smallest gateway."""
    largest: Count
    """Flows of the largest gateway."""


class PartitionRecord(Record):
    """How flows were dealt to gateways."""

    scheme: str
    """Name of the partitioner."""
    gateways: Annotated[int, Field(ge=1)]
    """Number of gateways."""
    fingerprint: str | None
    """Digest of the plan, equal for equal plans; null in a deployment, which has none."""
    skew: SkewRecord
    """Measures of unevenness."""
    names: list[str] | None = None
    """Of the gateways by partition id, where they have names."""


class BaselineRecord(Record):
    """Another model on the same flows."""

    final: ScoresRecord
    """Over all test flows."""
    final_novel: ScoresRecord
    """Over the novel ones."""


class AttackRecord(RoundAttackRecord):
    """The malicious clients of a run, what they did, and how far it got."""

    kind: str
    """Name of the attack."""
    share: Share
    """Share of the clients that are malicious."""
    schedule: str
    """In which rounds they attack."""
    strength: float | None
    """Of an attack on the weights; null for others."""
    poisoned: Share
    """Share of its flows that a malicious client changes; null where an attack changes none."""


class SeparationRecord(Record):
    """How well a score tells an unseen class from the known ones."""

    auroc: Share
    """Area under the ROC curve; 0.5 is chance."""
    passed: Share
    """Share of unseen flows that pass what 95 % of the known ones pass."""


class RejectionRecord(Record):
    """Unknown-class rejection by score."""

    max_probability: SeparationRecord
    """Maximum softmax probability."""
    energy: SeparationRecord
    """Energy score."""


class UnseenRecord(Record):
    """An attack class that was never trained on."""

    name: str
    """Its name."""
    flows: Count
    """How many of its flows were tested on."""
    alarms: Share
    """Share of them taken for any attack."""
    taken_for: dict[str, Share]
    """Share of them taken for each class."""
    rejection: RejectionRecord
    """Whether they could be told to be of no known class."""


class UnseenGatewaysRecord(Record):
    """Gateways that never trained."""

    partitions: list[Count]
    """Which, by partition id."""
    seen: ScoresRecord
    """The detector on the test flows of all others."""
    unseen: ScoresRecord
    """The detector on all their flows."""


class SecondsRecord(Record):
    """Where the time went."""

    prepare: float
    """Reading, splitting and dealing flows."""
    compile: float
    """Compiling graphs, summed over processes; a part of the next two."""
    train: float
    """Training, all rounds."""
    evaluate: float
    """Scoring, all rounds."""
    total: float
    """From the command to the result; since the last resume, if there was one."""


class ExtensionRecord(Record):
    """Rounds that were added to a run."""

    after: Count
    """The last whole round when they were."""
    before: Count
    """Number of rounds of the run until then."""
    rounds: Count
    """Number of rounds from then on."""


class Git(Record):
    """The checkout that fednids was run from."""

    commit: str
    """Full hash of the commit."""
    dirty: bool
    """Whether tracked files had been changed since: then the commit is not all."""


class Machine(Record):
    """What it ran on."""

    system: str
    """Operating system."""
    release: str
    """Release of its kernel."""
    processor: str
    """Model of the processor."""
    processors: Annotated[int, Field(ge=1)]
    """How many of them the process might use."""
    memory: Annotated[int, Field(ge=0)] | None
    """Bytes of memory; null where the system does not tell."""


class Session(Record):
    """One process that has worked on a run."""

    started: str
    """When it began, UTC, ISO 8601."""
    command: list[str]
    """As it was typed."""
    git: Git | None
    """Null where fednids was installed and not run from a checkout."""
    machine: Machine
    """What it ran on."""


class Provenance(Session):
    """By what, where and when a run was made: its first process, and those that went on."""

    resumed: list[Session] | None = None
    """The processes that went on with it, in order."""


class PluginRecord(Record):
    """A plug-in file that a run was made with; it is compared by its digest and never run."""

    file: str
    """Name of the file."""
    sha256: str
    """Of its bytes."""


class RecalibrationRecord(Record):
    """How the head was fitted again; the last of the rounds has the scores before."""

    kind: Literal["head", "ccvr", "bias"]
    """``federation.recalibrate``."""
    exchanges: Count
    """How often the gateways were asked."""
    bytes_down: Count
    """Sent to all gateways together."""
    bytes_up: Count
    """Sent by all gateways together."""


class ResultRecord(Record):
    """``result.json``: everything that a run found out."""

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)]
    """Version of this schema."""
    kind: Literal["centralised", "local", "federated"]
    """The arm."""
    judged: Literal["global", "personal"] = "global"
    """Whether one detector was scored, or each gateway's own."""
    data: DataRecord
    """Which flows."""
    seed: int
    """Seed of everything drawn."""
    versions: dict[str, str]
    """Of fednids, Python, and the packages that results depend on."""
    settings: dict[str, bool | int | float | str]
    """Every setting by ``section.key``."""
    provenance: Provenance | None = None
    """By what, where and when it was made; missing in results older than this key."""
    plugins: list[PluginRecord] | None = None
    """Plug-ins that it was made with, where there were any."""
    model: ModelRecord
    """The network."""
    partition: PartitionRecord
    """How flows were dealt."""
    rounds: Annotated[list[RoundRecord], Field(min_length=1)]
    """All rounds, as in ``rounds.jsonl``."""
    final: ScoresRecord
    """After the last round, over all test flows."""
    final_novel: ScoresRecord
    """Over the novel ones."""
    majority: ScoresRecord
    """Of answering the most frequent class of the training flows always."""
    majority_novel: ScoresRecord
    """The same on the novel test flows."""
    unscored: list[FailureRecord] | None = None
    """Gateways whose flows are missing in the final scores; no such key where none is."""
    seconds: SecondsRecord
    """Where the time went."""
    threshold: ThresholdRecord | None = None
    """Where a false-alarm rate is asked for."""
    best_round: Count | None = None
    """The best round on validation flows, where some are set apart."""
    kept_round: Count | None = None
    """The round whose detector the run ends with, where validation flows are set apart."""
    stopped_early: bool | None = None
    """Whether it ended before all rounds for lack of progress."""
    extended: list[ExtensionRecord] | None = None
    """Rounds that were added to a run that had been begun with fewer."""
    recalibration: RecalibrationRecord | None = None
    """With ``federation.recalibrate``."""
    attack: AttackRecord | None = None
    """In runs with an attack."""
    baselines: dict[str, BaselineRecord] | None = None
    """Other models by name, where ``--baselines`` asked for them."""
    unseen: UnseenRecord | None = None
    """With ``data.unseen``, in runs with one detector."""
    unseen_gateways: UnseenGatewaysRecord | None = None
    """With ``partition.unseen_gateways``, in runs with one detector."""

    @property
    def missing_scores(self) -> str:
        """A sentence about flows that the final scores lack; empty where they lack none."""
        if not self.unscored:
            return ""
        scored, flows = self.final.counts().total, self.data.test_flows
        names = ", ".join(str(each.partition) for each in self.unscored[:5])
        more = f" and {len(self.unscored) - 5} more" if len(self.unscored) > 5 else ""
        return (
            f"The final scores lack {flows - scored:,} of {flows:,} flows, those of gateway "
            f"{names}{more}, which did not answer ({self.unscored[0].reason})."
        )


def _renamed(found: object, names: Mapping[str, str]) -> object:
    """Put the values of old keys under their new names."""
    if not isinstance(found, Mapping):
        return found
    return {names.get(name, name): value for name, value in found.items()}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the published JSON schemas by file name."""
    models: dict[str, type[BaseModel]] = {"result": ResultRecord, "rounds": RoundRecord}
    return {
        f"{name}-{SCHEMA_VERSION}.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(),
        }
        for name, model in models.items()
    }


def write_schemas(folder: Path) -> None:
    """Write the JSON schemas into a folder."""
    for name, schema in json_schemas().items():
        (folder / name).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
