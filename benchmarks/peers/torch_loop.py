"""A fleet in bare PyTorch: a few processes, federated averaging, nothing else."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection

import clock
import fleet
import numpy as np
import torch
from settle import settle
from torch.nn.utils import parameters_to_vector, vector_to_parameters


def main() -> None:
    options = fleet.arguments(__doc__).parse_args()
    arrays = fleet.read(options.data)
    network = fleet.plain(arrays, options.pool)
    weights = parameters_to_vector(network.parameters()).detach()
    fork = multiprocessing.get_context("fork")
    pipes = []
    for place in range(options.processes):
        ours, theirs = fork.Pipe()
        share = slice(place, None, options.processes)
        mine = {**arrays, "windows": arrays["windows"][share], "labels": arrays["labels"][share]}
        fork.Process(target=work, args=(theirs, place, mine, options), daemon=True).start()
        pipes.append(ours)
    examples, ends = arrays["labels"].size, [time.perf_counter()]
    for _ in range(options.rounds):
        for pipe in pipes:
            pipe.send(weights.numpy())
        weights = sum(torch.from_numpy(pipe.recv()) for pipe in pipes) / examples
        ends.append(time.perf_counter())
    vector_to_parameters(weights, network.parameters())
    fleet.show((clock.STARTED, *ends), network, arrays)


def work(
    pipe: Connection, place: int, arrays: dict[str, np.ndarray], options: fleet.Options
) -> None:
    """Train this process' gateways whenever weights come, and send their weighted sum."""
    settle(1)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[place % len(cores)]})
    network = fleet.plain(arrays, options.pool)
    gateways = fleet.gateways(arrays, options.batch)
    while True:
        weights = torch.from_numpy(pipe.recv())
        total = torch.zeros_like(weights)
        for pairs in gateways:
            vector_to_parameters(weights.clone(), network.parameters())
            optimiser = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
            fleet.epoch(network, optimiser, pairs)
            trained = parameters_to_vector(network.parameters()).detach()
            total.add_(trained, alpha=sum(len(labels) for _, labels in pairs))
        pipe.send(total.numpy())


if __name__ == "__main__":
    main()
