"""``fednids partition``: deal flows, measure and see the plan, hand it to real gateways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fednids.cli import options
from fednids.cli.progress import StepProgress
from fednids.cli.screen import say
from fednids.config import Config
from fednids.errors import ConfigError

PlanOut = Annotated[
    Path | None, typer.Option("--out", help="Folder for plan, measures and pictures.")
]
Export = Annotated[
    Path | None, typer.Option("--export", help="Folder for one flow file per gateway.")
]
FileFormat = Annotated[
    str, typer.Option("--format", help="Of exported files: parquet, csv or csv.gz.")
]
AnyScheme = Annotated[
    str | None, typer.Option("--scheme", help="How flows are dealt; all compares every scheme.")
]
_Replace = Annotated[
    bool, typer.Option("--force", help="Overwrite a plan or export that is there.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: fednids partition --data flows.csv.gz --scheme dirichlet --alpha 0.1 "
        "--gateways 20 --out plan"
    )(partition)


def partition(
    settings: options.Settings = None,
    data: options.Data = None,
    scheme: AnyScheme = None,
    gateways: options.Gateways = None,
    alpha: options.Alpha = None,
    seed: options.Seed = None,
    config: options.File = None,
    out: PlanOut = None,
    export: Export = None,
    file_format: FileFormat = "parquet",
    force: _Replace = False,
    as_json: options.Json = False,
) -> None:
    """Deal flows to gateways as a run would, and measure how unevenly.

    The folder holds plan.npz (runs take it by partition.plan=PATH), config.toml (runs with
    --config deal so again), measures and pictures. Without --out and --export the measures
    are only printed.
    """
    given = options.given(
        config, settings, data=data, scheme=scheme, gateways=gateways, alpha=alpha, seed=seed
    )
    if given.get("partition.scheme") == "all":
        _compare(given, out, export, force=force, as_json=as_json)
    else:
        _deal(Config.resolve(given), out, export, file_format, force=force, as_json=as_json)


def _deal(
    config: Config, out: Path | None, export: Path | None, file_format: str,
    *, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Deal, write what is asked for, and show it."""
    from fednids.cli.plan_screen import say_exported, show_plan
    from fednids.experiment.export import MANIFEST, export_gateways
    from fednids.experiment.flow_files import find_format
    from fednids.experiment.new_folder import check_folder
    from fednids.experiment.partitioning import PARTITION_MARK, study_partition, write_partition

    find_format(file_format)
    for folder, mark in ((out, PARTITION_MARK), (export, MANIFEST)):
        if folder:
            check_folder(folder, mark, force=force)
    study = study_partition(config)
    record: dict[str, Any] = study.to_json()
    if not as_json:
        show_plan(study)
    if out:
        write_partition(study, out, force=force)
    if export:
        with StepProgress("exporting gateways", shown=not as_json) as steps:
            record["export"] = export_gateways(
                config,
                study.fleet,
                export,
                suffix=file_format,
                force=force,
                on_gateway=steps.reached,
            )
    if as_json:
        say(json.dumps(record))
        return
    if out:
        say(f"written to {out}: plan.npz, config.toml, skew.json, tables, pictures")
        say(f"run it with: fednids simulate --config {out / 'config.toml'} --out run")
    if export:
        say_exported(record["export"], export)


def _compare(
    given: dict[str, object],
    out: Path | None,
    export: Path | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Deal by every scheme and show them side by side."""
    from fednids.cli.plan_screen import show_comparison
    from fednids.experiment.schemes import compare_schemes

    if export:
        raise ConfigError("expected one scheme for --export, got all; name the one to export")
    with StepProgress("comparing schemes", shown=not as_json) as steps:
        found = compare_schemes(given, out, force=force, on_scheme=steps.begun)
    if as_json:
        say(json.dumps(found.to_json()))
        return
    show_comparison(found)
    if out:
        say(f"written to {out}: comparison.png, .json, .parquet, and a folder for each scheme")
