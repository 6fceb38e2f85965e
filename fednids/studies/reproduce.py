"""The published CNN-BiLSTM as published and honestly, against simpler detectors: a study.

`EXPERIMENTS` lists what is run, `run_reproduction` runs it with the engine of every study, and
`ReproductionTable` is its view: one table, findings in words, pictures and a page.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from fednids.config import Config, Section
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, RunError
from fednids.files import write_atomically
from fednids.metrics import ConfusionCounts, scores
from fednids.plain import as_json, number
from fednids.report.figures.scores import losses_of_rows, macro_f1_of_rows
from fednids.report.figures.style import save
from fednids.report.tables import SYNTHETIC
from fednids.runs.records import ScoresRecord
from fednids.studies.engine import (
    CROSS,
    Failed,
    FittedRecord,
    Step,
    StudyFolder,
    Watcher,
    carry_out,
    processors,
    read_json,
)  # fmt: skip
from fednids.studies.published import (
    CLEAN,
    CLEAN_LONG,
    EPOCHS,
    LEAKING,
    LEAKING_LONG,
    PAPER_LOSSES,
)  # fmt: skip
from fednids.studies.report import failed_steps, markdown_table
from fednids.studies.statistics import (
    NOTHING,
    Interval,
    interval,
    show_interval,
    show_number,
)  # fmt: skip
from fednids.studies.study import StudyRun

PLAN, TABLE, TEXT, PAGE = "plan.json", "reproduce.json", "reproduce.md", "index.html"
QUICK_FLOWS = 4000
_QUICK = {"federation.rounds": 2, "partition.gateways": 4}

TablePart = Literal["published", "honest", "simpler", "ablation", "federation"]
_Settings = Mapping[str, int | float | str]

_CROSSED = ("federation", "centralised")
"""Part and arm of detectors that are scored at all gateways afterwards."""

PARTS: dict[TablePart, str] = {
    "published": "The published protocol",
    "honest": "The honest protocol",
    "simpler": "Simpler detectors, same flows and split",
    "ablation": "Parts of the network, and lengths of the window",
    "federation": "What federation costs",
}
"""Headings, in the order of the table."""


@dataclass(frozen=True)
class Experiment:
    """One row.

    Attributes
    ----------
    part : TablePart
        Under which heading it stands.
    runs : str
        One of `fednids.studies.child.RUN_KINDS`.
    title : str
        What it is, in words.
    settings : Mapping
        Settings that differ from the defaults.
    seconds : float
        A guess for the real sample, by which the longest are begun first.
    """

    part: TablePart
    runs: str
    title: str
    settings: _Settings = field(default_factory=dict)
    seconds: float = 60.0


_BINARY: _Settings = {"model.classes": "binary"}
_LONG: _Settings = {"federation.rounds": 20}
_PAPER: _Settings = {
    "model.preset": "paper", "train.batch_size": 256, "train.learning_rate": 1e-4,
    "train.final_rate_share": 1.0, "train.balance": 0.0, **_LONG,
}  # fmt: skip
_FEDAVG: _Settings = {"strategy.name": "fedavg"}
_IID: _Settings = {"partition.scheme": "iid", **_LONG}
_SKEWED: _Settings = {"partition.scheme": "dirichlet", "partition.alpha": 0.1, **_LONG}
"""The skewed plan of the federated rows; the centralised one is scored at its gateways."""


_published = partial(Experiment, "published", settings={"federation.rounds": EPOCHS})
_honest = partial(Experiment, "honest", "centralised")
_ablation = partial(Experiment, "ablation", "centralised")
_dealt = partial(Experiment, "federation", seconds=140.0)


def _simpler(kind: str, title: str) -> dict[str, Experiment]:
    return {
        f"binary-{kind}": Experiment("simpler", kind, f"{title}, binary", _BINARY, 15.0),
        f"five-{kind}": Experiment("simpler", kind, f"{title}, 5 classes", {}, 25.0),
    }


EXPERIMENTS: dict[str, Experiment] = {
    LEAKING: _published(LEAKING, "published: the class is a feature"),
    CLEAN: _published(CLEAN, "published, without that column"),
    LEAKING_LONG: _published(
        LEAKING_LONG, "published, longer: the class is a feature", seconds=200.0
    ),
    CLEAN_LONG: _published(CLEAN_LONG, "published, longer, without that column", seconds=200.0),
    "binary-paper": _honest("paper, binary", {**_PAPER, **_BINARY}, 90.0),
    "binary-default": _honest("default, binary", _BINARY),
    "five-paper": _honest("paper, 5 classes", _PAPER, 90.0),
    "five-default": _honest("default, 5 classes", {}),
    "five-lite": _honest("lite, 5 classes", {"model.preset": "lite"}, 20.0),
    **_simpler("majority", "most frequent class"),
    **_simpler("logistic", "logistic regression"),
    **_simpler("trees", "extra trees"),
    **_simpler("boosting", "gradient boosting"),
    "five-paper-cnn": _ablation("paper, CNN alone", {**_PAPER, "model.parts": "cnn"}),
    "five-paper-bilstm": _ablation(
        "paper, BiLSTM alone", {**_PAPER, "model.parts": "bilstm"}, 150.0
    ),
    "five-default-cnn": _ablation("default, CNN alone", {"model.parts": "cnn"}, 30.0),
    "five-default-bilstm": _ablation("default, BiLSTM alone", {"model.parts": "bilstm"}),
    **{
        f"five-default-window-{length}": _ablation(
            f"default, window of {length}", {"data.window": length}, 10.0 + 6 * length
        )
        for length in (1, 5, 20)
    },
    "five-centralised": _dealt("centralised", "centralised", _SKEWED, seconds=120.0),
    "five-federated-iid": _dealt("federated", "federated, iid", {**_FEDAVG, **_IID}),
    "five-local-iid": _dealt("local", "local, iid", _IID),
    "five-federated-skewed": _dealt(
        "federated", "federated, dirichlet 0.1", {**_FEDAVG, **_SKEWED}
    ),
    "five-local-skewed": _dealt("local", "local, dirichlet 0.1", _SKEWED),
}
"""How to add one: add a line and run ``pytest tests/studies/test_reproduce.py``. Names are names
of folders."""


class ReproductionPlan(Section):
    """What all rows have in common.

    Attributes
    ----------
    data : str
        The flow file; empty for synthetic flows.
    flows : int
        Flows to make, or at most to take from the file; 0 for all of it.
    seeds : tuple of int
        Each row is run with each.
    quick : bool
        Two epochs or rounds in place of 10 or 20, and four gateways in place of ten.
    """

    data: str = ""
    flows: int = Field(0, ge=0)
    seeds: tuple[int, ...] = Field((1, 2, 3), min_length=1)
    quick: bool = False

    def run(self, name: str, seed: int) -> StudyRun:
        """Return the run of a row with a seed."""
        flows = self.flows or (QUICK_FLOWS if self.quick and not self.data else 0)
        common: dict[str, object] = {
            "data.path": self.data, "data.flows": flows,
            "run.seed": seed, "run.engine": "inprocess",
        }  # fmt: skip
        quick = _QUICK if self.quick else {}
        config = Config.resolve({**common, **EXPERIMENTS[name].settings, **quick})
        kind = EXPERIMENTS[name].runs
        if self.quick and kind in (LEAKING_LONG, CLEAN_LONG):
            kind = kind.removesuffix("-long")
        return StudyRun(kind, config, f"{name}@{seed}")


def run_reproduction(
    plan: ReproductionPlan, out: Path, *,
    parts: Collection[str] = (), workers: int = 0, watcher: Watcher | None = None,
) -> ReproductionTable:  # fmt: skip
    """Run the rows that are missing, and write table and page.

    Parameters
    ----------
    plan : ReproductionPlan
        Data and seeds.
    out : Path
        Folder, new, or one that is to go on.
    parts : Collection[str]
        Names in `PARTS` of what to run; all without.
    workers : int
        Rows at once, each bound to a processor; 0 for one a processor.
    watcher : Watcher, optional
        Follows each step.

    Raises
    ------
    FednidsError
        Found before anything runs.
    InterruptedRunError
        Ctrl-C; it says how to go on.
    """
    ours, names = processors(workers), _names(parts)
    folder = StudyFolder(out)
    _check_plan(folder, plan)
    FederatedDataset.open(plan.run(names[-1], plan.seeds[0]).config)
    with folder.opened(PLAN, plan.model_dump_json(indent=1) + "\n"):
        wanted = [(name, plan.run(name, seed)) for seed in plan.seeds for name in names]
        missing = [(name, run) for name, run in wanted if not folder.is_finished(run)]
        steps = _steps(folder, missing, len(ours) if plan.quick else len(missing))
        for name, run in wanted:  # detectors that were trained in one place, at all gateways
            row = EXPERIMENTS[name].part, EXPERIMENTS[name].runs
            if row == _CROSSED and read_json(folder.cross(run.name) / CROSS) is None:
                needs = [step.name for step in steps if run in step.runs]
                steps.append(folder.cross_step(run.name, [run], needs))
        failed = carry_out(
            folder, steps, ours, finished=len(wanted) - len(missing), watcher=watcher,
            stopped=lambda: f"stopped; finished rows stay in {out}, and the same command goes on",
        )  # fmt: skip
        table = ReproductionTable.read(folder, plan, failed)
        write_table(table, folder)
    return table


def _names(parts: Collection[str]) -> list[str]:
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ConfigError(
            f"expected --parts among {', '.join(PARTS)}, got {unknown[0]!r}; choose of these"
        )
    return [name for name, row in EXPERIMENTS.items() if not parts or row.part in parts]


def _check_plan(folder: StudyFolder, plan: ReproductionPlan) -> None:
    """Refuse a folder of something else, or of a plan that differs in more than its seeds."""
    if not folder.is_begun(PLAN):
        return
    try:
        kept = ReproductionPlan.model_validate_json((folder.path / PLAN).read_bytes())
    except (OSError, ValidationError):
        raise RunError(
            f"expected the plan of a reproduction in {folder.path / PLAN}, got a damaged one; name "
            "the folder of `fednids reproduce`, or a new one"
        ) from None
    if kept.model_copy(update={"seeds": plan.seeds}) != plan:
        raise RunError(
            f"expected the data, flows and --quick of {folder.path}, got others; name another "
            "folder for them"
        )


def _steps(folder: StudyFolder, missing: Sequence[tuple[str, StudyRun]], count: int) -> list[Step]:
    """Put rows into so many processes, the longest rows first and evenly.

    Short rows share a process, which otherwise takes longer to start than they do.
    """
    shares: list[list[tuple[str, StudyRun]]] = [[] for _ in range(count)]

    def seconds(rows: Sequence[tuple[str, StudyRun]]) -> float:
        return sum(EXPERIMENTS[name].seconds for name, _ in rows)

    for each in sorted(missing, key=lambda row: -EXPERIMENTS[row[0]].seconds):
        min(shares, key=seconds).append(each)
    return [folder.step([run for _, run in rows], seconds(rows)) for rows in shares if rows]


_OVER_CLASSES = ("accuracy", "macro_f1", "false_alarm_rate", "balanced_accuracy")
_OF_ATTACKS = ("precision", "recall", "f1")
_NUMBERS = ("flows", "test_flows", "seconds", "parameters", "published_parameters")
_WORST = ("worst_recall", "worst_macro_f1")


@dataclass(frozen=True)
class Measured:
    """What a row came to with one seed.

    Attributes
    ----------
    fitted : FittedRecord
        As kept.
    worst : Mapping
        ``worst_recall`` and ``worst_macro_f1``, the least of any gateway with such test flows;
        NaN where flows are not dealt.
    """

    fitted: FittedRecord
    worst: Mapping[str, float]

    @classmethod
    def read(cls, folder: StudyFolder, name: str, run: StudyRun) -> Measured | None:
        """Read the run of a row; None where it has not ended."""
        fitted = folder.fitted(run)
        if fitted is None:
            return None
        dealt = EXPERIMENTS[name].part == "federation"
        confusions = _at_gateways(folder, run) if dealt else []
        return cls(fitted, worst_of(confusions, fitted.final.classes))

    def value(self, measure: str) -> float:
        """Return a measure.

        Parameters
        ----------
        measure : str
            A number of `FittedRecord`, a key of `worst`, or ``all``, ``novel`` or ``majority``
            with a rate of all classes or of attacks against benign, as ``novel.macro_f1``; NaN
            where the row has no such flows.
        """
        section, dot, rate = measure.partition(".")
        if not dot:
            found = self.worst if measure in _WORST else vars(self.fitted)
            return float(found[measure])
        scored = self._scored[section]
        if scored is None:
            return math.nan
        return number(getattr(scored.binary if rate in _OF_ATTACKS else scored, rate))

    @property
    def losses(self) -> list[float]:
        """Training loss of each epoch."""
        return [number(loss) for loss in self.fitted.losses]

    @property
    def _scored(self) -> dict[str, ScoresRecord | None]:
        fitted = self.fitted
        return {"all": fitted.final, "novel": fitted.final_novel, "majority": fitted.majority}

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers, None for NaN."""
        rates = {
            name: {rate: self.value(f"{name}.{rate}") for rate in (*_OVER_CLASSES, *_OF_ATTACKS)}
            if scored
            else None
            for name, scored in self._scored.items()
        }
        numbers = {name: getattr(self.fitted, name) for name in (*_NUMBERS, "losses", "synthetic")}
        found: dict[str, Any] = as_json({**rates, **numbers, **self.worst})
        return found


