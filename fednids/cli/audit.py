"""``fednids data audit``: what is wrong with a flow file before a score on it is believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from fednids.cli import options
from fednids.cli.progress import StepProgress
from fednids.cli.screen import EXIT_FAILED, plain_table, print_json, print_table, say

if TYPE_CHECKING:
    from fednids.audit.finding import Finding
    from fednids.audit.report import Report
    from fednids.config import Config

_STYLES = {"leak": "bold red", "warning": "yellow", "note": ""}


def audit_flows(
    path: Annotated[
        Path,
        typer.Argument(help="Flow file: CSV, CSV.gz, zip or Parquet; a CSV may have more columns."),
    ],
    features: Annotated[
        str, typer.Option("--features", help="Columns shown to a detector, as data.features.")
    ] = "",
    dataset: options.Dataset = "auto",
    split: Annotated[
        str,
        typer.Option("--split", help="How test flows are chosen, as data.split of a run."),
    ] = "stratified",
    seed: options.Seed = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 1 where there is a leak.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Audit a flow file for leaks and similar problems.

    Columns that determine the label, duplicates across the split, order effects,
    identifiers, label conflicts, rare classes, imbalance, constant columns, impossible
    values: each with its number, what chance would give, and what to do.
    """
    settings = [f"data.dataset={dataset}", f"data.features={features}", f"data.split={split}"]
    config = options.resolve(None, settings, data=str(path), seed=seed)
    report, sha256, features = _run(config, shown=not as_json)
    if as_json:
        asked = {"features": features, "split": split, "seed": config.run.seed}
        print_json({"path": str(path), "sha256": sha256, **asked, **report.to_json()})
    else:
        _show(report, config, features)
    if strict and _leaks(report):
        raise typer.Exit(EXIT_FAILED)


def _run(config: Config, *, shown: bool) -> tuple[Report, str, str]:
    from fednids.audit.checks import CHECKS
    from fednids.audit.evidence import gather
    from fednids.audit.report import audit

    names = list(CHECKS)
    with StepProgress("auditing", shown=shown) as steps:
        evidence, sha256 = gather(config.data, config.run.seed)
        report = audit(
            evidence,
            config.run.seed,
            lambda name: steps.show(names.index(name), len(names), name),
        )
    return report, sha256, evidence.feature_set


def _leaks(report: Report) -> int:
    from fednids.audit.finding import Severity

    return report.count(Severity.LEAK)


def _show(report: Report, config: Config, features: str) -> None:
    texts = ("", "check", "finding, what chance would give, what to do")
    table = plain_table(*texts[:2], "number", texts[2], left=texts, padding=(0, 2, 1, 0))
    for check, finding in report.findings:
        severity = finding.severity.value
        table.add_row(
            Text(severity, style=_STYLES[severity]),
            Text(check),
            Text(f"{finding.number:,.4g}"),
            _told(finding),
        )
    print_table(table)
    leaks, rest = _leaks(report), len(report.findings) - _leaks(report)
    say(
        f"{leaks} leak{'s' * (leaks != 1)} and {rest} other findings in {report.flows:,} flows; "
        f"features {features}, split {config.data.split}, seed {config.run.seed}"
    )


def _told(finding: Finding) -> Text:
    told = Text()
    if finding.subject:
        told.append(f"{finding.subject} ", style="bold")
    told.append(f"{finding.text}\n")
    told.append(f"null: {finding.null}\n", style="dim")
    told.append(f"do: {finding.advice}")
    return told
