"""Finished run folders made of numbers: what comparing reads, and nothing that trains."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from whole_result import whole_result, whole_round

from fednids.config import Config
from fednids.metrics import ConfusionCounts, scores

NAMES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")


def gateway(right: int, wrong: int = 0) -> np.ndarray:
    """So many benign and DoS flows found each, and DoS flows taken for benign."""
    matrix = np.zeros((5, 5), np.int64)
    matrix[0, 0], matrix[2, 2], matrix[2, 0] = right, right, wrong
    return matrix


def write_run(
    folder: Path,
    gateways: Sequence[np.ndarray],
    settings: dict[str, object] | None = None,
    *,
    kind: str = "federated",
    result: dict[str, Any] | None = None,
    curve: Sequence[float] = (0.3, 0.6),
) -> Path:
    """Leave a run folder whose last round ended with these counts, one a gateway."""
    config = Config.resolve({"partition.gateways": len(gateways), **(settings or {})})
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(config.to_toml())
    rows = [
        {"round": number, "partition_id": k, "confusion": (matrix * (number == 2)).ravel().tolist()}
        for number in (1, 2)
        for k, matrix in enumerate(gateways)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "gateways.parquet")
    final = scores(ConfusionCounts(np.sum(gateways, axis=0)), NAMES).to_json()
    found = whole_result()
    found |= {"kind": kind, "seed": config.run.seed, "final": final, "final_novel": final}
    found["data"] |= {"flows": 900}
    found["partition"] |= {
        "scheme": config.partition.scheme, "gateways": len(gateways), "fingerprint": "plan-1",
    }  # fmt: skip
    found["rounds"] = [_round(n, f1) for n, f1 in enumerate(curve, start=1)]
    found["majority"] = {**final, "macro_f1": 0.2}
    for name, value in (result or {}).items():
        merged = value and isinstance(value, dict) and name in found
        found[name] = {**found[name], **value} if merged else value
    (folder / "result.json").write_text(json.dumps(found))
    return folder


def _round(number: int, macro_f1: float) -> dict[str, Any]:
    found = whole_round(number)
    found["test"]["macro_f1"] = macro_f1
    return {**found, "bytes_down": 600_000, "bytes_up": 400_000}
