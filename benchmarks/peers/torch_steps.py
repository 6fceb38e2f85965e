"""Time optimiser steps in PyTorch: one line in with a number, one line out with seconds."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from settle import KEEP_MEMORY, settle
from torch import Tensor, nn
from torch_network import Plain, Pruned

GATEWAY = 1000
WARM = 30

Batch = tuple[Tensor, Tensor]


def arguments() -> argparse.Namespace:
    """Parse the command line; ``pool`` must divide the length of the windows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--variant", choices=("plain", "pruned", "compiled"), default="plain")
    parser.add_argument("--readout", choices=("last", "states"), default="last")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pool", type=int, default=2)
    parser.add_argument("--gateways", action="store_true")
    parser.add_argument("--keep-memory", action="store_true")
    return parser.parse_args()


class Runner:
    """A network, its optimiser, and the data on which each call goes on."""

    def __init__(self, options: argparse.Namespace) -> None:
        with np.load(options.data) as file:
            arrays = {name: file[name] for name in file.files}
        features = arrays["windows"].shape[-1]
        if options.variant == "pruned":
            self.network: nn.Module = Pruned(arrays, features, options.pool)
        else:
            self.network = Plain(arrays, features, options.pool, options.readout)
        self.rate, self.fused = options.learning_rate, options.variant != "plain"
        self.loss: Callable[..., Tensor] = self._loss
        if options.variant == "compiled":
            torch._dynamo.config.allow_rnn = True
            self.loss = torch.compile(self._loss, dynamic=False)
        windows, labels = torch.from_numpy(arrays["windows"]), torch.from_numpy(arrays["labels"])
        length = GATEWAY if options.gateways else len(labels) // options.batch * options.batch
        self.parts = _parts(windows, labels, length, options.batch)
        self.initial = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.fresh()

    def fresh(self) -> None:
        """Go back to the initial weights and take a new Adam."""
        self.network.load_state_dict(self.initial)
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        adam = {"fused": True} if self.fused else {}
        self.optimiser = torch.optim.Adam(parameters, lr=self.rate, **adam)

    def step(self, windows: Tensor, labels: Tensor) -> None:
        self.optimiser.zero_grad()
        self.loss(windows, labels).backward()
        self.optimiser.step()

    def _loss(self, windows: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.network(windows), labels)


def _parts(windows: Tensor, labels: Tensor, length: int, batch: int) -> list[list[Batch]]:
    """Cut into parts of ``length`` windows, each into batches, as views."""
    return [
        list(zip(x.split(batch), y.split(batch), strict=True))
        for x, y in zip(windows.split(length), labels.split(length), strict=True)
        if len(y) == length
    ]


def steps(runner: Runner) -> Callable[[int], None]:
    """Give what runs so many steps, over consecutive batches, round and round."""

    def endless() -> Iterator[Batch]:
        while True:
            yield from runner.parts[0]

    batches = endless()

    def run(number: int) -> None:
        for _ in range(number):
            runner.step(*next(batches))

    return run


def gateways(runner: Runner) -> Callable[[int], None]:
    """Give what trains so many gateways, each from the initial weights, for one epoch."""

    def endless() -> Iterator[list[Batch]]:
        while True:
            yield from runner.parts

    parts = endless()

    def run(number: int) -> None:
        for _ in range(number):
            runner.fresh()
            for windows, labels in next(parts):
                runner.step(windows, labels)

    return run


def main() -> None:
    options = arguments()
    if options.keep_memory:
        os.environ[KEEP_MEMORY] = "1"
    settle(options.threads)
    try:
        runner = Runner(options)
        run = gateways(runner) if options.gateways else steps(runner)
        run(3 if options.gateways else WARM)
    except torch._dynamo.exc.TorchDynamoException as error:
        print(json.dumps({"error": str(error).strip().splitlines()[0]}), flush=True)
        return
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        run(int(line))
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
