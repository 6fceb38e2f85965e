"""Table, text, pictures and page of a reproduction as files."""

from __future__ import annotations

import base64
import importlib.util
import json

from fednids.files import write_atomically
from fednids.report.figures.scores import losses_of_rows, macro_f1_of_rows
from fednids.report.figures.style import save
from fednids.studies.reproduce.findings import findings
from fednids.studies.reproduce.folder import PAGE, TABLE, TEXT, ReproductionFolder
from fednids.studies.reproduce.published import PAPER_LOSSES
from fednids.studies.reproduce.rows import PARTS, ROWS
from fednids.studies.reproduce.table import Table
from fednids.studies.reproduce.text import LOSSES_OF, cells_of, chart_rows, render, titles_of

FIGURES = {
    "scores.png": "Macro-F1 of every row, each seed a dot.",
    "losses.png": "Training loss of the paper's network over epochs, beside the paper's.",
}
"""Pictures, and what they show for those who cannot see them."""


def write_table(table: Table, folder: ReproductionFolder) -> None:
    """Write ``reproduce.json``, ``reproduce.md``, the pictures and, if it can, the page."""
    if not table.rows:
        return
    save(macro_f1_of_rows(chart_rows(table)), folder.path / "scores.png")
    curves = {
        ROWS[name].title: table.losses(name)
        for name in LOSSES_OF
        if name in table.rows and f"{name}-long" not in table.rows
    }
    save(losses_of_rows(curves, PAPER_LOSSES), folder.path / "losses.png")
    content = {**table.to_json(), "findings": findings(table)}
    write_atomically(folder.path / TABLE, json.dumps(content, indent=1).encode() + b"\n")
    write_atomically(folder.path / TEXT, render(table, list(FIGURES)).encode())
    if can_write_page():
        write_atomically(folder.path / PAGE, _page(table, folder).encode())


def can_write_page() -> bool:
    """Whether Jinja2 is there, which comes with the extra ``report``."""
    return importlib.util.find_spec("jinja2") is not None


def _page(table: Table, folder: ReproductionFolder) -> str:
    """Give the page as HTML that needs nothing else."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fednids.studies.reproduce", "."),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    sections = []
    for part, heading in PARTS.items():
        names = [name for name in table.rows if ROWS[name].part == part]
        rows = [cells_of(table, part, name) for name in names]
        if rows:
            sections.append({"heading": heading, "titles": titles_of(part), "rows": rows})
    figures = [
        {"alt": alt, "data": base64.b64encode((folder.path / name).read_bytes()).decode()}
        for name, alt in FIGURES.items()
    ]
    return environment.get_template("page.html.j2").render(
        plan=table.plan, findings=findings(table), sections=sections, figures=figures,
        synthetic=table.synthetic, source=table.plan.data.rpartition("/")[2],
    )  # fmt: skip
