"""``fednids simulate``, ``centralised``, ``local``, ``resume`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from fednids.cli import options
from fednids.cli.logs import logging_to
from fednids.cli.progress import RoundProgress
from fednids.cli.screen import WRITTEN, print_json, say, show_result, show_scoring, warn
from fednids.config import Config, DataConfig
from fednids.report.tables import SYNTHETIC
from fednids.runs.callbacks import RunStart, open_tracking, tracked
from fednids.runs.records import ResultRecord
from fednids.runs.rounds import Observer

_Baselines = Annotated[
    bool, typer.Option("--baselines", help="Compare with gradient boosting on the same flows.")
]


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
    """Simulate a federation of gateways on this machine.

    Flows are partitioned over the gateways; in each round the gateways train and a Flower
    server averages their weights. Without --data the flows are synthetic.
    """
    resolved = options.resolve(
        config, settings, data=data, gateways=gateways, scheme=scheme, alpha=alpha,
        rounds=rounds, strategy=strategy, engine=engine, workers=workers, seed=seed,
    )  # fmt: skip
    output = _Output(as_json, quiet, track, log_file, verbose)
    _execute("federated", resolved, out, output, force=force)


def train_centralised(
    out: options.Out,
    settings: options.Settings = None,
    data: options.Data = None,
    rounds: options.Rounds = None,
    seed: options.Seed = None,
    config: options.File = None,
    baselines: _Baselines = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    track: options.Track = None,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Train one detector on all flows in one place.

    It is the baseline of the other arms. A round is `train.epochs` passes over all training
    flows.
    """
    resolved = options.resolve(config, settings, data=data, rounds=rounds, seed=seed)
    output = _Output(as_json, quiet, track, log_file, verbose)
    _execute("centralised", resolved, out, output, force=force, baselines=baselines)


def train_local(
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
    """Train a detector at every gateway alone.

    Nothing is shared: each detector is trained on the gateway's own flows. Every test flow is
    judged by the detector of the gateway that it belongs to.
    """
    resolved = options.resolve(
        config, settings, data=data, gateways=gateways, scheme=scheme, alpha=alpha,
        rounds=rounds, seed=seed,
    )  # fmt: skip
    output = _Output(as_json, quiet, track, log_file, verbose)
    _execute("local", resolved, out, output, force=force)


def resume_run(
    folder: Annotated[Path, typer.Argument(help="Folder of a run that was stopped.")],
    rounds: Annotated[int | None, typer.Option(help="Rounds in all, more than before.")] = None,
    baselines: _Baselines = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    track: options.Track = None,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Continue a stopped run, or extend one by more rounds.

    A stopped run continues after its last complete round and ends with the same detector as
    an uninterrupted one. With --rounds a run, stopped or finished, gets more rounds: the
    rounds done stay as they are, and what depends on the number of rounds, as the cosine
    schedule of the learning rate, follows the new total from here on. The detector differs
    from that of a run with so many rounds from the start, so the result records it under
    `extended`.
    """
    from fednids.experiment.execution import resume
    from fednids.runs.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(folder)
    for reason in checkpoint.damaged:
        warn(f"a checkpoint is damaged ({reason}); going on after {checkpoint.server_round} rounds")
    config = checkpoint.config
    if rounds is not None:
        config = Config.resolve({**config.flat(), "federation.rounds": rounds})
    _follow(
        lambda observers: resume(folder, rounds=rounds, baselines=baselines, observers=observers),
        RunStart(folder, checkpoint.kind, config),
        _Output(as_json, quiet, track, log_file, verbose),
        resumed=True,
    )


def evaluate_detector(
    model: Annotated[Path, typer.Option(help="Folder of a finished run, or a model file.")],
    data: Annotated[
        str, typer.Option("--data", help="Flow file: CSV, CSV.gz, zip or Parquet.", metavar="PATH")
    ],
    as_json: options.Json = False,
) -> None:
    """Evaluate a saved detector on other flows.

    All flows of the file are test flows.
    """
    from fednids.experiment.scoring import find_detector, score_flows
    from fednids.flows.source import load_flows

    detector = find_detector(model)
    flows = load_flows(DataConfig.model_validate({"path": data, "features": detector.columns}), 0)
    scoring = score_flows(detector, flows)
    if as_json:
        record = {"model": str(model), "data": data, "flows": scoring.flows}
        record["trained_on_synthetic"] = detector.synthetic
        print_json({**record, **scoring.to_json()})
    else:
        say(f"{scoring.flows:,} flows of {data}, scored by {model}")
        if detector.synthetic:
            warn("this detector was trained on synthetic flows; it knows no real traffic")
        if scoring.detector.classes != list(detector.classes):
            say("Some attacks have names that the detector has not: scored against benign alone.")
        show_scoring(scoring)


@dataclass(frozen=True)
class _Output:
    """Flags of what a run prints, and of what it writes outside of its folder."""

    as_json: bool
    quiet: bool
    track: list[str] | None
    log_file: Path | None
    verbose: bool


def _execute(
    kind: str, config: Config, out: Path, output: _Output, *, force: bool, baselines: bool = False
) -> None:
    from fednids.experiment.execution import execute

    _follow(
        lambda observers: execute(
            kind, config, out, force=force, baselines=baselines, observers=observers
        ),
        RunStart(out, kind, config),
        output,
    )


def _follow(
    run: Callable[[list[Observer]], ResultRecord],
    start: RunStart,
    output: _Output,
    *,
    resumed: bool = False,
) -> None:
    """Run with log, sinks and progress, all opened before it begins; then show the result."""
    silent, new = output.quiet or output.as_json, None if resumed else start.path
    with logging_to(output.log_file, verbose=output.verbose, quiet=output.quiet, new=new):
        progress = None if silent else RoundProgress(start.config.federation.rounds)
        shown = [progress] if progress else []
        tracking = open_tracking(tuple(output.track or ()), start, shown, resumed=resumed)
        with progress.showing() if progress else nullcontext(), tracked(tracking):
            result = run([tracking])
            tracking.finish(result)
    if output.as_json:
        print_json(result.to_json())
    elif not output.quiet:
        _show(result, start.path)


def _show(result: ResultRecord, out: Path) -> None:
    data, seconds = result.data, result.seconds
    say("")
    show_result(result)
    if data.synthetic:
        say(SYNTHETIC)
    served = result.kind == "federated"
    strategy = f"strategy {result.settings['strategy.name']}, " if served else ""
    if found := result.recalibration:
        what = "biases" if found.kind == "bias" else "head"
        strategy += f"{what} fitted again after the last round ({found.exchanges} exchanges), "
    say(
        f"{strategy}{data.flows:,} flows, {result.model.parameters:,} weights, "
        f"{seconds.total:.0f} s (preparing {seconds.prepare:.1f}, compiling "
        f"{seconds.compile:.1f}, training {seconds.train:.1f}, evaluating {seconds.evaluate:.1f})"
    )
    say(WRITTEN.format(out))
