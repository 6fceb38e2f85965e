"""Trainers that all tests share: compiling one takes longer than most of what it is tested for."""

from __future__ import annotations

import gc

import numpy as np
import pytest


@pytest.fixture(scope="session")
def adam():
    return _make("adam", members=3)


@pytest.fixture(scope="session")
def sgd():
    return _make("sgd")


@pytest.fixture(scope="session")
def fedprox():
    return _make("sgd", members=3)


@pytest.fixture(scope="session")
def dropping():
    return _make("sgd", dropout=0.5, members=3)


@pytest.fixture(scope="session")
def plain():
    from detector_factory import NETWORK
    from detector_oracles import PlainDetector

    return PlainDetector(NETWORK, np.random.default_rng(3))


@pytest.fixture
def orders(monkeypatch):
    """Of every graph call of a trainer of single detectors: the examples of each step."""
    from fednids.training import trainer as training

    recorded, fill = [], training.fill

    def record(feeds, *more):
        ((_, batches),) = feeds
        recorded.append([batch.copy() for batch in batches])
        return fill(feeds, *more)

    monkeypatch.setattr(training, "fill", record)
    return recorded


@pytest.fixture
def compiled(monkeypatch):
    """Every cell that MindSpore compiles a graph for, whoever asks it to.

    When a cell dies, MindSpore compiles the graphs of those with the same arguments anew: so
    those of earlier tests die before.
    """
    from mindspore.nn import cell

    gc.collect()
    recorded, executor = [], cell._cell_graph_executor
    compile_ = executor.compile

    def record(network, *arguments, **settings):
        phase, anew = compile_(network, *arguments, **settings)
        if anew:
            recorded.append(network)
        return phase, anew

    monkeypatch.setattr(executor, "compile", record)
    return recorded


def _make(optimiser, *, dropout=0.0, **settings):
    from detector_factory import NETWORK, make
    from network_factory import changed

    return make(optimiser, changed(NETWORK, dropout=dropout), **settings)
