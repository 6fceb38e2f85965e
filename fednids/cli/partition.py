"""``fednids partition``: deal flows, measure and see the plan, hand it to real gateways."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fednids.cli import options
from fednids.cli.progress import StepProgress
from fednids.cli.screen import plain_table, print_json, print_table, say
from fednids.config import Config
from fednids.errors import ConfigError
from fednids.report.tables import SYNTHETIC, decimal

if TYPE_CHECKING:
    from fednids.experiment.partitioning import PlanStudy
    from fednids.experiment.schemes import Comparison
    from partitions.skew import MeasureSummary

_EVEN_WHEN_HIGH = ("coverage", "effective_classes")
_WHOLE = ("smallest", "largest", "without_flows")


def partition(
    settings: options.Settings = None,
    data: options.Data = None,
    scheme: Annotated[
        str | None,
        typer.Option("--scheme", help="How flows are dealt; all compares every scheme."),
    ] = None,
    gateways: options.Gateways = None,
    alpha: options.Alpha = None,
    seed: options.Seed = None,
    config: options.File = None,
    out: Annotated[Path | None, typer.Option(help="Folder of plan, measures and pictures.")] = None,
    export: Annotated[Path | None, typer.Option(help="Folder for a flow file per gateway.")] = None,
    file_format: Annotated[
        str, typer.Option("--format", help="Of exported files: parquet, csv or csv.gz.")
    ] = "parquet",
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an existing plan or export.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Partition flows over gateways and measure the skew.

    Flows are dealt as a run would deal them. The folder of --out holds plan.npz (which runs
    read by partition.plan=PATH), config.toml (with which runs deal the flows in the same way),
    measures and pictures. Without --out and --export the measures are only printed.
    """
    given = options.given(
        config, settings, data=data, scheme=scheme, gateways=gateways, alpha=alpha, seed=seed
    )
    if given.get("partition.scheme") == "all":
        if export:
            raise ConfigError("expected one scheme for --export, got all; name the one to export")
        _compare(given, out, force=force, as_json=as_json)
    else:
        _deal(Config.resolve(given), out, export, file_format, force=force, as_json=as_json)


def _deal(
    config: Config, out: Path | None, export: Path | None, suffix: str,
    *, force: bool, as_json: bool,
) -> None:  # fmt: skip
    from fednids.experiment.export import MANIFEST, export_gateways
    from fednids.experiment.new_folder import check_folder
    from fednids.experiment.partitioning import PARTITION_MARK, study_partition, write_partition
    from fednids.flows.files.writing import find_format

    find_format(suffix)
    for folder, mark in ((out, PARTITION_MARK), (export, MANIFEST)):
        if folder:
            check_folder(folder, mark, force=force)
    study = study_partition(config)
    record: dict[str, Any] = study.to_json()
    if not as_json:
        _show_plan(study)
    if out:
        write_partition(study, out, force=force)
    if export:
        with StepProgress("exporting gateways", shown=not as_json) as steps:
            record["export"] = export_gateways(
                config, study.dataset, export, suffix=suffix, force=force, on_gateway=steps.show
            )
    if as_json:
        print_json(record)
        return
    if out:
        say(f"written to {out}: plan.npz, config.toml, skew.json, tables, pictures")
        say(f"run it with: fednids simulate --config {out / 'config.toml'} --out run")
    if export:
        _show_export(record["export"], export)


def _compare(given: dict[str, object], out: Path | None, *, force: bool, as_json: bool) -> None:
    from fednids.experiment.schemes import compare_schemes

    with StepProgress("comparing schemes", shown=not as_json) as steps:
        found = compare_schemes(given, out, force=force, on_scheme=steps.show)
    if as_json:
        print_json(found.to_json())
        return
    _show_comparison(found)
    if out:
        say(f"written to {out}: comparison.png, .json, .parquet, and a folder for each scheme")


def _show_plan(study: PlanStudy) -> None:
    """Print every measure of a plan beside its yardstick, and what it means in a word."""
    dataset, report = study.dataset, study.report
    say(
        f"{len(dataset.flows):,} flows dealt to {dataset.gateways:,} gateways by "
        f"{dataset.plan.scheme}, seed {study.config.run.seed}"
    )
    titles = ("measure", "weighted", "unweighted", "iid", "95 % of iid", "reading")
    table = plain_table(*titles, left=("measure", "reading"), unbroken=titles, padding=(0, 1))
    for row in report.summary:
        table.add_row(*_cells(row))
    print_table(table)
    say(
        f"iid: the mean over {report.iid_tables} random deals to gateways of the same sizes "
        f"({report.iid_shuffles} for wasserstein), weighted by flows. weighted: by flows; "
        "unweighted: every gateway counts alike. wasserstein: how far a feature's values are "
        "from the fleet's, in standard deviations."
    )
    if dataset.flows.origin.synthetic:
        say(SYNTHETIC)


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


def _cells(row: MeasureSummary) -> tuple[str, ...]:
    from partitions.skew import MEASURES

    name, digits = row.measure, 0 if row.measure in _WHOLE else 3
    measure = MEASURES.get(name.partition(".")[0])
    single = measure is not None and measure.of != "gateway"
    interval = ""
    if not math.isnan(row.iid_weighted_low):
        interval = f"{row.iid_weighted_low:.3f} to {row.iid_weighted_high:.3f}"
    return (
        name.replace("_", " ") if measure else name,
        decimal(row.weighted, digits),
        "" if single else decimal(row.unweighted, digits),
        "" if math.isnan(row.iid_weighted) else decimal(row.iid_weighted, digits),
        interval,
        read_measure(row),
    )


def _show_comparison(found: Comparison) -> None:
    """Print one row a scheme, and why some schemes cannot be met."""
    from fednids.experiment.schemes import MEASURED

    about = found.about
    say(
        f"{about['data']['flows']:,} flows dealt to {about['gateways']:,} gateways, seed "
        f"{about['seed']}; in brackets what iid deals of the same sizes give"
    )
    table = plain_table("scheme", *(measure.title for measure in MEASURED))
    for each in found.entries:
        if not each.reason:
            pairs = zip(each.values, each.iid, strict=True)
            cells = (
                decimal(value) + ("" if math.isnan(value + iid) else f" ({iid:.3f})")
                for value, iid in pairs
            )
            table.add_row(each.scheme, *cells)
    print_table(table)
    for each in found.entries:
        if each.reason:
            say(f"{each.scheme} cannot deal these flows so: {each.reason}")
    if about["data"]["synthetic"]:
        say(SYNTHETIC)


def _show_export(manifest: dict[str, Any], out: Path) -> None:
    files = [each for each in manifest["gateways"] if each["file"]]
    without = len(manifest["gateways"]) - len(files)
    empty = f"; {without:,} gateways without flows have none" if without else ""
    flows = sum(each["flows"] for each in files)
    say(f"{flows:,} flows exported to {len(files):,} files in {out}, listed in export.json{empty}")
    if manifest["scheme"] == "noise":
        say("note: the noise of this scheme is added by runs, and is in no file")
