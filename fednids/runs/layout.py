"""Names of what is in a run folder."""

from __future__ import annotations

from pathlib import Path

CONFIG = "config.toml"
RESULT = "result.json"
ROUNDS = "rounds.jsonl"
GATEWAYS = "gateways.parquet"
MODEL = "model.safetensors"
CHECKPOINT = "checkpoint"
KINDS = ("centralised", "local", "federated")
"""Arms, by the name that stands as ``kind`` in the result."""

ROWS = "gateways.jsonl"
"""In the folder of the checkpoints: the rows of `GATEWAYS` so far."""


def memories(out: Path) -> Path:
    """Say where the gateways of a simulated run keep what they remember."""
    return out / CHECKPOINT / "gateways"
