"""Our side of `benchmarks.train_step`: one line in with a number, one line out with seconds.

The same protocol as PyTorch's side, `benchmarks/peers/torch_steps.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.toy import NETWORK
from fednids.config import Config
from fednids.flows.windows import Windows
from fednids.networks.interface import Architecture
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.trainer import Trainer

CHUNK = 32
GATEWAY = 1000


def trainer_of(config: Config, features: int, vectors: int, members: int) -> Trainer:
    """Compile nothing yet; draw the vectors."""
    rng = np.random.default_rng(1)
    return Trainer(
        Architecture.of(config.model, features, config.data.window, 5),
        rng.standard_normal((vectors, features)).astype(np.float32),
        batch_size=config.train.batch_size,
        optimiser="adam",
        members=members,
    )


def runner(trainer: Trainer, batch: int, vectors: int, members: int) -> Callable[[int], None]:
    """Give what makes so many steps, or with members trains so many gateways."""
    rng = np.random.default_rng(2)
    start = trainer.architecture.initial_weights(rng)
    local = LocalTraining(1, 1e-3, np.ones(5, np.float32), shuffle=False)

    def windows(count: int) -> Windows:
        order = rng.integers(vectors, size=count).astype(np.int32)
        return Windows(order, rng.integers(5, size=count).astype(np.int32))

    if members > 1:
        gateways = [windows(GATEWAY) for _ in range(members)]

        def train(count: int) -> None:
            for _ in range(count // members):
                trainer.train_all([TrainingJob(start, each, rng) for each in gateways], local)

        return train

    def steps(count: int) -> None:
        trainer.train(TrainingJob(start, chunks[count], rng), local)

    chunks = {count: windows(count * batch) for count in (CHUNK, 4 * CHUNK)}
    return steps


def step_aside() -> None:
    """Leave the processor to the thread that computes, as a worker does."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - own or own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=("toy", "default"), default="toy")
    parser.add_argument("--readout", choices=("last", "states"), default="last")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--members", type=int, default=1)
    given = parser.parse_args()
    settings = dict(NETWORK) if given.network == "toy" else {}
    settings |= {"train.batch_size": given.batch, "model.readout": given.readout}
    features, vectors = (8, 16_000) if given.network == "toy" else (86, 8_745)
    step_aside()
    trainer = trainer_of(Config.resolve(settings), features, vectors, given.members)
    run = runner(trainer, given.batch, vectors, given.members)
    run(given.members if given.members > 1 else CHUNK)
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        run(int(line))
        print(time.perf_counter() - started, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