def worst_of(confusions: Sequence[ConfusionCounts], classes: Sequence[str]) -> dict[str, float]:
    """Return the worst gateway's recall of attacks and macro-F1, as `Measured` has them."""
    each = [scores(counts, classes) for counts in confusions if counts.total]
    recalls = [found.binary.recall for found in each if not math.isnan(found.binary.recall)]
    macro_f1 = [found.macro_f1 for found in each]
    worst = (min(values, default=math.nan) for values in (recalls, macro_f1))
    return dict(zip(_WORST, worst, strict=True))


def _at_gateways(folder: StudyFolder, run: StudyRun) -> list[ConfusionCounts]:
    """Count at each gateway; a detector trained in one place was tried at all of them."""
    if run.arm != "centralised":
        found = folder.finished(run)
        return found.last_confusions if found else []
    try:
        with np.load(folder.cross(run.name) / "cross.npz") as file:
            return [ConfusionCounts(matrix.astype(np.int64)) for matrix in file["counts"][0]]
    except (OSError, ValueError, KeyError):
        return []


_REPORTED = (
    "all.accuracy", "all.macro_f1", "all.false_alarm_rate", "all.balanced_accuracy",
    "novel.macro_f1", "novel.false_alarm_rate", *_WORST, "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class ReproductionTable:
    """What has ended.

    Attributes
    ----------
    plan : ReproductionPlan
        Data and seeds.
    rows : Mapping
        By name of the row, in the order of `EXPERIMENTS`: by seed, what it came to. Rows of which
        no seed has ended are not there.
    failed : Sequence of Failed
        What did not end well.
    """

    plan: ReproductionPlan
    rows: Mapping[str, Mapping[int, Measured]]
    failed: Sequence[Failed] = ()

    @classmethod
    def read(
        cls, folder: StudyFolder, plan: ReproductionPlan, failed: Sequence[Failed] = ()
    ) -> ReproductionTable:
        """Read all that has ended in a folder."""
        rows = {}
        for name in EXPERIMENTS:
            each = {s: Measured.read(folder, name, plan.run(name, s)) for s in plan.seeds}
            rows[name] = {seed: found for seed, found in each.items() if found is not None}
        return cls(plan, {name: found for name, found in rows.items() if found}, failed)

    @property
    def synthetic(self) -> bool:
        """Whether the flows were made and not measured."""
        found = (each for seeds in self.rows.values() for each in seeds.values())
        return any(each.fitted.synthetic for each in found)

    def in_part(self, part: TablePart) -> list[str]:
        """Return the names of a part's rows."""
        return [name for name in self.rows if EXPERIMENTS[name].part == part]

    def interval(self, name: str, measure: str) -> Interval:
        """Return the mean of a row's measure over its seeds; see `Measured.value`."""
        values = [found.value(measure) for found in self.rows.get(name, {}).values()]
        return interval(values, f"{name} {measure}")

    def difference(self, first: str, second: str, measure: str) -> Interval:
        """Return the mean difference of two rows, first less second, over the seeds of both."""
        ours, theirs = self.rows.get(first, {}), self.rows.get(second, {})
        values = [
            ours[seed].value(measure) - theirs[seed].value(measure)
            for seed in ours.keys() & theirs.keys()
        ]
        return interval(sorted(values), f"{first} {second} {measure}")

    def losses(self, name: str) -> list[float]:
        """Return a row's training loss of each epoch, the mean over its seeds."""
        each = [found.losses for found in self.rows.get(name, {}).values()]
        return [math.fsum(epoch) / len(epoch) for epoch in zip(*each, strict=False)]

    def findings(self) -> list[str]:
        """Return what the table shows, a line each; nothing of rows that are missing."""
        lines = [
            *(
                self._compared(*pair, m)
                for pair in _LEAKS
                for m in ("all.accuracy", "all.macro_f1")
            ),
            *(self._loss_line(name) for name in (LEAKING, CLEAN, LEAKING_LONG, CLEAN_LONG)),
            self._majority_line(),
            *(self._compared(*pair) for pair in _pairs()),
        ]
        return [line for line in lines if line]

    def to_json(self) -> dict[str, Any]:
        """Return all of it, plain."""
        rows = [
            {
                "name": name,
                "title": EXPERIMENTS[name].title,
                "part": EXPERIMENTS[name].part,
                "settings": dict(EXPERIMENTS[name].settings),
                "seeds": {str(seed): found.to_json() for seed, found in seeds.items()},
                "mean": {m: self.interval(name, m).to_json() for m in _REPORTED},
            }
            for name, seeds in self.rows.items()
        ]
        failures = [asdict(each) for each in self.failed]
        return {"plan": self.plan.model_dump(mode="json"), "rows": rows, "failures": failures}

    def _compared(self, first: str, second: str, measure: str) -> str:
        found = self.difference(first, second, measure)
        if not found.count:
            return ""
        seeds = f"{found.count} seed{'s' * (found.count != 1)}"
        ours, theirs = (f"“{EXPERIMENTS[name].title}”" for name in (first, second))
        subject = f"{_COMPARED[measure]} of {ours}"
        if math.isnan(found.low):
            return f"{subject} less that of {theirs}: {found.mean:+.3f}, {seeds}."
        if found.verdict == "no difference seen":
            return f"{subject} and of {theirs}: no difference seen, {seeds}."
        size = show_interval(found, signed=True)
        return f"{subject} is {found.verdict} than of {theirs}: {size}, {seeds}."

    def _loss_line(self, name: str) -> str:
        """Hold a row's training loss against the paper's, seed by seed.

        A mean hides a seed that has not learned yet.
        """
        losses = self.losses(name)
        if not losses:
            return ""
        first, last = PAPER_LOSSES
        each = ", ".join(f"{found.losses[-1]:.4f}" for found in self.rows[name].values())
        return (
            f"Training loss of “{EXPERIMENTS[name].title}” goes from {losses[0]:.4f} to "
            f"{losses[-1]:.4f} in {len(losses)} epochs (seed by seed {each}); the paper's from "
            f"{first:.4f} to {last:.4f} in 20."
        )

    def _majority_line(self) -> str:
        if LEAKING not in self.rows:
            return ""
        accuracy, f1 = (self.interval(LEAKING, f"majority.{m}").mean for m in ("accuracy", "f1"))
        return (
            f"Answering the most frequent class alone gives accuracy {accuracy:.3f} and F1 "
            f"{f1:.3f} on the published split."
        )


_COMPARED = {
    "all.accuracy": "accuracy",
    "all.macro_f1": "macro-F1",
    "novel.macro_f1": "macro-F1 on novel flows",
    "worst_recall": "the worst gateway's recall",
}


_LEAKS = ((LEAKING, CLEAN), (LEAKING_LONG, CLEAN_LONG))
"""Rows whose differences show what the leaking label adds."""


def _pairs() -> Iterator[tuple[str, str, str]]:
    """Name the other rows that are compared, first with second."""
    yield "binary-paper", CLEAN, "all.macro_f1"
    for classes in ("binary", "five"):
        for other in ("paper", "trees", "boosting"):
            for measure in ("all.macro_f1", "novel.macro_f1"):
                yield f"{classes}-default", f"{classes}-{other}", measure
    for whole in ("five-paper", "five-default"):
        for half in ("cnn", "bilstm"):
            yield whole, f"{whole}-{half}", "all.macro_f1"
    for length in (1, 5, 20):
        yield "five-default", f"five-default-window-{length}", "all.macro_f1"
    for plan in ("iid", "skewed"):
        federated, local = f"five-federated-{plan}", f"five-local-{plan}"
        yield federated, "five-centralised", "all.macro_f1"
        yield federated, local, "all.macro_f1"
        yield federated, local, "worst_recall"


_SHOWN_EPOCHS = (1, 2, 5, 10, 15, 20, 40, 60)
_LOSSES_OF = (LEAKING, CLEAN, LEAKING_LONG, CLEAN_LONG, "binary-paper", "five-paper")
"""Rows whose training loss stands beside the paper's: those with its network and steps."""

_FIGURES = {
    "scores.png": "Macro-F1 of every row, each seed a dot.",
    "losses.png": "Training loss of the paper's network over epochs, beside the paper's.",
}
"""Pictures, and what they show for those who cannot see them."""

_HONEST = {
    "all.accuracy": "accuracy",
    "all.macro_f1": "macro-F1",
    "novel.macro_f1": "the same, novel flows",
    "all.false_alarm_rate": "benign false alarms",
    "all.balanced_accuracy": "balanced accuracy",
}
_AS_PUBLISHED = {
    "all.accuracy": "accuracy",
    "all.precision": "precision",
    "all.recall": "recall",
    "all.f1": "F1",
    "all.macro_f1": "macro-F1",
    "all.false_alarm_rate": "benign false alarms",
    "all.balanced_accuracy": "balanced accuracy",
}
_GATEWAYS = {"worst_recall": "worst gateway's recall", "worst_macro_f1": "worst gateway's macro-F1"}

_ABOUT: dict[TablePart, str] = {
    "published": (
        "Precision, recall and F1 are those of attacks. Flows are shuffled before they are split "
        "60/20/20 and made into windows, scaled by all flows, and shown with both ports; an alarm "
        "is raised by the code's threshold rule. Longer is as many steps as 20 epochs over all "
        "600,100 flows of the published data."
    ),
    "honest": (
        "No label and no port among the features, scaled by the training flows alone, 80/20 by "
        "class before windows are made. Novel flows are test flows whose features occur in no "
        "training flow. `paper` has the published sizes, batch, rate and epochs, without class "
        "weights."
    ),
    "simpler": (
        "They see single flows. Logistic regression has the network's features, trees the columns "
        "as in the file; all but the most frequent class weigh classes alike. Their parameters "
        "are nodes."
    ),
    "ablation": "All with 5 classes; `default` has windows of 10 flows.",
    "federation": (
        "Ten gateways, 20 rounds. The local rows judge each gateway by its own detector; the "
        "centralised one is scored at the gateways of the skewed plan. Recall is the share of a "
        "gateway's attacks that raise an alarm, of any class."
    ),
}


def reproduction_markdown(table: ReproductionTable, figures: Sequence[str]) -> str:
    """Return table and findings as Markdown, with the names of the pictures beside it."""
    parts = [
        "# The published CNN-BiLSTM, as published and honestly",
        _what_was_run(table),
        "## What the table shows",
        "\n".join(f"- {line}" for line in table.findings()) or "No row has ended.",
        *(f"![{name}]({name})" for name in figures),
    ]
    for part, heading in PARTS.items():
        if names := table.in_part(part):
            rows = [cells_of(table, name) for name in names]
            parts += [f"## {heading}", _ABOUT[part], markdown_table(titles_of(part), rows)]
    if losses := _losses(table):
        parts += ["## Training loss", losses]
    if table.failed:
        parts += ["## What failed", failed_steps(table.failed)]
    return "\n\n".join(parts) + "\n"


def _what_was_run(table: ReproductionTable) -> str:
    plan = table.plan
    counts = {each.fitted.flows for seeds in table.rows.values() for each in seeds.values()}
    flows = " or ".join(f"{count:,}" for count in sorted(counts))
    source = f"flows of {plan.data.rpartition('/')[2]}" if plan.data else "synthetic flows a seed"
    text = (
        f"{flows} {source}; seeds {', '.join(map(str, plan.seeds))}"
        f"{'; quick: 2 epochs or rounds' * plan.quick}."
    )
    if table.synthetic:
        text += f"\n\n**{SYNTHETIC}**"
    return (
        f"{text}\n\nMeans over seeds with 95 % percentile bootstrap intervals; of three seeds that "
        "is their range. n/a: fewer than 3. Seconds are of training on one processor, with "
        "compiling. Parameters are those trained; in brackets as papers count layers, where "
        "that differs."
    )


def measures_of(part: TablePart) -> dict[str, str]:
    """Return the measures that a part's rows show, and their titles."""
    if part == "published":
        return _AS_PUBLISHED
    return _HONEST | (_GATEWAYS if part == "federation" else {})


def titles_of(part: TablePart) -> list[str]:
    """Return the titles over `cells_of`."""
    return ["", *measures_of(part).values(), "majority's macro-F1", "seconds", "parameters"]


def cells_of(table: ReproductionTable, name: str) -> list[str]:
    """Return the cells of a row: its rates, the majority's, seconds and parameters."""
    rates = [show_interval(table.interval(name, m)) for m in measures_of(EXPERIMENTS[name].part)]
    majority = show_number(table.interval(name, "majority.macro_f1").mean)
    seconds = show_number(table.interval(name, "seconds").mean, 0)
    ours, theirs = (table.interval(name, f"{p}parameters").mean for p in ("", "published_"))
    parameters = f"{ours:,.0f}" if ours == theirs else f"{ours:,.0f} ({theirs:,.0f})"
    return [EXPERIMENTS[name].title, *rates, majority, seconds, parameters]


def _losses(table: ReproductionTable) -> str:
    each = {name: table.losses(name) for name in _LOSSES_OF if name in table.rows}
    if not each:
        return ""
    shown = [epoch for epoch in _SHOWN_EPOCHS if epoch <= max(map(len, each.values()))]
    rows = [
        [
            EXPERIMENTS[name].title,
            *(f"{losses[e - 1]:.4f}" if e <= len(losses) else NOTHING for e in shown),
        ]
        for name, losses in each.items()
    ]
    first, last = PAPER_LOSSES
    paper = {1: f"{first:.4f}", 20: f"{last:.4f}"}
    rows.append(["the paper", *(paper.get(epoch, NOTHING) for epoch in shown)])
    return markdown_table(["epoch", *map(str, shown)], rows)


def write_table(table: ReproductionTable, folder: StudyFolder) -> None:
    """Write ``reproduce.json``, ``reproduce.md``, the pictures and, if it can, the page."""
    if not table.rows:
        return
    bars = [
        (
            PARTS[EXPERIMENTS[name].part], EXPERIMENTS[name].title,
            table.interval(name, "all.macro_f1").mean,
            [found.value("all.macro_f1") for found in seeds.values()],
        )
        for name, seeds in table.rows.items()
    ]  # fmt: skip
    save(macro_f1_of_rows(bars), folder.path / "scores.png")
    curves = {
        EXPERIMENTS[name].title: table.losses(name)
        for name in _LOSSES_OF
        if name in table.rows and f"{name}-long" not in table.rows
    }
    save(losses_of_rows(curves, PAPER_LOSSES), folder.path / "losses.png")
    content = {**table.to_json(), "findings": table.findings()}
    write_atomically(folder.path / TABLE, json.dumps(content, indent=1).encode() + b"\n")
    write_atomically(folder.path / TEXT, reproduction_markdown(table, list(_FIGURES)).encode())
    if can_write_page():
        write_atomically(folder.path / PAGE, _page(table, folder).encode())


def can_write_page() -> bool:
    """Return whether Jinja2 is there, which comes with the extra ``report``."""
    return importlib.util.find_spec("jinja2") is not None


def _page(table: ReproductionTable, folder: StudyFolder) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fednids.studies", "."),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    sections = [
        {
            "heading": heading, "titles": titles_of(part),
            "rows": [cells_of(table, name) for name in table.in_part(part)],
        }
        for part, heading in PARTS.items()
        if table.in_part(part)
    ]  # fmt: skip
    figures = [
        {"alt": alt, "data": base64.b64encode((folder.path / name).read_bytes()).decode()}
        for name, alt in _FIGURES.items()
    ]
    return environment.get_template("reproduce.html.j2").render(
        plan=table.plan, findings=table.findings(), sections=sections, figures=figures,
        synthetic=table.synthetic, source=table.plan.data.rpartition("/")[2],
    )  # fmt: skip
