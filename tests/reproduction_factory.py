"""Measured rows for tests of the table, made and not run."""

from __future__ import annotations

from pathlib import Path

from fednids.studies.reproduce.folder import Plan, ReproductionFolder
from fednids.studies.reproduce.measured import Measured, Rates


def rates(score: float) -> Rates:
    """Give rates that are all alike but for false alarms."""
    names = ("accuracy", "macro_f1", "balanced_accuracy", "precision", "recall", "f1")
    return Rates(**dict.fromkeys(names, score), false_alarm_rate=1 - score)


def measured(score: float, **changes: object) -> Measured:
    """Give a row with this score on all flows and half of it on novel ones."""
    values = {
        "all": rates(score),
        "novel": rates(score / 2),
        "majority": rates(0.2),
        "flows": 1000,
        "test_flows": 200,
        "seconds": 3.0,
        "parameters": 100,
        "published_parameters": 120,
        "losses": (0.5, 0.25),
        "synthetic": True,
    }
    return Measured.model_validate({**values, **changes})


def filled(path: Path, rows: dict[str, list[float]], **plan: object) -> ReproductionFolder:
    """Make a folder with rows, a score for each seed from 1."""
    folder = ReproductionFolder(path)
    most = max(map(len, rows.values()))
    with folder.opened(Plan.model_validate({"seeds": tuple(range(1, most + 1)), **plan})):
        for name, scores in rows.items():
            for seed, score in enumerate(scores, start=1):
                folder.keep(name, seed, measured(score))
    return folder
