"""Windows trained per second, against PyTorch 2.13, in turn in one run.

``python -m benchmarks.train_step [--repeats 7] [--batches 32,128,512,2048]``

Every variant runs in two placements where it has two, one process on all processors and one
process bound to each, and counts with the better. The network is the toy fleet's: windows
(10, 8), convolution 8 to 32 with kernel 3, pool 2, BiLSTM of 64, last step, 5 classes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import show, spread
from benchmarks.ours_steps import CHUNK, trainer_of
from benchmarks.peers.environments import python_of
from benchmarks.runners import Placement, ours, theirs
from benchmarks.toy import NETWORK
from fednids.config import Config

STACK, GATEWAY = 16, 1000

_KEPT = ("--keep-memory",)
TORCH = (("plain", ()), ("plain", _KEPT), ("pruned", ()), ("pruned", _KEPT), ("compiled", _KEPT))
"""Variants of PyTorch, with memory given back after each step as is usual, and kept."""


@dataclass(frozen=True)
class Variant:
    """One way to train: its name, its command, its placements, and units in a block."""

    name: str
    command: list[str]
    placements: Sequence[Sequence[int | None]]
    units: int
    windows: int
    """Windows that a unit trains."""


def write_data(folder: Path) -> None:
    """Write windows and both readouts' weights for PyTorch."""
    rng = np.random.default_rng(1)
    for readout in ("last", "states"):
        config = Config.resolve({**NETWORK, "model.readout": readout})
        architecture = trainer_of(config, 8, 10, 1).architecture
        parts = architecture.layout.unpack(architecture.initial_weights(rng))
        windows = rng.standard_normal((16_384, 10, 8)).astype(np.float32)
        labels = rng.integers(5, size=len(windows))
        np.savez(folder / f"{readout}.npz", windows=windows, labels=labels, **parts)


def variants(batch: int, folder: Path, processors: Sequence[int]) -> Iterator[Variant]:
    """Give all variants of a batch size."""
    torch, every = python_of("torch"), len(processors)
    bound, both = [*processors], [[None], [*processors]]
    units = 4 * CHUNK if batch <= 128 else CHUNK
    for readout in ("last", "states"):
        command = ours("benchmarks.ours_steps", "--batch", batch, "--readout", readout)
        yield Variant(f"ours_{readout}", command, [bound], units, batch)
        for name, keep in TORCH[: len(TORCH) if readout == "last" else 1]:
            for placement in both:
                command = theirs(
                    torch, "torch_steps.py", "--data", folder / f"{readout}.npz",
                    "--variant", name, "--readout", readout, "--batch", batch,
                    "--threads", every if placement == [None] else 1, *keep,
                )  # fmt: skip
                called = f"torch_{name}_{readout}{'_kept' if keep else ''}"
                yield Variant(called, command, [placement], units, batch)
    if batch <= 64:
        command = ours("benchmarks.ours_steps", "--batch", batch, "--members", STACK)
        yield Variant("ours_gateways", command, [bound], STACK, GATEWAY)
        command = theirs(
            torch, "torch_steps.py", "--data", folder / "last.npz", "--gateways",
            "--batch", batch, "--threads", 1,
        )  # fmt: skip
        yield Variant("torch_gateways", command, [bound], STACK, GATEWAY)


def measure(batch: int, folder: Path, repeats: int) -> dict[str, Any]:
    """Run all variants of a batch size in turn; keep the better placement of each."""
    processors = sorted(os.sched_getaffinity(0))
    rates: dict[str, dict[int, list[float]]] = {}
    with ExitStack() as stack:
        running = []
        for variant in variants(batch, folder, processors):
            for processors_ in variant.placements:
                placement = Placement(variant.command, processors_)
                stack.callback(placement.close)
                if placement.first_lines[0] == "ready":
                    running.append((variant, placement))
        for _ in range(repeats):
            for place, (variant, placement) in enumerate(running):
                rate = placement.rate(variant.units) * variant.windows
                rates.setdefault(variant.name, {}).setdefault(place, []).append(rate)
    best = {name: max(found.values(), key=statistics.median) for name, found in rates.items()}
    return {"windows_per_second": {name: spread(found) for name, found in best.items()}} | ratios(
        best, batch
    )


def ratios(best: dict[str, list[float]], batch: int) -> dict[str, float]:
    """Divide our windows per second by theirs, pair by pair; the median."""
    pairs = {
        "eager": ("ours_last", "torch_plain_last"),
        "eager_kept": ("ours_last", "torch_plain_last_kept"),
        "same_algebra": ("ours_last", "torch_pruned_last"),
        "same_algebra_kept": ("ours_last", "torch_pruned_last_kept"),
        "compiled": ("ours_last", "torch_compiled_last_kept"),
        "both_directions": ("ours_states", "torch_plain_states"),
        "many_gateways": ("ours_gateways", "torch_gateways"),
    }
    return {
        f"ratio_{name}_{batch}": statistics.median(
            [a / b for a, b in zip(best[our], best[their], strict=True)]
        )
        for name, (our, their) in pairs.items()
        if our in best and their in best
    }


def main() -> None:
    """Measure all batch sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batches", default="32,128,512,2048")
    parser.add_argument("--json", action="store_true", help="the only form there is")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        write_data(Path(name))
        for batch in map(int, given.batches.split(",")):
            measured = measure(batch, Path(name), given.repeats)
            found[f"batch_{batch}"] = measured.pop("windows_per_second")
            found |= measured
    show("train_step", found)


if __name__ == "__main__":
    main()
