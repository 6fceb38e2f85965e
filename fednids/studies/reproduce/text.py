"""The table as Markdown. It says what was measured and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from fednids.studies.report import SYNTHETIC, markdown_table
from fednids.studies.reproduce.findings import findings
from fednids.studies.reproduce.published import PAPER_LOSSES
from fednids.studies.reproduce.rows import (
    CLEAN,
    CLEAN_LONG,
    LEAKING,
    LEAKING_LONG,
    PARTS,
    ROWS,
    Part,
)
from fednids.studies.reproduce.table import Table, value_of
from fednids.studies.statistics import NOTHING, show_interval, show_number

_SHOWN_EPOCHS = (1, 2, 5, 10, 15, 20, 40, 60)
LOSSES_OF = (LEAKING, CLEAN, LEAKING_LONG, CLEAN_LONG, "binary-paper", "five-paper")
"""Rows whose training loss stands beside the paper's: those with its network and steps."""

_RATES = {
    "all.accuracy": "accuracy",
    "all.macro_f1": "macro-F1",
    "novel.macro_f1": "the same, novel flows",
    "all.false_alarm_rate": "benign false alarms",
    "all.balanced_accuracy": "balanced accuracy",
}
_PUBLISHED = {
    "all.accuracy": "accuracy",
    "all.precision": "precision",
    "all.recall": "recall",
    "all.f1": "F1",
    "all.macro_f1": "macro-F1",
    "all.false_alarm_rate": "benign false alarms",
    "all.balanced_accuracy": "balanced accuracy",
}
_GATEWAYS = {"worst_recall": "worst gateway's recall", "worst_macro_f1": "worst gateway's macro-F1"}

_ABOUT: dict[Part, str] = {
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


def render(table: Table, figures: Sequence[str]) -> str:
    """Write table and findings as Markdown.

    Parameters
    ----------
    table : Table
        What has ended.
    figures : Sequence[str]
        Names of the pictures beside it.
    """
    parts = [
        "# The published CNN-BiLSTM, as published and honestly",
        _what_was_run(table),
        "## What the table shows",
        "\n".join(f"- {line}" for line in findings(table)) or "No row has ended.",
        *(f"![{name}]({name})" for name in figures),
    ]
    for part, heading in PARTS.items():
        if names := [name for name in table.rows if ROWS[name].part == part]:
            parts += [f"## {heading}", _ABOUT[part], _rates(table, part, names)]
    if losses := _losses(table):
        parts += ["## Training loss", losses]
    if table.failures:
        lines = [f"- {each.name}: {each.reason} (`{each.log}`)" for each in table.failures]
        parts += ["## What failed", "\n".join(lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what_was_run(table: Table) -> str:
    plan = table.plan
    counts = {found.flows for seeds in table.rows.values() for found in seeds.values()}
    flows = " or ".join(f"{count:,}" for count in sorted(counts))
    source = plan.data.rpartition("/")[2]
    seeds = ", ".join(map(str, plan.seeds))
    lines = [
        f"{flows} flows of {source}" if plan.data else f"{flows} synthetic flows a seed",
        f"seeds {seeds}{'; quick: 2 epochs or rounds' * plan.quick}.",
    ]
    text = "; ".join(lines)
    if table.synthetic:
        text += f"\n\n**{SYNTHETIC}**"
    return (
        f"{text}\n\nMeans over seeds with 95 % percentile bootstrap intervals; of three seeds that "
        "is their range. n/a: fewer than 3. Seconds are of training on one processor, with "
        "compiling. Parameters are those trained; in brackets as papers count layers, where "
        "that differs."
    )


def columns_of(part: Part) -> dict[str, str]:
    """Give the measures that a part's rows show, and their titles."""
    if part == "published":
        return _PUBLISHED
    return _RATES | (_GATEWAYS if part == "federation" else {})


def cells_of(table: Table, part: Part, name: str) -> list[str]:
    """Give the cells of a row: its rates, the majority's, seconds and parameters."""
    rates = [show_interval(table.interval(name, measure)) for measure in columns_of(part)]
    majority = show_number(table.interval(name, "majority.macro_f1").mean)
    seconds = show_number(table.interval(name, "seconds").mean, 0)
    return [ROWS[name].title, *rates, majority, seconds, _parameters(table, name)]


def titles_of(part: Part) -> list[str]:
    """Give the titles over `cells_of`."""
    return ["", *columns_of(part).values(), "majority's macro-F1", "seconds", "parameters"]


def _rates(table: Table, part: Part, names: Sequence[str]) -> str:
    return markdown_table(titles_of(part), [cells_of(table, part, name) for name in names])


def _parameters(table: Table, name: str) -> str:
    ours, theirs = (
        table.interval(name, each).mean for each in ("parameters", "published_parameters")
    )
    return f"{ours:,.0f}" if ours == theirs else f"{ours:,.0f} ({theirs:,.0f})"


def _losses(table: Table) -> str:
    """Give the losses of the rows with the paper's network over epochs."""
    names = [name for name in LOSSES_OF if name in table.rows]
    if not names:
        return ""
    each = {name: table.losses(name) for name in names}
    most = max(map(len, each.values()))
    shown = [epoch for epoch in _SHOWN_EPOCHS if epoch <= most]
    rows = [
        [
            ROWS[name].title,
            *(f"{losses[e - 1]:.4f}" if e <= len(losses) else NOTHING for e in shown),
        ]
        for name, losses in each.items()
    ]
    first, last = PAPER_LOSSES
    paper = {1: f"{first:.4f}", 20: f"{last:.4f}"}
    rows.append(["the paper", *(paper.get(epoch, NOTHING) for epoch in shown)])
    return markdown_table(["epoch", *map(str, shown)], rows)


def chart_rows(table: Table) -> list[tuple[str, str, float, list[float]]]:
    """Give what the chart of scores shows: part, title, mean macro-F1, and that of each seed."""
    return [
        (
            PARTS[ROWS[name].part],
            ROWS[name].title,
            table.interval(name, "all.macro_f1").mean,
            [value_of(found, "all.macro_f1") for found in seeds.values()],
        )
        for name, seeds in table.rows.items()
    ]
