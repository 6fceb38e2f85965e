"""The commands of fednids, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click
import typer

from fednids import __version__
from fednids.cli import (
    arms,
    compare,
    configuration,
    cross,
    data,
    deploy,
    partition,
    report,
    reproduce,
    sweep,
    tune,
)
from fednids.cli.plugins import with_plugins
from fednids.cli.screen import complain
from fednids.errors import FednidsError, InterruptedRunError

EXIT_INTERRUPTED = 130
EXIT_USER_ERROR = 2

app = typer.Typer(
    name="fednids",
    help="Train one intrusion detector over many IoT gateways that keep their flows.",
    epilog="Start with: fednids simulate --out run",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name, _command, _example in (
    ("simulate", arms.simulate, "--data flows.csv.gz --gateways 20 --out run"),
    ("centralised", arms.train_centralised, "--data flows.csv.gz --out base"),
    ("local", arms.train_local, "--gateways 5 --out alone"),
    ("resume", arms.resume_run, "run"),
    ("evaluate", arms.evaluate_detector, "--model run --data other.csv.gz"),
    ("sweep", sweep.sweep, "quick --out study"),
    ("tune", tune.tune, "search.toml --data flows.csv.gz --out search"),
    ("compare", compare.compare, "--strategies fedavg,krum,rfa --out contest"),
    (
        "partition", partition.partition,
        "--data flows.csv.gz --scheme dirichlet --alpha 0.1 --gateways 20 --out plan",
    ),
    ("cross", cross.cross, "alone run --out matrix"),
    ("report", report.report, "run --html run.html"),
    ("reproduce", reproduce.reproduce, "--data flows.csv.gz --out paper"),
    ("config", configuration.show_settings, "train.epochs=2 --toml > settings.toml"),
    ("doctor", configuration.doctor, ""),
):  # fmt: skip
    app.command(_name, epilog=f"Example: fednids {_name} {_example}".rstrip())(_command)
app.add_typer(data.app, name="data")
app.add_typer(deploy.app, name="deploy")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fednids {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    del version


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 2 user error in one line, 130 interrupted."""
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(arguments))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Take SIGTERM as a Ctrl-C: MindSpore, in a graph, makes a SIGTERM of every SIGINT."""
    raise KeyboardInterrupt


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    command = with_plugins(typer.main.get_command(app))
    try:
        code = command.main(
            list(arguments) if arguments is not None else None,
            prog_name="fednids", standalone_mode=False,
        )  # fmt: skip
    except InterruptedRunError as error:
        complain(str(error))
        return EXIT_INTERRUPTED
    except FednidsError as error:
        complain(str(error))
        return EXIT_USER_ERROR
    except click.ClickException as error:
        complain(" ".join(error.format_message().split()))
        return EXIT_USER_ERROR
    except (KeyboardInterrupt, click.Abort):
        complain("stopped; nothing was left half-written")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0
