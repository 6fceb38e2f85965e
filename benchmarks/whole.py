"""Whole commands in processes of their own, and the JSON object that each prints last."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.runners import environment, ours


def run(command: Sequence[str]) -> dict[str, Any]:
    """Run a command; give its object, and under ``whole_seconds`` how long it took in all.

    The time to compute the final loss, where there is one, does not count.
    """
    started = time.perf_counter()
    done = subprocess.run(
        list(command), capture_output=True, text=True, env=environment(), check=False
    )
    taken = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"expected {command} to succeed, got {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**found, "whole_seconds": taken - found.get("loss_seconds", 0.0)}


def toy(**settings: object) -> dict[str, Any]:
    """Run one federation of the toy fleet."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    return run(ours("benchmarks.toy_run", *flags))
