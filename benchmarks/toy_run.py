"""One federation of the toy fleet in a process of its own; prints one JSON object.

``python -m benchmarks.toy_run --gateways 100 --flows 1000 --rounds 5 --batch 128``
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402

from benchmarks.toy import FLOWS, toy_config, toy_fleet  # noqa: E402
from fednids.networks.interface import Weights  # noqa: E402
from fednids.runs.rounds import Round  # noqa: E402
from fednids.simulation.engines import Clients, open_grid  # noqa: E402
from fednids.training.initial import stack_size  # noqa: E402
from server.rounds import Federation  # noqa: E402


class Rounds:
    """Notes how long each round trained, and how much of that was compiling."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.compiling = 0.0
        self.working: list[float] = []

    def round_ended(self, ended: Round, weights: list[Weights]) -> None:
        self.seconds.append(ended.train_seconds)
        self.compiling += sum(update.compile_seconds for update in ended.updates)
        self.working.append(sum(update.seconds for update in ended.updates))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=100)
    parser.add_argument("--flows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--fraction", type=float, default=1.0)
    parser.add_argument("--engine", default="processes")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--stack", type=int, default=0)
    parser.add_argument("--loss", action="store_true", help="compute the final loss")
    given = parser.parse_args()
    config = toy_config(
        given.gateways,
        federation__rounds=given.rounds,
        federation__fraction=given.fraction,
        train__batch_size=given.batch,
        train__stack=given.stack,
    )
    sizes, rounds = [given.flows] * given.gateways, Rounds()
    settings = {**config.flat(), FLOWS: given.flows}
    clients = Clients("benchmarks.toy_app:app", given.gateways, settings, sizes, stack_size(config))
    grid = open_grid(given.engine, clients, workers=given.workers, work=sum(sizes))
    try:
        outcome = Federation(grid, config, [rounds]).run()
    finally:
        grid.close()
    found = {
        "seconds": time.perf_counter() - STARTED,
        "round_seconds": rounds.seconds,
        "working_seconds": rounds.working,
        "compile_seconds": rounds.compiling,
        "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "workers_peak_kb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    }
    if given.loss:
        started = time.perf_counter()
        fleet = toy_fleet(given.gateways, given.flows)
        from fednids.training.local import LocalTrainer  # MindSpore, which a server does not need

        task, place = outcome.tasks[0], LocalTrainer(config, fleet.pooled())
        trainer = place._ready(task)
        each = [fleet.training(k) for k in range(given.gateways)]
        scored = trainer.score_all(outcome.weights[0], each)
        found["final_loss"] = sum(s.loss for s in scored) / sum(map(len, each))
        found["loss_seconds"] = time.perf_counter() - started
    print(json.dumps(found), flush=True)
    os._exit(0)  # the final loss is not part of the run, nor is the end of what computed it


if __name__ == "__main__":
    main()
