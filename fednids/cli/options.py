"""Flags that several commands share, and how they become settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fednids.config import Config, parse_settings, read_settings
from fednids.errors import ConfigError

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="Flow file: CSV, CSV.gz, zip or Parquet; or a folder with one for each gateway.",
        metavar="PATH",
    ),
]
StudyOut = Annotated[Path | None, typer.Option("--out", help="Folder, new or to continue.")]
Out = Annotated[Path, typer.Option("--out", help="Folder that the run is written to.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing run.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of all random numbers.")]
Gateways = Annotated[int | None, typer.Option("--gateways", help="Number of gateways.")]
Dataset = Annotated[
    str, typer.Option("--dataset", help="Name of the data set; auto: that of the file.")
]
Scheme = Annotated[str | None, typer.Option("--scheme", help="How flows are dealt to gateways.")]
Alpha = Annotated[float | None, typer.Option("--alpha", help="Skew; small values are strong skew.")]
Rounds = Annotated[int | None, typer.Option("--rounds", help="Number of rounds.")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="How updates are aggregated.")]
Engine = Annotated[str | None, typer.Option("--engine", help="Where simulated gateways train.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Worker processes.")]
Processes = Annotated[int, typer.Option("--workers", help="Runs at once; 0 for one a processor.")]
File = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Settings = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SECTION.KEY=VALUE]...", help="Any setting; see `fednids config`."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        help="Also write rounds to csv, tensorboard or mlflow; may be given several times.",
        metavar="NAME[=TARGET]",
    ),
]
LogFile = Annotated[Path | None, typer.Option("--log-file", help="Append the log to this file.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the log, with a line for every gateway.")
]

_FLAGS = {
    "data": "data.path",
    "seed": "run.seed",
    "gateways": "partition.gateways",
    "scheme": "partition.scheme",
    "alpha": "partition.alpha",
    "rounds": "federation.rounds",
    "strategy": "strategy.name",
    "engine": "run.engine",
    "workers": "run.workers",
}


def resolve(file: Path | None, settings: list[str] | None, **flags: str | float | None) -> Config:
    """Return the settings of a TOML file, arguments ``section.key=value`` and flags; flags win.

    Flags are by name, None where one was not given.
    """
    return Config.resolve(given(file, settings, **flags))


def given(
    file: Path | None, settings: list[str] | None, **flags: str | float | None
) -> dict[str, object]:
    """Return what was given, by ``section.key``, as `resolve` reads it."""
    return {
        **(read_settings(file) if file else {}),
        **parse_settings(settings or []),
        **name_flags(**flags),
    }


def name_flags(**flags: str | float | None) -> dict[str, object]:
    """Return the flags that were given, by ``section.key``."""
    return {_FLAGS[name]: value for name, value in flags.items() if value is not None}


def read_seeds(text: str) -> tuple[int, ...]:
    """Read ``1,2,3``.

    Raises
    ------
    ConfigError
        It is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(f"expected --seeds as numbers like 1,2,3, got {text!r}; correct it")
    return tuple(map(int, parts))
