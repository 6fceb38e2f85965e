"""What is seen in the table, in words: differences in pairs of seeds, and training losses."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fednids.studies.reproduce.published import PAPER_LOSSES
from fednids.studies.reproduce.rows import CLEAN, CLEAN_LONG, LEAKING, LEAKING_LONG, ROWS
from fednids.studies.reproduce.table import Table
from fednids.studies.statistics import show_interval

_MEASURES = {
    "all.accuracy": "accuracy",
    "all.macro_f1": "macro-F1",
    "novel.macro_f1": "macro-F1 on novel flows",
    "worst_recall": "the worst gateway's recall",
}


def findings(table: Table) -> list[str]:
    """Say what the table shows, a line each; nothing of rows that are missing."""
    published = (LEAKING, CLEAN, LEAKING_LONG, CLEAN_LONG)
    leaks = [_compared(table, *pair) for pair in _leaks()]
    losses = [_loss_line(table, name) for name in published]
    rest = [_compared(table, *pair) for pair in _honest()]
    return [line for line in (*leaks, *losses, _majority_line(table), *rest) if line]


def _leaks() -> Iterator[tuple[str, str, str]]:
    """Name rows and measures that tell what the leak buys."""
    for pair in ((LEAKING, CLEAN), (LEAKING_LONG, CLEAN_LONG)):
        for measure in ("all.accuracy", "all.macro_f1"):
            yield *pair, measure


def _honest() -> Iterator[tuple[str, str, str]]:
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


def _compared(table: Table, first: str, second: str, measure: str) -> str:
    """Say who is higher, or that no difference is shown."""
    found = table.difference(first, second, measure)
    if not found.count:
        return ""
    seeds = f"{found.count} seed{'s' * (found.count != 1)}"
    ours, theirs = (f"“{ROWS[name].title}”" for name in (first, second))
    subject = f"{_MEASURES[measure]} of {ours}"
    if math.isnan(found.low):
        return f"{subject} less that of {theirs}: {found.mean:+.3f}, {seeds}."
    if found.says == "no difference seen":
        return f"{subject} and of {theirs}: no difference seen, {seeds}."
    size = show_interval(found, signed=True)
    return f"{subject} is {found.says} than of {theirs}: {size}, {seeds}."


def _loss_line(table: Table, name: str) -> str:
    """Hold a row's training loss against the paper's.

    Seed by seed, since a mean hides one that has not learned yet.
    """
    losses = table.losses(name)
    if not losses:
        return ""
    first, last = PAPER_LOSSES
    each = ", ".join(f"{found.losses[-1]:.4f}" for found in table.rows[name].values())
    return (
        f"Training loss of “{ROWS[name].title}” goes from {losses[0]:.4f} to {losses[-1]:.4f} in "
        f"{len(losses)} epochs (seed by seed {each}); the paper's from {first:.4f} to "
        f"{last:.4f} in 20."
    )


def _majority_line(table: Table) -> str:
    """Hold the published accuracy against the most frequent class."""
    if LEAKING not in table.rows:
        return ""
    accuracy, f1 = (table.interval(LEAKING, f"majority.{name}").mean for name in ("accuracy", "f1"))
    return (
        f"Answering the most frequent class alone gives accuracy {accuracy:.3f} and F1 {f1:.3f} on "
        "the published split."
    )
