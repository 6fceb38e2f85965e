"""``fednids report``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from fednids.cli import options
from fednids.cli.screen import print_json, say
from fednids.errors import SetupError

_NEEDED = ("jinja2", "vl_convert")


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of runs or sweeps.")
    ],
    html: Annotated[Path, typer.Option("--html", help="File to write.", metavar="FILE")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write one interactive page about one or more runs.

    The page is one HTML file that needs no network. Of a run that stopped early it shows the
    rounds that are there.
    """
    _check_packages()
    from fednids.report.writing import write_page

    size = write_page(folders, html, force=force)
    if as_json:
        print_json({"html": str(html), "bytes": size})
    elif not quiet:
        say(f"written to {html}: {size / 1e6:.1f} MB, no network needed")


def _check_packages() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(
            f"expected the packages of fednids[report], got none called {', '.join(missing)}; "
            "install them with pip install 'fednids[report]'"
        )
