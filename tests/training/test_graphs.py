"""A graph is compiled once, by its first call, and only that time counts as compiling."""

from __future__ import annotations

import time

import numpy as np
from detector_factory import CLASSES, NETWORK, OTHER, START, VECTORS, gateway, make, pulled, run
from network_factory import changed

from fednids.networks.framework import Tensor, nn
from fednids.training.graphs import CompiledGraph
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.trainer import EVALUATION_BATCH, SMALL_BATCH, STEPS_PER_CALL

BATCH = 3
SIZES = (1, BATCH, 50, STEPS_PER_CALL * BATCH + 1, 2)


class Doubling(nn.Cell):
    def construct(self, number):
        return number + number


def test_the_first_call_compiles_and_is_measured(compiled):
    cell = Doubling()
    graph = CompiledGraph(cell, "doubling")
    assert graph.compile_seconds == 0
    started = time.perf_counter()
    assert graph(Tensor(np.float32(2))).asnumpy() == 4
    assert 0 < graph.compile_seconds < time.perf_counter() - started
    assert compiled == [cell]
    measured = graph.compile_seconds
    for number in (3, 4):
        assert graph(Tensor(np.float32(number))).asnumpy() == 2 * number
    assert graph.compile_seconds == measured
    assert compiled == [cell]


def jobs(counts, start):
    return [TrainingJob(start, gateway(n), np.random.default_rng(n), pulled(0.1)) for n in counts]


def local(scale):
    return LocalTraining(1 + scale % 2, 0.01 * scale, np.full(CLASSES, scale, np.float32))


def test_four_graphs_for_gateways_of_any_number_and_size(compiled):
    small = changed(NETWORK, channels=(2,), hidden=2)
    start = small.initial_weights(np.random.default_rng(0))
    trainer = make("sgd", small, batch_size=BATCH, members=2)
    assert trainer.compile_seconds == 0
    spent = [0.0]
    for first_call in (
        lambda: run(trainer, start, gateway(5), objective=pulled(0.2)),
        lambda: trainer.train_all(jobs((5, 40), start), local(1)),
        lambda: trainer.score(start, gateway(SMALL_BATCH)),
        lambda: trainer.score(start, gateway(SMALL_BATCH + 1)),
    ):
        before = time.perf_counter()
        found = first_call()
        passed = time.perf_counter() - before
        spent.append(trainer.compile_seconds)
        assert len(compiled) == len(spent) - 1
        if not hasattr(found, "predicted"):  # training's seconds leave compiling out
            trained = sum(one.seconds for one in (found if isinstance(found, list) else [found]))
            assert 0 < trained < passed - (spent[-1] - spent[-2])
    assert spent == sorted(set(spent))  # each took time
    for scale, count in enumerate(SIZES, 1):
        run(trainer, -start, gateway(count), local(scale), count, pulled(scale))
        trainer.train_all(jobs((count, *SIZES[:scale]), start * scale), local(scale))
        trainer.score(start, gateway(count))
        trainer.score_all(start, [gateway(n) for n in (count, EVALUATION_BATCH, 0, count)])
    trainer.show(VECTORS[::-1].copy())
    run(trainer, start, objective=pulled(0.1))
    trainer.train_all(jobs((3, 4), start), local(2))
    for count in (SMALL_BATCH, SMALL_BATCH + 1):
        trainer.score(start, gateway(count))
    assert trainer.compile_seconds == spent[-1]
    assert len(compiled) == 4
    assert len({id(graph) for graph in compiled}) == 4


def test_no_stack_is_compiled_for_one_job_nor_for_what_cannot_be_stacked(compiled, dropping):
    small = changed(NETWORK, channels=(2,), hidden=2)
    start = small.initial_weights(np.random.default_rng(0))
    trainer = make("sgd", small, batch_size=BATCH, members=3)
    run(trainer, start, objective=pulled(0.1))
    trainer.train_all(jobs((4,), start), local(1))
    assert len(compiled) == 1
    run(dropping, objective=pulled(0.1))
    before = len(compiled)
    dropping.train_all(jobs((4, 9), OTHER), local(1))
    dropping.train_all(jobs((4, 9, 4), START), local(1))
    assert len(compiled) == before
