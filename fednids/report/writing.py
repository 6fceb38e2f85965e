"""Reports as files: rendered whole, written at once, never over another unless forced."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert as vlc
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fednids import __version__
from fednids.errors import RunError
from fednids.files import write_atomically
from fednids.report.figures.style import CLASS_COLOURS
from fednids.report.figures.vega import CHART_CONFIG
from fednids.report.page import Page
from fednids.runs.reader import read_run, run_folders

_TEMPLATES = "templates"
_VEGA_LITE = "6.4"


def write_page(folders: Sequence[Path], html: Path, *, force: bool = False) -> int:
    """Write one page about the runs in folders of runs or sweeps; return its number of bytes.

    Raises
    ------
    RunError
        A folder holds no run, or the file is there or cannot be written. Nothing has been
        written then.
    """
    check_target(html, force=force)
    runs = [read_run(folder) for folder in run_folders(folders)]
    if not runs:
        raise RunError("expected a folder with runs, got none; name the --out folder of a run")
    content = render_page(Page.of(runs)).encode()
    try:
        write_atomically(html, content)
    except OSError as error:
        raise RunError(
            f"expected to write {html}, got {error.strerror or error}; check the folder, its "
            "permissions and the free space"
        ) from None
    return len(content)


def check_target(html: Path, *, force: bool) -> None:
    """Check before any work that the file may be written.

    Raises
    ------
    RunError
        It is there already, is a folder, or has no folder to be in.
    """
    if html.is_dir():
        raise RunError(f"expected a file for --html, got the folder {html}; name a file in it")
    if not html.absolute().parent.is_dir():
        raise RunError(
            f"expected a file in a folder that is there, got --html {html}; make "
            f"{html.parent} first"
        )
    if html.exists() and not force:
        raise RunError(
            f"expected a new file for --html, got {html}, which is there; name another, or "
            "overwrite it with --force"
        )


def render_page(page: Page) -> str:
    """Return the page as HTML that needs nothing else.

    Whatever comes from files is escaped; a content security policy lets the page's own two
    scripts run and nothing be fetched.
    """
    environment = Environment(
        loader=PackageLoader("fednids.report", _TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    scripts = [library(), inlined(_text("report.js"))]
    return environment.get_template("page.html.j2").render(
        page=page,
        version=__version__,
        style=Markup(_text("report.css") + _colours()),
        scripts=[Markup(script) for script in scripts],
        allowed=Markup(" ".join(map(script_digest, scripts))),
        data=embedded({**page.data(), "config": CHART_CONFIG}),
    )


def embedded(data: dict[str, Any]) -> Markup:
    """Return JSON that ends no script element, whatever its texts hold."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


@functools.cache
def library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as a script of 0.9 MB; takes about 3 s once."""
    return inlined(vlc.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=_VEGA_LITE))


def inlined(script: str) -> str:
    """Return a script that is safe between ``<script>`` and ``</script>``."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3c", script, flags=re.IGNORECASE)


def script_digest(script: str) -> str:
    """Return what a content security policy calls a script that it lets run."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _colours() -> str:
    """The colours of classes and series, as `fednids.report.figures.vega.SERIES` names them."""
    pairs = (f"--c{k}: light-dark({a}, {b});" for k, (a, b) in enumerate(CLASS_COLOURS))
    return f":root {{ {' '.join(pairs)} }}\n"


def _text(name: str) -> str:
    return (files("fednids.report") / _TEMPLATES / name).read_text(encoding="utf-8")
