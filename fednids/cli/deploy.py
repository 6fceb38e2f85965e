"""``fednids deploy``: a federation over real machines."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fednids.cli import options
from fednids.cli.progress import round_line
from fednids.cli.screen import EXIT_FAILED, WRITTEN, complain, print_json, say, show_result
from fednids.config import Config, parse_settings
from fednids.errors import ConfigError
from fednids.report.tables import SYNTHETIC

if TYPE_CHECKING:
    from fednids.deploy.running import RunEnd
    from fednids.runs.records import RoundRecord

app = typer.Typer(help="Run a federation over real machines.", no_args_is_help=True)


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the deployment.")]


@app.command(
    epilog="Example: fednids deploy init federation --server fl.example.org --gateways a,b,c"
)
def init(
    folder: Folder,
    server: Annotated[
        str, typer.Option("--server", help="Name or address by which gateways reach the server.")
    ],
    gateways: Annotated[str, typer.Option("--gateways", help="Names: a,b,c.")],
    port: Annotated[int, typer.Option("--port", help="TCP port of the server.")] = 9443,
    bind: Annotated[
        str | None,
        typer.Option("--bind", help="Address to listen on; all if --server is a host name."),
    ] = None,
    days: Annotated[
        int,
        typer.Option("--days", min=1, max=3650, help="Days for which the certificate is valid."),
    ] = 365,
    renew: Annotated[
        bool, typer.Option("--renew", help="Sign a new certificate for the server.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plain HTTP without keys; on loopback only.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Write keys, certificates, services and a page for the operator.

    In an existing folder, gateways are added or left out; keys are never overwritten.
    """
    from fednids.deploy.creating import create_deployment, default_bind
    from fednids.deploy.folder import Server

    names = [name.strip() for name in gateways.split(",")]
    reached = Server(server, port, bind or default_bind(server), insecure)
    made = create_deployment(folder, reached, names, renew=renew, days=days)
    if as_json:
        record = {
            "folder": str(made.deployment.path), "server": reached.address,
            "gateways": list(made.deployment.gateways), "new": list(made.new),
            "renewed": made.renewed,
        }  # fmt: skip
        print_json(record)
        return
    say(f"written to {folder}; new keys: {', '.join(made.new) or 'none'}")
    if insecure:
        say("INSECURE: plain HTTP and no keys, on this machine only")
    say(f"what to do with it stands in {folder / 'README.md'}")


@app.command(epilog="Example: fednids deploy server federation")
def server(folder: Folder, as_json: options.Json = False) -> None:
    """Run the server, on the machine that the folder names, until Ctrl-C."""
    from fednids.deploy.folder import open_deployment
    from fednids.deploy.server import run_server

    announce = _line_printer(as_json=as_json)
    with _until_stopped(announce):
        run_server(open_deployment(folder), announce)


