"""``fednids centralised``, ``local``, ``simulate`` and ``resume``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fednids.cli import options
from fednids.cli.screen import RoundProgress, quieten_flower, say, show_result
from fednids.config import Config
from fednids.runs.records import Observer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: fednids simulate --data flows.csv.gz --gateways 20 --out run")(
        simulate
    )
    app.command(epilog="Example: fednids centralised --data flows.csv.gz --out base")(centralised)
    app.command(epilog="Example: fednids local --gateways 5 --out alone")(local)
    app.command(epilog="Example: fednids resume run")(resume)


def simulate(
    out: options.Out,
    settings: options.Settings = None,
    data: options.Data = None,
    gateways: options.Gateways = None,
    scheme: options.Scheme = None,
    alpha: options.Alpha = None,
    rounds: options.Rounds = None,
    strategy: options.Strategy = None,
    engine: options.Engine = None,
    workers: options.Workers = None,
    seed: options.Seed = None,
    config: options.File = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run a federation of gateways on this machine.

    Flows are dealt to gateways; each round the gateways train and a Flower server averages
    their weights. Without --data the flows are synthetic.
    """
    resolved = options.resolve(
        config, settings, data=data, gateways=gateways, scheme=scheme, alpha=alpha,
        rounds=rounds, strategy=strategy, engine=engine, workers=workers, seed=seed,
    )  # fmt: skip
    _arm("federated", resolved, out, force=force, as_json=as_json, quiet=quiet)


def centralised(
    out: options.Out,
    settings: options.Settings = None,
    data: options.Data = None,
    rounds: options.Rounds = None,
    seed: options.Seed = None,
    config: options.File = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Compare with gradient boosting on the same flows.")
    ] = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train one detector on all flows in one place, the baseline of the other arms.

    A round is `train.epochs` passes over all training flows.
    """
    resolved = options.resolve(config, settings, data=data, rounds=rounds, seed=seed)
    _arm(
        "centralised", resolved, out,
        force=force, as_json=as_json, quiet=quiet, baselines=baselines,
    )  # fmt: skip


def local(
    out: options.Out,
    settings: options.Settings = None,
    data: options.Data = None,
    gateways: options.Gateways = None,
    scheme: options.Scheme = None,
    alpha: options.Alpha = None,
    rounds: options.Rounds = None,
    seed: options.Seed = None,
    config: options.File = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train every gateway alone, on its own flows; nothing is shared.

    Every test flow is judged by the detector of the gateway that it belongs to.
    """
    resolved = options.resolve(
        config, settings, data=data, gateways=gateways, scheme=scheme, alpha=alpha,
        rounds=rounds, seed=seed,
    )  # fmt: skip
    _arm("local", resolved, out, force=force, as_json=as_json, quiet=quiet)


def resume(
    folder: Annotated[Path, typer.Argument(help="Folder of a run that was stopped.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Go on with a stopped run from its last whole round."""
    from fednids.experiment.execution import resume as go_on
    from fednids.runs.folder import read_checkpoint

    config = read_checkpoint(folder).config
    _watch(lambda o: go_on(folder, observers=o), config, folder, as_json=as_json, quiet=quiet)


def _arm(
    kind: str, config: Config, out: Path, *,
    force: bool, as_json: bool, quiet: bool, baselines: bool = False,
) -> None:  # fmt: skip
    """Run an arm and show what came of it."""
    from fednids.experiment.execution import execute

    def run(observers: list[Observer]) -> Mapping[str, Any]:
        return execute(kind, config, out, force=force, baselines=baselines, observers=observers)

    _watch(run, config, out, as_json=as_json, quiet=quiet)


def _watch(
    run: Callable[[list[Observer]], Mapping[str, Any]],
    config: Config,
    out: Path,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show progress while a run goes, and its result after."""
    quieten_flower()
    if quiet or as_json:
        result = run([])
    else:
        progress = RoundProgress(config.federation.rounds, config.model.classes)
        with progress.showing():
            result = run([progress])
    if as_json:
        say(json.dumps(result))
    elif not quiet:
        _show(result, out)


def _show(result: Mapping[str, Any], out: Path) -> None:
    data, seconds = result["data"], result["seconds"]
    say("")
    show_result(result)
    if data["synthetic"]:
        say("The flows are synthetic: these numbers say nothing about real traffic.")
    say(
        f"{data['flows']:,} flows, {result['model']['parameters']:,} weights, "
        f"{seconds['total']:.0f} s (preparing {seconds['prepare']:.1f}, compiling "
        f"{seconds['compile']:.1f}, training {seconds['train']:.1f}, evaluating "
        f"{seconds['evaluate']:.1f})"
    )
    say(f"written to {out}: result.json, rounds.jsonl, gateways.parquet, pictures, detector")
