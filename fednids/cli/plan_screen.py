"""How plans, comparisons of schemes and exports look on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.table import Table

from fednids.cli.screen import print_table, say
from partitions.skew import MEASURES

if TYPE_CHECKING:
    from fednids.experiment.partitioning import PlanStudy
    from fednids.experiment.schemes import Comparison
    from partitions.skew import MeasureSummary

_EVEN_WHEN_HIGH = ("coverage", "effective_classes")
_WHOLE = ("smallest", "largest", "without_flows")


def show_plan(study: PlanStudy) -> None:
    """Print every measure of a plan beside its yardstick, and what it means in a word."""
    fleet, report = study.fleet, study.report
    say(
        f"{len(fleet.flows):,} flows dealt to {fleet.gateways:,} gateways by {fleet.plan.scheme}, "
        f"seed {study.config.run.seed}"
    )
    table = Table(box=None, padding=(0, 1))
    for title in ("measure", "weighted", "unweighted", "iid", "95 % of iid", "reading"):
        left = title in ("measure", "reading")
        table.add_column(title, justify="left" if left else "right", no_wrap=True)
    for row in report.summary:
        table.add_row(*_cells(row))
    print_table(table)
    say(
        f"iid: the mean over {report.iid_tables} random deals to gateways of the same sizes "
        f"({report.iid_shuffles} for wasserstein), weighted by flows. weighted: by flows; "
        "unweighted: every gateway counts alike. wasserstein: how far a feature's values are "
        "from the fleet's, in standard deviations."
    )
    if fleet.flows.origin.synthetic:
        say("The flows are synthetic: these numbers say nothing about real traffic.")


def read_measure(row: MeasureSummary) -> str:
    """Return in a word what a measure means beside its yardstick.

    Returns
    -------
    str
        ``as iid`` within 95 % of the iid deals, ``skewed`` or ``more even than iid``
        beyond, ``equal sizes`` or ``unequal sizes`` for measures of sizes, which have no
        yardstick; nothing where there is nothing to compare with.
    """
    name = row.measure.partition(".")[0]
    if name in ("size_gini", "size_variation"):
        return "equal sizes" if row.weighted < 0.05 else "unequal sizes"
    value, low, high = row.weighted, row.iid_weighted_low, row.iid_weighted_high
    if math.isnan(value) or math.isnan(low):
        return ""
    margin = 1e-9 * max(abs(low), abs(high), 1e-3)
    if low - margin <= value <= high + margin:
        return "as iid"
    above = value > high
    return "skewed" if above != (name in _EVEN_WHEN_HIGH) else "more even than iid"


def show_comparison(found: Comparison) -> None:
    """Print one row a scheme, and why some schemes cannot be met."""
    from fednids.experiment.schemes import MEASURED

    about = found.about
    say(
        f"{about['data']['flows']:,} flows dealt to {about['gateways']:,} gateways, seed "
        f"{about['seed']}; in brackets what iid deals of the same sizes give"
    )
    table = Table(box=None, padding=(0, 2))
    table.add_column("scheme")
    for measure in MEASURED:
        table.add_column(measure.title, justify="right")
    for each in found.entries:
        if not each.reason:
            pairs = zip(each.values, each.iid, strict=True)
            table.add_row(each.scheme, *(_beside(value, iid) for value, iid in pairs))
    print_table(table)
    for each in found.entries:
        if each.reason:
            say(f"{each.scheme} cannot deal these flows so: {each.reason}")
    if about["data"]["synthetic"]:
        say("The flows are synthetic: these numbers say nothing about real traffic.")


def say_exported(manifest: dict[str, Any], out: object) -> None:
    """Print what was exported."""
    files = [each for each in manifest["gateways"] if each["file"]]
    without = len(manifest["gateways"]) - len(files)
    empty = f"; {without:,} gateways without flows have none" if without else ""
    flows = sum(each["flows"] for each in files)
    say(f"{flows:,} flows exported to {len(files):,} files in {out}, listed in export.json{empty}")
    if manifest["scheme"] == "noise":
        say("note: the noise of this scheme is added by runs, and is in no file")


def _cells(row: MeasureSummary) -> tuple[str, ...]:
    name = row.measure
    measure = MEASURES.get(name.partition(".")[0])
    single = measure is not None and measure.of != "gateway"
    interval = ""
    if not math.isnan(row.iid_weighted_low):
        interval = f"{row.iid_weighted_low:.3f} to {row.iid_weighted_high:.3f}"
    return (
        name.replace("_", " ") if measure else name,
        _number(name, row.weighted),
        "" if single else _number(name, row.unweighted),
        "" if math.isnan(row.iid_weighted) else _number(name, row.iid_weighted),
        interval,
        read_measure(row),
    )


def _number(name: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if name in _WHOLE else f"{value:.3f}"


def _beside(value: float, iid: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" + ("" if math.isnan(iid) else f" ({iid:.3f})")
