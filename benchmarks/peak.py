"""How much of the machine's own matrix-multiply speed a training step reaches.

``python -m benchmarks.peak [--repeats 5] [--batches 32,128,512,2048]``

One process bound to each processor, for both. Counted are the products of the step alone:
forward, and the gradients of weights and of inputs where an input has one. The peak is that
of MindSpore's own product of two 1,024 by 1,024 matrices.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from typing import Any

import numpy as np

from benchmarks.harness import show, spread
from benchmarks.ours_steps import CHUNK, step_aside, trainer_of
from benchmarks.runners import Placement, ours
from benchmarks.toy import FEATURES, NETWORK
from fednids.config import Config
from fednids.networks.framework import Tensor, mindspore, nn, ops
from fednids.networks.interface import Architecture

SIDE, PRODUCTS = 1024, 8


class Products(nn.Cell):
    """The same product several times."""

    def __init__(self) -> None:
        super().__init__()
        self.product = ops.MatMul()

    def construct(self, left: Tensor, right: Tensor, count: Tensor) -> Tensor:
        found, step = self.product(left, right), Tensor(1, mindspore.int32)
        while step < count:
            found = ops.depend(self.product(left, right), found)
            step = step + 1
        return found


def answer() -> None:
    """Be the process that multiplies."""
    step_aside()
    graph, rng = Products(), np.random.default_rng(1)
    sides = [Tensor(rng.standard_normal((SIDE, SIDE)).astype(np.float32)) for _ in range(2)]
    graph(*sides, Tensor(PRODUCTS, mindspore.int32)).asnumpy()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        graph(*sides, Tensor(int(line), mindspore.int32)).asnumpy()
        print(time.perf_counter() - started, flush=True)
    os._exit(0)


def operations(architecture: Architecture) -> int:
    """Count the floating-point operations of the products of one trained window."""
    sizes = architecture.network
    hidden, width, steps = sizes.hidden, sizes.channels[-1], sizes.steps[-1]
    convolution = sizes.window * sizes.kernel * sizes.features * width * 2
    lstm = steps * width * 4 * hidden + (steps - 1) * hidden * 4 * hidden + width * 3 * hidden
    head = 2 * hidden * sizes.classes
    return 2 * (convolution + 3 * lstm + 3 * head)


def main() -> None:
    """Measure both in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batches", default="32,128,512,2048")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    given = parser.parse_args()
    if given.answer:
        answer()
    processors = sorted(os.sched_getaffinity(0))
    work = operations(trainer_of(Config.resolve(dict(NETWORK)), FEATURES, 10, 1).architecture)
    peak = Placement(ours("benchmarks.peak", "--answer"), processors)
    found: dict[str, Any] = {"operations_per_window": work}
    peaks: list[float] = []
    for batch in map(int, given.batches.split(",")):
        steps = Placement(ours("benchmarks.ours_steps", "--batch", batch), processors)
        shares = []
        for _ in range(given.repeats):
            peaks.append(peak.rate(PRODUCTS) * 2 * SIDE**3)
            shares.append(steps.rate(CHUNK) * batch * work / peaks[-1])
        steps.close()
        found[f"share_of_peak_{batch}"] = statistics.median(shares)
    peak.close()
    show("peak", {**found, "peak_gflops": spread([value / 1e9 for value in peaks])})


if __name__ == "__main__":
    main()
