"""Runs on Ray: a cluster of two nodes on one machine, and what may go wrong with it."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MessageType, RecordDict
from ray_machines import END_SECONDS, Machines, alive, can_hide, gone, marked, marking
from runs_factory import small_config
from safetensors.numpy import load

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import FederationError, InterruptedRunError, SetupError
from fednids.experiment import arms
from fednids.experiment.execution import execute, resume
from fednids.flows.files.writing import write_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.runs.folder import RunFolder
from fednids.runs.layout import MODEL, memories
from fednids.runs.rounds import Round
from fednids.seeding import Stream, generator
from fednids.simulation.engines import Clients, LocalGrid, check_engine, open_grid

without = importlib.util.find_spec("ray") is None
needs_ray = pytest.mark.skipif(without, reason="needs the extra ray")
needs_hiding = pytest.mark.skipif(
    without or not can_hide(),
    reason="needs the extra ray and the right to make mount namespaces",
)


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    made = Machines()
    try:
        made.add("two")
        yield made
    finally:
        made.end()


@pytest.fixture
def cluster(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Name the cluster as users do."""
    monkeypatch.setenv("RAY_ADDRESS", machines.address)
    return machines


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "flows.csv"
    write_flows(synthesise(700, generator(3, Stream.SYNTHETIC)), path)
    return path


def tiny(engine: str, **changes: object) -> Config:
    base = {
        "partition__gateways": 6, "partition__alpha": 2.0, "train__stack": 2,
        "run__engine": engine, "model__channels": "4", "model__hidden": 4, "data__flows": 700,
    }  # fmt: skip
    return small_config(**{**base, **changes})


def on_engine(**behaviours: str) -> LocalGrid:
    config = {"file": "", **{f"behaviour.{name[1:]}": each for name, each in behaviours.items()}}
    return open_grid("ray", Clients("engine_apps:app", 7, config), workers=0, work=0)


def answers(grid: LocalGrid, kind: str) -> list[Message]:
    content = RecordDict({"arrays": ArrayRecord({"weights": Array(np.ones(2, np.float32))})})
    return list(grid.stream([Message(content, node, kind) for node in grid.get_node_ids()]))


def failed(grid: LocalGrid) -> list[bool]:
    return [reply.has_error() for reply in answers(grid, MessageType.TRAIN)]


def workers(grid: LocalGrid) -> list[int]:
    """Give the processes that answer; a worker's title is not always there to be read."""
    told = [
        reply.content.metric_records["metrics"] for reply in answers(grid, MessageType.EVALUATE)
    ]
    return sorted({int(metrics["process"]) for metrics in told})


