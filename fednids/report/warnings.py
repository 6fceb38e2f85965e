"""Warnings of a report: what limits its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from fednids.metrics import Scores
from fednids.report.tables import SYNTHETIC
from fednids.runs.reader import Run

FEW_FLOWS = 30
"""Below this the exact 95 % interval of a recall of one half is wider than a third."""

FEW_GATEWAYS = 5
FEW_SEEDS = 3
_DUPLICATES = 0.05


def warn_of_run(run: Run) -> list[str]:
    """List what limits the numbers of one run, the gravest first."""
    return [*_of_course(run), *_of_flows(run), *_of_scores(run), *_of_gateways(run)]


def is_synthetic(run: Run) -> bool:
    """Return whether a run's flows are made up."""
    return run.result.data.synthetic if run.finished else not run.config.data.path


def warn_of_runs(groups: Mapping[str, Sequence[Run]]) -> list[str]:
    """List what limits comparing runs."""
    runs = [run for each in groups.values() for run in each]
    found = []
    if stopped := [run.name for run in runs if not run.finished]:
        found.append(f"Stopped early, shown as far as they came: {', '.join(stopped)}.")
    if lacking := [run.name for run in runs if run.finished and run.result.unscored]:
        found.append(f"The final scores lack flows of some gateways: {', '.join(lacking)}.")
    if not _same_flows(runs):
        found.append(
            "The runs are not about the same flows and split: their numbers do not compare."
        )
    fewest = min(len({run.config.run.seed for run in each}) for each in groups.values())
    if fewest < FEW_SEEDS:
        found.append(
            f"Some groups have {fewest} seed{'s' * (fewest != 1)}: with fewer than {FEW_SEEDS}, a "
            "difference may be luck. `fednids compare` gives intervals."
        )
    return [*_common(runs), *found]


def _common(runs: Sequence[Run]) -> Iterator[str]:
    """List what limits the numbers of some of many runs; each run's own warnings repeat it."""
    synthetic = sum(map(is_synthetic, runs))
    if synthetic:
        which = "The" if synthetic == len(runs) else f"In {synthetic} of {len(runs)} runs the"
        yield f"{which} flows are synthetic: these numbers say nothing about real traffic."
    few = {
        name: None
        for run in runs
        if run.detector
        for name, each in run.detector.all.per_class.items()
        if each.support < FEW_FLOWS
    }
    if few:
        yield f"Fewer than {FEW_FLOWS} test flows in some runs: {', '.join(few)}."


def _of_course(run: Run) -> Iterator[str]:
    if run.config.data.score_on == "validation":
        yield "Scores are of validation flows; test flows were taken away before training."
    if not run.finished:
        yield (
            f"This run stopped early: {len(run.rounds)} of {run.config.federation.rounds} rounds "
            "are there and no result.json; `fednids resume` goes on with it. Baselines, novel "
            "flows by class and provenance are unknown until it ends."
        )
    elif run.result.missing_scores:
        yield run.result.missing_scores
    refused = sum(len(row.failures) for row in run.rounds)
    if refused:
        yield f"Answers of gateways that failed or could not be used: {refused:,}."
    if any(row.attack and row.attack.malicious for row in run.rounds):
        yield "Some gateways are malicious: this run is under attack, as its settings say."


def _of_flows(run: Run) -> Iterator[str]:
    if is_synthetic(run):
        yield SYNTHETIC
    judged = run.detector
    if judged is None:
        return
    if few := _rare(judged.all):
        yield f"Fewer than {FEW_FLOWS} test flows, so that rates are mostly luck: {few}."
    if judged.novel is None:
        return
    total, novel = judged.all.confusion.total, judged.novel.confusion.total
    if total and 1 - novel / total > _DUPLICATES:
        yield (
            f"{1 - novel / total:.1%} of the test flows ({total - novel:,}) are duplicates: their "
            "features occur in training, too. Look at the novel flows first."
        )
    if few := _rare(judged.novel):
        yield f"Fewer than {FEW_FLOWS} novel test flows: {few}."


def _rare(found: Scores) -> str:
    few = ((name, each.support) for name, each in found.per_class.items())
    return ", ".join(f"{name} ({support})" for name, support in few if support < FEW_FLOWS)


def _of_scores(run: Run) -> Iterator[str]:
    if run.detector is None:
        return
    undefined = [
        f"{title} of {name}"
        for name, found in run.detector.all.per_class.items()
        for title in ("recall", "precision", "f1")
        if math.isnan(getattr(found, title))
    ]
    if undefined:
        yield f"Undefined, shown as – and never as 0: {', '.join(undefined)}."
    if run.majority and not run.detector.all.macro_f1 > run.majority.all.macro_f1:
        yield "The detector is no better than always answering the most frequent class."


def _of_gateways(run: Run) -> Iterator[str]:
    gateways = run.config.partition.gateways
    if run.kind != "centralised" and gateways < FEW_GATEWAYS:
        yield f"{gateways} gateways are few: another deal of the flows may change much."
    yield "One run with one seed: nothing here says how much another seed would change."


def _same_flows(runs: Sequence[Run]) -> bool:
    """Whether runs of one seed have the same flows, and all the same split."""
    split = {(r.config.data.split, r.config.data.test_share, len(r.classes)) for r in runs}
    origins = {is_synthetic(run) for run in runs}
    by_seed: dict[object, set[object]] = {}
    for run in runs:
        if run.finished:
            data, seed = run.result.data, run.config.run.seed
            flows = data.sha256, data.flows
            by_seed.setdefault(seed if is_synthetic(run) else "all", set()).add(flows)
    alike = all(len(each) == 1 for each in by_seed.values())
    return alike and len(split) == len(origins) == 1
