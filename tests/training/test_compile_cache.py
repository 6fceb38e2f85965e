"""A second process starts from compiled graphs on disk, and computes the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
import sys
import numpy as np
from detector_factory import NETWORK
from distilling_term import Distil
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.objective import Objective, Proximal, Shift
from fednids.training.trainer import Trainer
from fednids.flows.windows import Windows

vectors = int(sys.argv[2])
rng = np.random.default_rng(0)
table = rng.standard_normal((vectors, NETWORK.features)).astype(np.float32)
order, labels = rng.integers(vectors, size=50), rng.integers(NETWORK.classes, size=50)
windows = Windows(order.astype(np.int32), labels.astype(np.int32))
start = NETWORK.initial_weights(rng)
shift = Shift(rng.standard_normal(start.size).astype(np.float32))
objectives = {
    "t": Objective(),
    "x": Objective((shift, Proximal(0.5, 2 * start), Proximal(0.1)), track_gradient=True),
    "d": Objective((Distil(),)),
}
local = LocalTraining(1, 1e-3, np.ones(NETWORK.classes, np.float32))
trainer = Trainer(NETWORK, table, batch_size=16, optimiser="adam")
for what in sys.argv[1]:
    if what == "r":
        import replaced_network
        continue
    if what == "n":
        trainer = Trainer(NETWORK, table, batch_size=16, optimiser="adam")
    elif what in objectives:
        job = TrainingJob(start, windows, np.random.default_rng(1), objectives[what])
        trained = trainer.train(job, local)
        print(what, trained.loss, trained.weights.astype(np.float64).sum())
    else:
        print("s", trainer.score(start, windows).loss)
"""


def run(cache: Path, order: str = "ts", vectors: int = 30) -> list[str]:
    """Train and score in a process without a script; give the answers, sorted."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "FEDNIDS_CACHE": str(cache), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", RUN, order, str(vectors)],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return sorted(done.stdout.splitlines())


@pytest.mark.slow
def test_a_second_process_computes_the_same_bits(tmp_path):
    answers = run(tmp_path / "cache")
    graphs = sorted((tmp_path / "cache" / "graphs").iterdir())
    assert [graph.suffix for graph in graphs].count(".mindir") == 2
    assert run(tmp_path / "cache") == answers
    assert sorted((tmp_path / "cache" / "graphs").iterdir()) == graphs


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["x", "d"], ids=["gradients", "loss"])
def test_what_the_terms_of_an_algorithm_read_is_in_a_graph_from_disk_as_well(tmp_path, objective):
    """A graph from disk that is not given a parameter's memory computes with what lies there."""
    answers = run(tmp_path / "cache", objective)
    graphs = sorted((tmp_path / "cache" / "graphs").iterdir())
    assert run(tmp_path / "cache", objective) == answers
    assert sorted((tmp_path / "cache" / "graphs").iterdir()) == graphs


@pytest.mark.slow
def test_another_order_or_shape_is_never_mistaken(tmp_path):
    answers = run(tmp_path / "cache")
    other = run(tmp_path / "other", vectors=31)
    for _ in range(2):
        assert run(tmp_path / "cache", "st") == answers
        assert run(tmp_path / "cache", vectors=31) == other
        assert run(tmp_path / "cache") == answers


@pytest.mark.slow
def test_a_graph_is_never_mistaken_for_that_of_a_network_that_is_there_already(tmp_path):
    """A graph leaves parameters out that the one before it has; a new network has others."""
    answers = run(tmp_path / "cache", "st")
    for _ in range(2):
        assert run(tmp_path / "cache", "snt") == answers
        assert run(tmp_path / "cache", "st") == answers


def test_the_digest_is_of_the_code_as_it_is_now(monkeypatch):
    from fednids.networks.cnn_bilstm.network import CNNBiLSTMCell
    from fednids.training import compile_cache

    before = compile_cache.code_digest([CNNBiLSTMCell])
    assert compile_cache.code_digest([CNNBiLSTMCell]) == before
    monkeypatch.setattr(CNNBiLSTMCell, "classify", lambda self, read: 2 * self.head(read))
    replaced = compile_cache.code_digest([CNNBiLSTMCell])
    monkeypatch.setattr(CNNBiLSTMCell, "classify", lambda self, read: 3 * self.head(read))
    assert len({before, replaced, compile_cache.code_digest([CNNBiLSTMCell])}) == 3


@pytest.mark.slow
def test_a_network_replaced_at_run_time_is_not_trained_through_a_stale_graph(tmp_path):
    stock = run(tmp_path / "cache")
    replaced = run(tmp_path / "other", "rnts")
    assert replaced != stock
    for _ in range(2):
        assert run(tmp_path / "cache", "rnts") == replaced
        assert run(tmp_path / "cache") == stock


@pytest.mark.slow
def test_damaged_or_missing_graphs_are_compiled_anew(tmp_path):
    answers = run(tmp_path / "cache")
    for place, damage in enumerate((b"", b"nonsense", None)):
        run(tmp_path / "cache")
        graph = sorted((tmp_path / "cache" / "graphs").glob("*.mindir"))[place % 2]
        graph.unlink()
        if damage is not None:
            graph.write_bytes(damage)
        assert run(tmp_path / "cache") == answers


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    answers = run(tmp_path / "file" / "cache")
    assert answers == run(tmp_path / "cache")