@pytest.mark.slow
@needs_ray
def test_two_nodes_give_the_bits_of_one_process(
    flows: Path, cluster: Machines, tmp_path: Path
) -> None:
    """With what gateways remember, in a folder that both nodes see."""
    found = []
    for engine in ("inprocess", "ray"):
        config = tiny(engine, strategy__name="scaffold", data__path=str(flows))
        out = tmp_path / engine
        outcome = arms.federated(config, FederatedDataset.open(config), [], None, out)
        assert outcome.last is not None
        scored = [each.counts.matrix.tolist() for each in outcome.last.evaluations]
        kept = [file.read_bytes() for file in sorted(memories(out).rglob("*.safetensors"))]
        found.append((outcome.weights[0].tobytes(), scored, kept))
    assert found[0] == found[1]
    assert found[0][2]


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_run_that_was_stopped_goes_on_with_what_its_gateways_remember(
    flows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped when gateways have round 2 behind them, and the checkpoint has not."""
    more = {"strategy__name": "scaffold", "federation__rounds": 3, "data__path": str(flows)}
    execute("federated", tiny("inprocess", **more), tmp_path / "whole")
    write = RunFolder.round_ended

    def stopping(self: RunFolder, ended: Round, weights: list[np.ndarray]) -> None:
        if ended.number == 2:
            raise KeyboardInterrupt
        write(self, ended, weights)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "round_ended", stopping)
        with pytest.raises(InterruptedRunError, match="fednids resume"):
            execute("federated", tiny("ray", **more), tmp_path / "cut")
    resume(tmp_path / "cut")
    whole, cut = ((tmp_path / name / MODEL).read_bytes() for name in ("whole", "cut"))
    assert weights_in(whole) == weights_in(cut)


def weights_in(model: bytes) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load(model).items()}


@pytest.mark.slow
@needs_ray
def test_there_is_a_worker_on_each_node_and_none_afterwards(cluster: Machines) -> None:
    with closing(on_engine()) as grid:
        assert failed(grid) == [False] * 7
        there = workers(grid)
        assert len(there) == 2
        assert set(there) <= set(marked(cluster.mark))
    assert gone(lambda: alive(there))
    with closing(on_engine()) as again:  # the cluster was there before, so it still is
        assert failed(again) == [False] * 7


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_task_at_which_workers_die_ends_the_run() -> None:
    with closing(on_engine(p0="die")) as grid, pytest.raises(FederationError, match="3 times"):
        failed(grid)


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("cluster")
def test_workers_killed_from_outside_are_replaced() -> None:
    with closing(on_engine()) as grid:
        assert not any(failed(grid))
        os.kill(workers(grid)[0], signal.SIGKILL)
        assert not any(failed(grid))
        for process in alive(workers(grid)):
            os.kill(process, signal.SIGKILL)
        assert not any(failed(grid))


@pytest.mark.slow
@needs_hiding
def test_a_node_that_lacks_what_the_run_needs_is_named(
    flows: Path, cluster: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = Machines()
    try:
        blind.add("blind", hidden=flows.parent)
        monkeypatch.setenv("RAY_ADDRESS", blind.address)
        config = tiny("ray", data__path=str(flows))
        with pytest.raises(SetupError, match=r"flows\.csv .* node blind") as told:
            arms.federated(config, FederatedDataset.open(config), [], None, None)
        assert "no such file" in str(told.value)
        config = tiny("ray", strategy__name="scaffold")
        with pytest.raises(SetupError, match=r"node blind .* share the folder"):
            arms.federated(config, FederatedDataset.open(config), [], None, flows.parent / "run")
        assert not list(memories(flows.parent / "run").iterdir())
        config = tiny("ray", federation__rounds=1)  # synthetic, and nobody remembers
        assert arms.federated(
            config, FederatedDataset.open(config), [], None, flows.parent / "run"
        ).weights
    finally:
        blind.end()


SIMULATE = (
    sys.executable, "-m", "fednids", "simulate", "--engine", "ray", "--gateways", "3",
    "data.flows=700", "data.window=4", "model.channels=4", "model.hidden=4",
)  # fmt: skip


@pytest.mark.slow
@needs_ray
def test_a_cluster_started_for_a_run_ends_with_it(tmp_path: Path) -> None:
    mark, out = f"alone-{os.getpid()}", tmp_path / "run"
    done = subprocess.run(
        [*SIMULATE, "--rounds", "1", "--out", str(out)], capture_output=True, text=True,
        env=marking(mark, RAY_ADDRESS="local"), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "result.json").exists()
    assert gone(lambda: marked(mark))


@pytest.mark.slow
@needs_ray
def test_ctrl_c_ends_a_run_in_one_line_and_all_that_it_started(tmp_path: Path) -> None:
    mark, out = f"stopped-{os.getpid()}", tmp_path / "run"
    run = subprocess.Popen(
        [*SIMULATE, "--rounds", "1000", "--out", str(out)], stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, text=True, env=marking(mark, RAY_ADDRESS="local"),
        start_new_session=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 4 * END_SECONDS
        while not (rounds := out / "rounds.jsonl").exists() or not rounds.read_text():
            assert time.monotonic() < until
            assert run.poll() is None
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
        told = run.communicate(timeout=END_SECONDS)[1]
        assert "fednids resume" in " ".join(told.split())
        assert "Traceback" not in told
        assert gone(lambda: marked(mark))
    finally:
        for process in marked(mark):
            os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:10001", "nowhere"])
def test_a_cluster_that_does_not_answer_is_one_line(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(SetupError, match="RAY_ADDRESS") as told:
        on_engine()
    assert "\n" not in str(told.value)


def test_without_ray_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install 'fednids\[ray\]'"):
        check_engine("ray")
