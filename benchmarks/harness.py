"""What all benchmarks share: the machine, medians with spread, one JSON object."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

PACKAGES = ("fednids", "flwr", "mindspore", "numpy", "pyarrow", "scikit-learn")


def machine() -> dict[str, Any]:
    """Describe where and with what was measured."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processors": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in PACKAGES},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Give least, median and most."""
    return {"least": min(values), "median": statistics.median(values), "most": max(values)}


def seconds(action: Callable[[], object], repeats: int) -> list[float]:
    """Time an action several times."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return taken


def in_turn(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int
) -> dict[str, Any]:
    """Time two actions in turn; ``ratio`` is the median of theirs ÷ ours, pair by pair."""
    pairs = [(seconds(ours, 1)[0], seconds(theirs, 1)[0]) for _ in range(repeats)]
    return {
        "ours": spread([pair[0] for pair in pairs]),
        "theirs": spread([pair[1] for pair in pairs]),
        "ratio": statistics.median([theirs / ours for ours, theirs in pairs]),
    }


def show(name: str, found: dict[str, Any]) -> None:
    """Print the one JSON object."""
    print(json.dumps({"benchmark": name, "machine": machine(), **found}, indent=2))


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
        return names[0]
    except (OSError, IndexError):
        return platform.machine()
