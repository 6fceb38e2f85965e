"""``fednids centralised``, ``local``, ``simulate`` and ``resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fednids.cli import options
from fednids.cli.screen import say, show_result, warn
from fednids.cli.watching import Watch
from fednids.config import Config
from fednids.runs.records import ResultRecord
from fednids.runs.rounds import Observer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: fednids simulate --data flows.csv.gz --gateways 20 --out run")(
        simulate
    )
    app.command(
        "centralised", epilog="Example: fednids centralised --data flows.csv.gz --out base"
    )(_centralised)
    app.command("local", epilog="Example: fednids local --gateways 5 --out alone")(_local)
    app.command("resume", epilog="Example: fednids resume run")(_resume)


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
    track: options.Track = None,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Run a federation of gateways on this machine.

    Flows are dealt to gateways; each round the gateways train and a Flower server averages
    their weights. Without --data the flows are synthetic.
    """
    resolved = options.resolve(
        config, settings, data=data, gateways=gateways, scheme=scheme, alpha=alpha,
        rounds=rounds, strategy=strategy, engine=engine, workers=workers, seed=seed,
    )  # fmt: skip
    watch = Watch.of(track, log_file, verbose=verbose, as_json=as_json, quiet=quiet)
    _arm("federated", resolved, out, watch, force=force)


def _centralised(
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
    track: options.Track = None,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Train one detector on all flows in one place, the baseline of the other arms.

    A round is `train.epochs` passes over all training flows.
    """
    resolved = options.resolve(config, settings, data=data, rounds=rounds, seed=seed)
    watch = Watch.of(track, log_file, verbose=verbose, as_json=as_json, quiet=quiet)
    _arm("centralised", resolved, out, watch, force=force, baselines=baselines)


def _local(
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
    track: options.Track = None,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Train every gateway alone, on its own flows; nothing is shared.

    Every test flow is judged by the detector of the gateway that it belongs to.
    """
    resolved = options.resolve(
        config, settings, data=data, gateways=gateways, scheme=scheme, alpha=alpha,
        rounds=rounds, seed=seed,
    )  # fmt: skip
    watch = Watch.of(track, log_file, verbose=verbose, as_json=as_json, quiet=quiet)
    _arm("local", resolved, out, watch, force=force)


def _resume(
    folder: Annotated[Path, typer.Argument(help="Folder of a run that was stopped.")],
    rounds: Annotated[
        int | None, typer.Option("--rounds", help="Rounds in all, more than it was begun with.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Compare with gradient boosting on the same flows.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    track: options.Track = None,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Go on with a stopped run from its last whole round, or add rounds to one.

    It ends with the same detector as had it never been stopped. With --rounds a run, stopped
    or finished, gets more rounds: the rounds done stay as they are, and the learning rate's
    cosine, as all that depends on the number of rounds, goes by the new total from here on.
    That is another detector than a run of so many rounds from the start has, so the result
    says it under `extended`.
    """
    from fednids.experiment.execution import resume as go_on
    from fednids.runs.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(folder)
    for reason in checkpoint.damaged:
        warn(f"a checkpoint is damaged ({reason}); going on after {checkpoint.server_round} rounds")
    config = checkpoint.config
    if rounds is not None:
        config = Config.resolve({**config.flat(), "federation.rounds": rounds})

    def run(observers: list[Observer]) -> ResultRecord:
        return go_on(folder, rounds=rounds, baselines=baselines, observers=observers)

    watch = Watch.of(track, log_file, verbose=verbose, as_json=as_json, quiet=quiet)
    result = watch.run(run, (checkpoint.kind, config, folder), resumed=True)
    if not (as_json or quiet):
        _show(result, folder)


def _arm(
    kind: str, config: Config, out: Path, watch: Watch, *, force: bool, baselines: bool = False
) -> None:
    """Run an arm and show its result."""
    from fednids.experiment.execution import execute

    def run(observers: list[Observer]) -> ResultRecord:
        return execute(kind, config, out, force=force, baselines=baselines, observers=observers)

    result = watch.run(run, (kind, config, out))
    if not (watch.as_json or watch.quiet):
        _show(result, out)


def _show(result: ResultRecord, out: Path) -> None:
    data, seconds = result.data, result.seconds
    say("")
    show_result(result)
    if data.synthetic:
        say("The flows are synthetic: these numbers say nothing about real traffic.")
    say(
        f"{data.flows:,} flows, {result.model.parameters:,} weights, {seconds.total:.0f} s "
        f"(preparing {seconds.prepare:.1f}, compiling {seconds.compile:.1f}, training "
        f"{seconds.train:.1f}, evaluating {seconds.evaluate:.1f})"
    )
    say(f"written to {out}: result.json, rounds.jsonl, gateways.parquet, pictures, detector")