@app.command(epilog="Example: fednids deploy gateway /etc/fednids/a a --data flows.csv.gz")
def gateway(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The gateway's folder, or the whole one.")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The gateway's name.")],
    data: Annotated[Path, typer.Option("--data", help="Its flow file.", metavar="FILE")],
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            min=0,
            help="Seconds to retry while the key is refused, as for 60 s after a kill.",
        ),
    ] = 75.0,
    cold: Annotated[
        bool, typer.Option("--cold", help="Keep no trainer: less memory, slower rounds.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run a gateway on the machine that has its flows, until Ctrl-C.

    The flows stay there. It runs what is installed there and nothing that the server sends.
    """
    from fednids.deploy.folder import open_gateway
    from fednids.deploy.gateway import attend

    announce = _line_printer(as_json=as_json)
    with _until_stopped(announce):
        attend(open_gateway(folder, name), data, announce, patience=wait, warm=not cold)


@app.command("run", epilog="Example: fednids deploy run federation --rounds 20 --out run")
def _run(
    folder: Folder,
    settings: options.Settings = None,
    out: Annotated[Path | None, typer.Option(help="Folder that the run is written to.")] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="OUT", help="Continue a stopped run.")
    ] = None,
    rounds: options.Rounds = None,
    strategy: options.Strategy = None,
    seed: options.Seed = None,
    config: options.File = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Start a run of all gateways and follow it, on the server's machine.

    The exit code is 0 only if the run finished; else it is 1, and the reason is printed.
    """
    from fednids.deploy.folder import open_deployment
    from fednids.deploy.running import deployed_config, run_deployed, stopped_config

    given = options.given(None, settings, rounds=rounds, strategy=strategy, seed=seed)
    if (out is None) == (resume is None) or (resume and (given or config)):
        raise ConfigError(
            "expected --out FOLDER for a new run, or --resume FOLDER without settings, got both "
            "or neither; see `fednids deploy run --help`"
        )
    deployment = open_deployment(folder)
    place = resume or out
    assert place is not None
    resolved = stopped_config(resume) if resume else deployed_config(deployment, given, config)
    on_round = _round_printer(resolved.federation.rounds, shown=not (as_json or quiet))
    end = run_deployed(
        deployment, resolved, place, on_round, force=force, resume=resume is not None
    )
    _finish(end, place, as_json=as_json, quiet=quiet)


@app.command(epilog="Example: fednids deploy status federation")
def status(folder: Folder, as_json: options.Json = False) -> None:
    """Show server, certificate, gateways and the last runs.

    The exit code is 1 if the server does not respond.
    """
    from fednids.deploy.folder import open_deployment
    from fednids.deploy.status import look_at

    found = look_at(open_deployment(folder))
    if as_json:
        print_json(found.to_json())
    else:
        say(f"server {found.address}: {'up' if found.up else 'no answer'}")
        if found.certificate_days is not None:
            say(f"certificate: good for {found.certificate_days:.0f} days")
        for name, state in found.gateways.items():
            say(f"gateway {name}: {state}")
        for each in found.runs:
            say(f"run {each.run_id}: {each.status} {each.details}".rstrip())
    if not found.up:
        raise typer.Exit(EXIT_FAILED)


@app.command(epilog="Example: fednids deploy demo --gateways 3")
def demo(
    settings: options.Settings = None,
    gateways: Annotated[int, typer.Option(min=1, max=20, help="Number of gateways.")] = 3,
    data: options.Data = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Number of rounds.")] = 3,
    seed: options.Seed = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="DIR", help="Keep the deployment and the run in a new folder."
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run server and gateways as processes on this machine.

    It is a complete deployment, over TLS and with keys, which ends with the run. Flows are
    dealt to files, one a gateway; without --data they are synthetic, 2,000 a gateway.
    """
    from fednids.deploy.demo import demonstrate
    from fednids.runs.folder import prepare_folder

    given = parse_settings(settings or [])
    flows = {} if data or "data.flows" in given else {"data.flows": 2000 * gateways}
    dealt = Config.resolve(
        {**flows, **given, **options.name_flags(data=data, seed=seed, gateways=gateways)}
    )
    mine = {k: v for k, v in given.items() if not k.startswith("partition.") and k != "data.flows"}
    mine |= {k: str(v) for k, v in options.name_flags(rounds=rounds, seed=seed).items()}
    if keep:
        prepare_folder(keep, force=False)
    on_round = _round_printer(rounds, shown=not (as_json or quiet))
    with nullcontext(str(keep)) if keep else tempfile.TemporaryDirectory() as place:
        end = demonstrate(Path(place).resolve(), dealt, mine, on_round)
    _finish(end, keep / "run" if keep else None, as_json=as_json, quiet=quiet)
    if not (as_json or quiet) and not data:
        say(SYNTHETIC)


def _round_printer(rounds: int, *, shown: bool) -> Callable[[RoundRecord], None]:
    return lambda ended: say(round_line(ended, rounds)) if shown else None


def _finish(end: RunEnd, out: Path | None, *, as_json: bool, quiet: bool) -> None:
    """Show how a run ended; exit with 1 where it failed."""
    if end.result is None:
        if as_json:
            print_json({"run_id": end.run_id, "failed": end.reason})
        complain(f"run {end.run_id} failed: {end.reason}")
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        print_json(end.result.to_json())
    elif not quiet:
        show_result(end.result)
        if out:
            say(WRITTEN.format(out))


@contextmanager
def _until_stopped(announce: Callable[[str], None]) -> Iterator[None]:
    """End with 0 after a Ctrl-C or SIGTERM, which is how a service ends as it should."""
    try:
        yield
    except KeyboardInterrupt:
        announce("stopped")


def _line_printer(*, as_json: bool) -> Callable[[str], None]:
    return lambda line: print_json({"says": line}) if as_json else say(line)
