"""``fednids data``: describe and synthesise flow files; `fednids.cli.audit` audits them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from fednids.cli import options
from fednids.cli.audit import audit_flows
from fednids.cli.screen import plain_table, print_json, print_table, say

app = typer.Typer(help="Describe, audit and synthesise flow files.", no_args_is_help=True)
app.command("audit", epilog="Example: fednids data audit NF-BoT-IoT.csv --strict")(audit_flows)


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
    flows: Annotated[int, typer.Option("--flows", help="How many flows.")] = 60_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything drawn.")] = 1,
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
