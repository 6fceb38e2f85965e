"""Names of what is in a run folder."""

from __future__ import annotations

from pathlib import Path

CONFIG = "config.toml"
RESULT = "result.json"
ROUNDS = "rounds.jsonl"
GATEWAYS = "gateways.parquet"
FINAL_COUNTS = "final_confusion"
"""Column of `GATEWAYS`, in the rows of the last round: counts of the detector that the run ends
with, where it is not that of the round."""

MODEL = "model.safetensors"
MODELS = "models"
"""Folder of the gateways' own detectors, where each has one."""

SCORES = "scores.json"
"""Histograms of the scores that the run ended with."""

KIND = "arm.txt"
"""In the folder of the checkpoints: the arm, for those who read a run that has not ended."""

STUDY = "study.toml"
"""In the folder of a sweep, whose runs lie in ``runs``."""

CHECKPOINT = "checkpoint"
KINDS = ("centralised", "local", "federated")
"""Arms, by the name that stands as ``kind`` in the result."""

ROWS = "gateways.jsonl"
"""In the folder of the checkpoints: the rows of `GATEWAYS` so far."""


def memories(out: Path) -> Path:
    """Return where the clients of a simulated run keep what they remember."""
    return out / CHECKPOINT / "gateways"
