"""What every engine must do: the same replies in the same order, whatever happens inside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MessageType, RecordDict
from runs_factory import small_config

from fednids.config import Config
from fednids.engine import (
    ENGINES,
    WORTH_PROCESSES,
    Clients,
    InProcessGrid,
    LocalGrid,
    ProcessGrid,
    check_engine,
    open_grid,
)
from fednids.errors import ConfigError
from fednids.experiment import arms
from fednids.fleet import Fleet

GATEWAYS = 7


@pytest.fixture(params=[(name, workers) for name in ENGINES for workers in (1, 3)], ids=str)
def engine(request: pytest.FixtureRequest) -> tuple[str, int]:
    return request.param


@pytest.fixture
def grids(engine: tuple[str, int]) -> Iterator[list[LocalGrid]]:
    opened: list[LocalGrid] = []
    yield opened
    for grid in opened:
        grid.close()


def opened(engine: tuple[str, int], grids: list[LocalGrid], **behaviours: str) -> LocalGrid:
    config = {f"behaviour.{name[1:]}": value for name, value in behaviours.items()}
    clients = Clients("engine_apps:app", GATEWAYS, config)
    grid = open_grid(engine[0], clients, workers=engine[1], work=0)
    grids.append(grid)
    return grid


def send(grid: LocalGrid, order: list[int], timeout: float | None = None) -> list[Message]:
    nodes = list(grid.get_node_ids())
    weights = ArrayRecord({"weights": Array(np.array([0.5, 1.5], np.float32))})
    content = RecordDict({"arrays": weights})
    messages = [Message(content, nodes[k], MessageType.TRAIN) for k in order]
    return list(grid.send_and_receive(messages, timeout=timeout))


def partitions(replies: list[Message]) -> list[object]:
    return [reply.content.metric_records["metrics"]["partition-id"] for reply in replies]


def test_replies_come_in_the_order_of_the_messages(
    engine: tuple[str, int], grids: list[LocalGrid]
) -> None:
    grid = opened(engine, grids)
    for order in ([3, 1, 6, 0], list(range(GATEWAYS)), [5]):
        replies = send(grid, order)
        assert partitions(replies) == order
        for k, reply in zip(order, replies, strict=True):
            found = reply.content.array_records["arrays"]["weights"].numpy()
            np.testing.assert_array_equal(found, np.array([0.5, 1.5], np.float32) + k)
            assert reply.metadata.reply_to_message_id
            assert reply.metadata.src_node_id == list(grid.get_node_ids())[k]


def test_state_stays_with_the_gateway(engine: tuple[str, int], grids: list[LocalGrid]) -> None:
    grid = opened(engine, grids)
    for expected in ([1, 1, 1], [2, 2, 2], [3, 3, 3]):
        replies = send(grid, [4, 2, 0])
        assert [r.content.metric_records["metrics"]["calls"] for r in replies] == expected


def test_an_exception_is_one_error_reply_of_one_line(
    engine: tuple[str, int], grids: list[LocalGrid]
) -> None:
    replies = send(opened(engine, grids, p2="raise"), list(range(GATEWAYS)))
    failed = [reply for reply in replies if reply.has_error()]
    assert [reply.error.reason for reply in failed] == ["ValueError: gateway 2 has no flows"]
    assert replies.index(failed[0]) == 2


def test_nothing_to_do_is_done(engine: tuple[str, int], grids: list[LocalGrid]) -> None:
    assert send(opened(engine, grids), []) == []


def test_a_dead_worker_costs_its_own_tasks_only() -> None:
    grid = ProcessGrid(Clients("engine_apps:app", GATEWAYS, {"behaviour.0": "die"}), 2)
    try:
        replies = send(grid, list(range(GATEWAYS)))
        failed = [k for k, reply in enumerate(replies) if reply.has_error()]
        assert len(replies) == GATEWAYS
        assert 0 in failed
        assert len(failed) <= 2
        assert partitions(send(grid, [5, 6])) == [5, 6]
    finally:
        grid.close()


def test_without_workers_every_task_is_answered_by_an_error() -> None:
    grid = ProcessGrid(Clients("engine_apps:app", GATEWAYS, {"behaviour.0": "die"}), 1)
    try:
        replies = send(grid, list(range(GATEWAYS)))
        assert [reply.has_error() for reply in replies] == [True] * GATEWAYS
        assert [reply.has_error() for reply in send(grid, [3])] == [True]
    finally:
        grid.close()


def test_a_timeout_leaves_out_what_is_late_and_late_replies_are_dropped() -> None:
    grid = ProcessGrid(Clients("engine_apps:app", GATEWAYS, {"behaviour.1": "sleep"}), 2)
    try:
        send(grid, [0, 2])
        assert partitions(send(grid, [0, 1], timeout=1.0)) == [0]
        assert partitions(send(grid, [2, 3])) == [2, 3]
    finally:
        grid.close()


def test_workers_end_with_the_grid() -> None:
    grid = ProcessGrid(Clients("engine_apps:app", 2, {}), 2)
    processes = [worker.process for worker in grid._workers]
    send(grid, [0, 1])
    grid.close()
    assert all(process.exitcode is not None for process in processes)


@pytest.mark.parametrize(
    ("name", "workers"),
    [("processes", 3), pytest.param("processes", 1, marks=pytest.mark.slow)],
)
def test_engines_change_no_bit(name: str, workers: int) -> None:
    def weights(config: Config) -> np.ndarray:
        return arms.federated(config, Fleet.open(config), [], None).weights[0]

    settings = {"partition__gateways": 5, "federation__fraction": 0.8, "train__batch_size": 256}
    one = small_config(run__engine="inprocess", **settings)
    other = small_config(run__engine=name, run__workers=workers, **settings)
    np.testing.assert_array_equal(weights(one), weights(other))


def test_auto_takes_processes_where_work_is_worth_it() -> None:
    clients = Clients("engine_apps:app", 4, {})
    small = open_grid("auto", clients, workers=2, work=WORTH_PROCESSES - 1)
    assert isinstance(small, InProcessGrid)
    large = open_grid("auto", clients, workers=2, work=WORTH_PROCESSES)
    assert isinstance(large, ProcessGrid)
    large.close()
    alone = open_grid("auto", clients, workers=1, work=WORTH_PROCESSES)
    assert isinstance(alone, InProcessGrid)


def test_unknown_engines_are_refused() -> None:
    with pytest.raises(ConfigError, match="inprocess, processes"):
        check_engine("warp")
