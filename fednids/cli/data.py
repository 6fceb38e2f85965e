"""``fednids data``: describe, audit and synthesise flow files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from fednids.cli import options
from fednids.cli.progress import StepProgress
from fednids.cli.screen import EXIT_FAILED, plain_table, print_json, print_table, say

if TYPE_CHECKING:
    from fednids.audit.report import Report

app = typer.Typer(help="Describe, audit and synthesise flow files.", no_args_is_help=True)

_STYLES = {"leak": "bold red", "warning": "yellow", "note": ""}


@app.command("audit", epilog="Example: fednids data audit NF-BoT-IoT.csv --strict")
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
    from fednids.audit.checks import CHECKS, Severity
    from fednids.audit.evidence import gather
    from fednids.audit.report import audit

    settings = [f"data.dataset={dataset}", f"data.features={features}", f"data.split={split}"]
    config, names = options.resolve(None, settings, data=str(path), seed=seed), list(CHECKS)
    drawn = config.run.seed
    with StepProgress("auditing", shown=not as_json) as steps:
        evidence, sha256 = gather(config.data, drawn)
        report = audit(
            evidence, drawn, lambda name: steps.show(names.index(name), len(names), name)
        )
    features, leaks = evidence.feature_set, report.count(Severity.LEAK)
    if as_json:
        chosen = {"features": features, "split": split, "seed": drawn}
        print_json({"path": str(path), "sha256": sha256, **chosen, **report.to_json()})
    else:
        _show_findings(report)
        rest = len(report.findings) - leaks
        say(
            f"{leaks} leak{'s' * (leaks != 1)} and {rest} other findings in {report.flows:,} "
            f"flows; features {features}, split {config.data.split}, seed {drawn}"
        )
    if strict and leaks:
        raise typer.Exit(EXIT_FAILED)


def _show_findings(report: Report) -> None:
    texts = ("", "check", "finding, what chance would give, what to do")
    table = plain_table(*texts[:2], "number", texts[2], left=texts, padding=(0, 2, 1, 0))
    for check, finding in report.findings:
        severity, text = finding.severity.value, Text()
        if finding.subject:
            text.append(f"{finding.subject} ", style="bold")
        text.append(f"{finding.text}\n")
        text.append(f"null: {finding.null}\n", style="dim")
        text.append(f"do: {finding.advice}")
        number = Text(f"{finding.number:,.4g}")
        table.add_row(Text(severity, style=_STYLES[severity]), Text(check), number, text)
    print_table(table)


@app.command("describe", epilog="Example: fednids data describe NF-BoT-IoT.csv")
def describe_flows(
    path: Annotated[Path, typer.Argument(help="Flow file: CSV, CSV.gz, zip or Parquet.")],
    dataset: options.Dataset = "auto",
    as_json: options.Json = False,
) -> None:
    """Describe a flow file.

    Printed are data set, classes, hosts, duplicates, ranges and warnings.
    """
    from fednids.flows.files.checksum import file_sha256, recognise
    from fednids.flows.files.reading import read_flows
    from fednids.flows.summary import summarise_flows

    table, sha256 = read_flows(path, dataset), file_sha256(path)
    summary, known = summarise_flows(table), recognise(sha256)
    if as_json:
        print_json({"path": str(path), "sha256": sha256, "known": known, **asdict(summary)})
        return
    say(f"{path}: {summary.flows:,} flows of {summary.dataset} {summary.version}".rstrip())
    say(f"sha256 {sha256}" + (f", the published {known}" if known else ""))
    say(
        f"{summary.hosts} hosts in {summary.pairs} pairs; {summary.vectors:,} distinct feature "
        f"vectors, {summary.ambiguous:,} of them with more than one class"
    )
    print_table(_classes(summary.classes, summary.flows))
    print_table(_ranges(asdict(summary)["ranges"]))
    for warning in summary.warnings:
        say(f"note: {warning}")


@app.command(
    "synthesise", epilog="Example: fednids data synthesise flows.csv.gz --flows 100000 --seed 7"
)
def synthesise_flows(
    out: Annotated[Path, typer.Argument(help="File to write: .csv, .csv.gz or .parquet.")],
    flows: Annotated[int, typer.Option("--flows", help="Number of flows.")] = 60_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all random numbers.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write synthetic flows with published statistics.

    They follow what is published of NF-BoT-IoT v1.
    """
    from fednids.flows.files.writing import write_flows
    from fednids.flows.synthetic.synthesis import synthesise
    from fednids.seeding import Stream, generator

    write_flows(synthesise(flows, generator(seed, Stream.SYNTHETIC)), out, overwrite=force)
    if as_json:
        print_json({"path": str(out), "flows": flows, "seed": seed})
    else:
        say(f"{flows:,} synthetic flows written to {out}")


def _classes(classes: dict[str, int], flows: int) -> Table:
    table = plain_table("class", "flows", "share")
    for name, count in classes.items():
        table.add_row(name, f"{count:,}", f"{count / flows:.2%}")
    return table


def _ranges(ranges: dict[str, dict[str, float]]) -> Table:
    table = plain_table("column", "least", "median", "most")
    for name, found in ranges.items():
        table.add_row(name, *(f"{found[k]:,.10g}" for k in ("least", "median", "most")))
    return table
