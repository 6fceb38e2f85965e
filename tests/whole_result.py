"""A whole result made of numbers, valid against the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fednids.config import Config
from fednids.metrics import ConfusionCounts, scores
from fednids.runs.records import SCHEMA_VERSION
from partitions import measure_skew

NAMES = ("Benign", "Attack")


def whole_round(number: int) -> dict[str, Any]:
    """A line of ``rounds.jsonl``."""
    rates = {"accuracy": 0.5, "balanced_accuracy": 0.5, "macro_f1": None, "false_alarm_rate": 0.1}
    return {
        "round": number,
        "loss": 1.0 / number,
        "train": {"loss": 1.0 / number, "examples": 60, "steps": 3},
        "test": {"loss": 0.7, **rates, "novel": rates},
        "participants": [0, 1],
        "failures": [{"partition": 2, "stage": "train", "reason": "no answer"}],
        "seconds": 1.5,
        "bytes_down": 100,
        "bytes_up": 200,
    }


def rows(number: int) -> list[dict[str, Any]]:
    """Rows of two gateways in a round."""
    counts = [3, 1, 0, 4 + number]
    return [
        {
            "round": number, "partition_id": k, "participated": True, "examples": 30, "loss": None,
            "seconds": 0.5, "test_examples": sum(counts), "test_loss": 0.7, "confusion": counts,
        }
        for k in (0, 1)
    ]  # fmt: skip


def whole_result(rounds: int = 2) -> dict[str, Any]:
    """A ``result.json``."""
    counts = ConfusionCounts(np.array([[6, 2], [0, 12]]))
    found = json.loads(json.dumps(scores(counts, NAMES).to_json()))
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "federated",
        "judged": "global",
        "data": {
            "path": "flows.csv", "sha256": "ab" * 32, "flows": 100, "synthetic": False,
            "train_flows": 80, "test_flows": 20, "novel_flows": 5, "features": 39,
        },
        "seed": 1,
        "versions": {"fednids": "0.1.0"},
        "settings": Config().flat(),
        "model": {"parameters": 10, "bytes": 40},
        "partition": {
            "scheme": "iid", "gateways": 2, "fingerprint": "plan",
            "skew": measure_skew(np.array([[30, 20], [10, 40]])).to_json(),
        },
        "rounds": [whole_round(n) for n in range(1, rounds + 1)],
        "final": found,
        "final_novel": found,
        "majority": found,
        "majority_novel": found,
        "seconds": {"prepare": 0.1, "compile": 0.1, "train": 1, "evaluate": 1.0, "total": 3.0},
    }  # fmt: skip


def write_whole(folder: Path, result: dict[str, Any] | None = None) -> Path:
    """Leave the folder of such a run, but for its detector."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(Config().to_toml())
    pq.write_table(pa.Table.from_pylist(rows(1) + rows(2)), folder / "gateways.parquet")
    (folder / "result.json").write_text(json.dumps(result or whole_result()))
    return folder
