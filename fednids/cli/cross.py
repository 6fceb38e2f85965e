"""``fednids cross``: every detector on every gateway's test flows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from fednids.cli import options
from fednids.cli.progress import StepProgress
from fednids.cli.screen import plain_table, print_json, print_table, say
from fednids.report.tables import SYNTHETIC, decimal

if TYPE_CHECKING:
    from fednids.studies.cross import CrossFindings


def cross(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of runs with one plan and seed.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder of cross.json, .npz and .png.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing matrix.")] = False,
    as_json: options.Json = False,
) -> None:
    """Evaluate detectors of runs on every gateway's test flows.

    Name a local run, and the federated and centralised runs to compare it with. It shows
    what gateways gain from one another: on their own flows, on those of others, and on
    classes of which they have no training flow.
    """
    from fednids.experiment.new_folder import check_folder
    from fednids.studies.cross import CrossFindings, cross_runs, write_cross
    from fednids.studies.engine import CROSS

    if out:
        check_folder(out, CROSS, force=force)
    with StepProgress("scoring detectors", shown=not as_json) as steps:
        matrix = cross_runs(runs, steps.show)
    findings = CrossFindings.of(matrix)
    if out:
        write_cross(findings, out, force=force)
    if as_json:
        print_json(findings.to_json())
        return
    _show(findings)
    if out:
        say(f"written to {out}: cross.json, cross.npz, cross.png")


def _show(findings: CrossFindings) -> None:
    matrix, dataset = findings.matrix, findings.matrix.dataset
    flows = int(matrix.counts[0].sum())
    say(
        f"{len(matrix.counts):,} detectors on the {flows:,} test flows of {dataset.gateways:,} "
        f"gateways, dealt by {dataset.plan.scheme}"
    )
    print_table(_means(findings))
    if findings.unseen:
        say("")
        say("Classes that gateways have no training flow of, on the fleet's test flows of them:")
        print_table(_unseen(findings))
        say("recall: taken for the class. alarm: taken for any attack.")
    elif matrix.runs[-1].personal:
        say("Every gateway has training flows of every class.")
    if dataset.flows.origin.synthetic:
        say(SYNTHETIC)


def _means(findings: CrossFindings) -> Table:
    """Mean and worst macro-F1 over gateways, one row a kind of detector."""
    table = plain_table("detector", "mean macro-F1 of gateways", "worst gateway")
    for name, row in zip(findings.matrix.names, findings.overall.tolist(), strict=True):
        known = [value for value in row if not math.isnan(value)]
        mean = sum(known) / len(known) if known else math.nan
        table.add_row(f"{name}, one for all", decimal(mean), decimal(min(known, default=math.nan)))
    if len(findings.local):
        at_home = [value for value in findings.local.diagonal().tolist() if not math.isnan(value)]
        worst = min(at_home, default=math.nan)
        table.add_row("each gateway's own, at home", decimal(findings.own), decimal(worst))
        table.add_row("each gateway's own, at the others", decimal(findings.others), "")
    return table


def _unseen(findings: CrossFindings) -> Table:
    titles = ("gateways", "own recall", "global recall", "own alarm", "global alarm")
    table = plain_table("class", *titles)
    rates = ("local", "overall", "local_alarm", "overall_alarm")
    for each in findings.unseen:
        cells = [decimal(getattr(each, name)) for name in rates]
        table.add_row(each.name, f"{each.gateways:,}", *cells)
    table.add_row("all", "", *(decimal(findings.unseen_mean(name)) for name in rates))
    return table
