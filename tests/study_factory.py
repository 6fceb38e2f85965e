"""Small studies, and finished runs made of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from runs_factory import SMALL

from fednids.studies.report import Row
from fednids.studies.statistics import RUN_METRICS
from fednids.studies.study import Study, StudyCell, expand, read_study

TINY = {**SMALL, "data.flows": 600, "federation.rounds": 1}

STUDY = """
title = "A small study"
arms = ["centralised", "local", "federated"]
seeds = [1, 2]

[settings]
data.flows = 600
"partition.gateways" = 3

[grid]
partition.alpha = [0.1, 1.0]
strategy.name = ["fedavg", "fedprox"]

[report]
compare = "strategy.name"
"""


def study(folder: Path, text: str = STUDY) -> Study:
    file = folder / "given.toml"
    file.write_text(text)
    return read_study(str(file))


def tiny_study(**changes: object) -> Study:
    """One federation of three gateways, and what is changed of it."""
    given = {"title": "tiny", "arms": ["federated"], "seeds": [1], "settings": TINY}
    return Study.model_validate({**given, "report": {"cross": False}, **changes})


def rows_of(given: Study, macro_f1: Mapping[str, float]) -> list[Row]:
    """Give a row a cell, its macro-F1 by words that its label must have; none is no result."""
    return [_row(cell, macro_f1) for cell in expand(given)]


def _row(cell: StudyCell, macro_f1: Mapping[str, float]) -> Row:
    words = set(cell.label.split())
    found = [score for name, score in macro_f1.items() if set(name.split()) <= words]
    metrics = dict.fromkeys(RUN_METRICS, math.nan) | {"macro_f1": found[0]} if found else {}
    alpha = dict(cell.place).get("partition.alpha", 1.0)
    return Row(cell, {"jensen_shannon": 0.1 / float(alpha)}, metrics)
