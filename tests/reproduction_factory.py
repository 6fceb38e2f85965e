"""Results of rows for tests of the table, made and not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finished_factory import NAMES, gateway, write_run
from whole_result import whole_result

from fednids.metrics import ConfusionCounts, scores
from fednids.studies.engine import FITTED, StudyFolder
from fednids.studies.reproduce import PLAN, ReproductionPlan
from fednids.studies.study import StudyRun

ARMS = ("centralised", "local", "federated")


def rates(score: float) -> dict[str, Any]:
    """Give scores that are all alike but for false alarms."""
    found = scores(ConfusionCounts(gateway(3)), NAMES).to_json()
    found |= dict.fromkeys(("accuracy", "macro_f1", "balanced_accuracy"), score)
    found["binary"] |= dict.fromkeys(("precision", "recall", "f1"), score)
    return {**found, "false_alarm_rate": 1 - score}


def keep(folder: StudyFolder, run: StudyRun, score: float) -> None:
    """Leave a result with this score on all flows and half of it on novel ones."""
    scored = {"final": rates(score), "final_novel": rates(score / 2), "majority": rates(0.2)}
    sizes = {"parameters": 100, "published_parameters": 120}
    if run.arm in ARMS:
        whole = whole_result()
        for entry, loss in zip(whole["rounds"], (0.5, 0.25), strict=True):
            entry["train"]["loss"] = loss
        result = {
            **scored, "rounds": whole["rounds"], "model": {**whole["model"], **sizes},
            "seconds": {"train": 3.0},
            "data": {"flows": 1000, "test_flows": 200, "synthetic": True},
        }  # fmt: skip
        settings = {"run.seed": run.config.run.seed}
        write_run(folder.run(run), [gateway(3)], settings, kind=run.arm, result=result)
        return
    folder.run(run).mkdir(parents=True)
    fitted = {
        **scored, **sizes, "flows": 1000, "test_flows": 200, "synthetic": True, "seconds": 3.0,
        "losses": [0.5, 0.25],
    }  # fmt: skip
    (folder.run(run) / FITTED).write_text(json.dumps(fitted))


def filled(
    path: Path, rows: dict[str, list[float]], **plan: object
) -> tuple[StudyFolder, ReproductionPlan]:
    """Make a folder with rows, a score for each seed from 1."""
    folder = StudyFolder(path)
    most = max(map(len, rows.values()))
    given = ReproductionPlan.model_validate({"seeds": tuple(range(1, most + 1)), **plan})
    with folder.opened(PLAN, given.model_dump_json()):
        for name, found in rows.items():
            for seed, score in enumerate(found, start=1):
                keep(folder, given.run(name, seed), score)
    return folder, given
