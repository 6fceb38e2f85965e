"""What every engine must do: the same replies in the same order, whatever happens inside."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MessageType, RecordDict

from fednids.errors import ConfigError, FederationError
from fednids.simulation.engines import (
    ENGINES,
    WORTH_PROCESSES,
    Clients,
    InProcessGrid,
    LocalGrid,
    ProcessGrid,
    check_engine,
    open_grid,
)

Kind = tuple[str, int]
Healthy = Callable[[Kind], LocalGrid]

GATEWAYS = 7
SIZES = (10, 10, 10, 9, 2, 2, 2)
GROUPS = {k: group for group in ([0, 1, 2], [3], [4, 5, 6]) for k in group}
START = np.array([0.5, 1.5], np.float32)


KINDS = [(name, workers) for name in ENGINES for workers in (1, 3)]
MARKS = {
    "ray": (
        pytest.mark.slow,
        pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray"),
    )
}


@pytest.fixture(
    params=[pytest.param(kind, marks=MARKS.get(kind[0], ())) for kind in KINDS], ids=str
)
def engine(request: pytest.FixtureRequest) -> Kind:
    if request.param[0] == "ray":
        request.getfixturevalue("one_cluster")
    return request.param


@pytest.fixture(scope="module")
def one_cluster() -> Iterator[None]:
    """Keep one Ray cluster for all tests, which join it and leave it as it is."""
    import ray

    ray.init(address="local", num_cpus=12, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def grids(engine: Kind) -> Iterator[list[LocalGrid]]:
    opened: list[LocalGrid] = []
    yield opened
    for grid in opened:
        grid.close()


@pytest.fixture(scope="module")
def healthy() -> Iterator[Healthy]:
    """Give one engine of each kind to all tests in which nothing goes wrong."""

    got: list[LocalGrid] = []

    @cache
    def get(engine: Kind) -> LocalGrid:
        clients = Clients("engine_apps:meeting", GATEWAYS, {}, SIZES, 3)
        got.append(open_grid(engine[0], clients, workers=engine[1], work=0))
        return got[-1]

    yield get
    for grid in got:
        grid.close()


def opened(engine: Kind, grids: list[LocalGrid], **behaviours: str) -> LocalGrid:
    clients = Clients("engine_apps:app", GATEWAYS, behaving(**behaviours))
    grid = open_grid(engine[0], clients, workers=engine[1], work=0)
    grids.append(grid)
    return grid


def grouped(
    engine: Kind, grids: list[LocalGrid], app: str = "meeting", **behaviours: str
) -> LocalGrid:
    """Open an engine that calls up to three gateways of similar size together."""
    clients = Clients(f"engine_apps:{app}", GATEWAYS, behaving(**behaviours), SIZES, 3)
    grid = open_grid(engine[0], clients, workers=engine[1], work=0)
    grids.append(grid)
    return grid


def behaving(file: str = "", **behaviours: str) -> dict[str, str]:
    return {"file": file, **{f"behaviour.{name[1:]}": value for name, value in behaviours.items()}}


def content_of(weights: np.ndarray) -> RecordDict:
    return RecordDict({"arrays": ArrayRecord({"weights": Array(weights)})})


def messages_to(
    grid: LocalGrid, order: Sequence[int], contents: Sequence[RecordDict] = ()
) -> list[Message]:
    """Write to gateways in an order, all the same or to each its own."""
    nodes = list(grid.get_node_ids())
    each = contents or [content_of(START)] * len(order)
    pairs = zip(order, each, strict=True)
    return [Message(content, nodes[k], MessageType.TRAIN) for k, content in pairs]


def send(grid: LocalGrid, order: Sequence[int], timeout: float | None = None) -> list[Message]:
    return list(grid.send_and_receive(messages_to(grid, order), timeout=timeout))


def metric(reply: Message, name: str) -> object:
    return reply.content.metric_records["metrics"][name]


def weights_in(reply: Message, record: str = "arrays") -> np.ndarray:
    return reply.content.array_records[record]["weights"].numpy()


def partitions(replies: list[Message]) -> list[object]:
    return [metric(reply, "partition-id") for reply in replies]


def test_replies_come_in_the_order_of_the_messages(engine: Kind, healthy: Healthy) -> None:
    grid = healthy(engine)
    for order in ([3, 1, 6, 0], list(range(GATEWAYS)), [5]):
        sent = messages_to(grid, order)
        replies = list(grid.send_and_receive(sent))
        assert partitions(replies) == order
        answered = [reply.metadata.reply_to_message_id for reply in replies]
        assert answered == [message.metadata.message_id for message in sent]
        for k, reply in zip(order, replies, strict=True):
            np.testing.assert_array_equal(weights_in(reply), START + k)
            assert reply.metadata.src_node_id == list(grid.get_node_ids())[k]


def test_every_message_has_a_number_of_its_own(engine: Kind, healthy: Healthy) -> None:
    grid, numbers = healthy(engine), list[str]()
    for _ in range(2):
        sent = messages_to(grid, range(GATEWAYS))
        replies = list(grid.stream(sent))
        numbers += [message.metadata.message_id for message in [*sent, *replies]]
    assert all(numbers)
    assert len(set(numbers)) == 4 * GATEWAYS


def test_state_stays_with_the_gateway(engine: Kind, grids: list[LocalGrid]) -> None:
    grid = opened(engine, grids)
    for expected in ([1, 1, 1], [2, 2, 2], [3, 3, 3]):
        replies = send(grid, [4, 2, 0])
        assert [metric(reply, "calls") for reply in replies] == expected


def test_a_gateway_that_clears_its_state_finds_none(engine: Kind, grids: list[LocalGrid]) -> None:
    grid = opened(engine, grids, p2="forget")
    calls = [[metric(reply, "calls") for reply in send(grid, [1, 2])] for _ in range(4)]
    assert calls == [[1, 1], [2, 2], [3, 1], [4, 2]]


def test_an_exception_is_one_error_reply_of_one_line(engine: Kind, grids: list[LocalGrid]) -> None:
    replies = send(opened(engine, grids, p2="raise"), list(range(GATEWAYS)))
    failed = [reply for reply in replies if reply.has_error()]
    assert [reply.error.reason for reply in failed] == ["ValueError: gateway 2 has no flows"]
    assert replies.index(failed[0]) == 2


def test_nothing_to_do_is_done(engine: Kind, healthy: Healthy) -> None:
    assert send(healthy(engine), []) == []


def test_contents_reach_the_gateway_they_are_for(engine: Kind, healthy: Healthy) -> None:
    """Each its own or one for several, inside one group and over several rounds."""
    grid = healthy(engine)
    for order in (range(GATEWAYS), [6, 0, 5, 1, 4, 2, 3]):  # in groups and alone
        for number, kinds in enumerate((GATEWAYS, 2, 3, 1)):
            drawn = [np.array([number, kind], np.float32) for kind in range(kinds)]
            contents = [content_of(weights) for weights in drawn]
            sent = messages_to(grid, order, [contents[k % kinds] for k in order])
            for k, reply in zip(order, grid.stream(sent), strict=True):
                np.testing.assert_array_equal(weights_in(reply), drawn[k % kinds] + k)
            for kept, weights in zip(contents, drawn, strict=True):
                found = kept.array_records["arrays"]["weights"].numpy()
                np.testing.assert_array_equal(found, weights)


def test_large_contents_that_differ_and_large_replies_pass_each_other(
    engine: Kind, grids: list[LocalGrid]
) -> None:
    """More than a pipe holds, both ways at once."""
    grid, found = opened(engine, grids), list[np.ndarray]()
    large = [np.full(100_000, k, np.float32) for k in range(GATEWAYS)]
    sent = messages_to(grid, range(GATEWAYS), [content_of(weights) for weights in large])
    waiting = Thread(target=lambda: found.extend(map(weights_in, grid.stream(sent))), daemon=True)
    waiting.start()
    waiting.join(15)
    for worker in grid._workers if waiting.is_alive() and isinstance(grid, ProcessGrid) else ():
        worker.process.kill()  # or nobody could end them
    assert [each.tolist() for each in map(np.unique, found)] == [[2 * k] for k in range(GATEWAYS)]


class TestGroups:
    def test_depend_on_sizes_and_order_alone(self, engine: Kind, healthy: Healthy) -> None:
        grid = healthy(engine)
        for _ in range(2):
            replies = send(grid, range(GATEWAYS))
            assert partitions(replies) == list(range(GATEWAYS))
            assert [metric(reply, "met") for reply in replies] == [GROUPS[k] for k in range(7)]
            assert [metric(reply, "again") for reply in replies] == [GROUPS[k] for k in range(7)]
            for k, reply in enumerate(replies):
                np.testing.assert_array_equal(weights_in(reply), START + k)
                np.testing.assert_array_equal(weights_in(reply, "sums"), START * len(GROUPS[k]))
        replies = send(grid, [6, 3, 2, 5, 1])
        assert partitions(replies) == [6, 3, 2, 5, 1]
        assert [metric(reply, "met") for reply in replies] == [*[[6, 3, 2]] * 3, [5], [1]]

    def test_of_gateways_without_sizes_are_of_all_alike(self) -> None:
        grid = InProcessGrid(Clients("engine_apps:meeting", GATEWAYS, {}, together=3))
        met = [metric(reply, "met") for reply in send(grid, range(GATEWAYS))]
        assert met == [*[[0, 1, 2]] * 3, *[[3, 4, 5]] * 3, [6]]

    def test_of_one_meet_nobody(self) -> None:
        grid = InProcessGrid(Clients("engine_apps:meeting", GATEWAYS, {}, SIZES))
        replies = send(grid, range(GATEWAYS))
        assert [metric(reply, "met") for reply in replies] == [[k] for k in range(GATEWAYS)]

    def test_go_on_without_a_member_that_raises(self, engine: Kind, grids: list[LocalGrid]) -> None:
        replies = send(grouped(engine, grids, p1="raise", p3="raise"), range(GATEWAYS))
        failed = {k: reply for k, reply in enumerate(replies) if reply.has_error()}
        reasons = {k: reply.error.reason for k, reply in failed.items()}
        assert reasons == {k: f"ValueError: gateway {k} has no flows" for k in (1, 3)}
        met = {k: metric(reply, "met") for k, reply in enumerate(replies) if k not in failed}
        assert met == {0: [0, 2], 2: [0, 2], 4: [4, 5, 6], 5: [4, 5, 6], 6: [4, 5, 6]}

    def test_leave_each_gateway_its_own_state(self, engine: Kind, grids: list[LocalGrid]) -> None:
        grid = grouped(engine, grids, app="app", p5="raise")
        send(grid, [0, 1, 4])
        send(grid, [0, 2, 4])
        replies = send(grid, range(GATEWAYS))
        calls = [None if r.has_error() else metric(r, "calls") for r in replies]
        assert calls == [3, 2, 2, 1, 3, None, 1]

        nodes = list(grid.get_node_ids())
        assert set(grid._states) == {nodes[k] for k in (0, 1, 2, 3, 4, 6)}

    def test_keep_nothing_of_gateways_that_keep_nothing(
        self, engine: Kind, healthy: Healthy
    ) -> None:
        grid = healthy(engine)
        assert len(send(grid, [0, 1, 2])) == 3
        assert grid._states == {}

    def test_are_streamed_before_the_last_is_done(
        self, engine: Kind, grids: list[LocalGrid], tmp_path: Path
    ) -> None:
        file = tmp_path / "first-reply-seen"
        grid = grouped(engine, grids, p6="wait", file=str(file))
        replies = iter(grid.stream(messages_to(grid, range(GATEWAYS))))
        first = [next(replies) for _ in range(3)]
        file.touch()
        assert partitions([*first, *replies]) == list(range(GATEWAYS))


def in_processes(workers: int, *, together: int = 1, **behaviours: str) -> ProcessGrid:
    config = behaving(**behaviours)
    return ProcessGrid(Clients("engine_apps:meeting", GATEWAYS, config, SIZES, together), workers)


def died_once(file: Path, *partition_ids: int, together: int = 1) -> ProcessGrid:
    behaviours = {f"p{k}": "die once" for k in partition_ids}
    return in_processes(2, together=together, **behaviours, file=str(file))


def test_the_tasks_of_a_worker_that_dies_are_done_by_others(tmp_path: Path) -> None:
    grid = died_once(tmp_path / "died", 0, 5)
    try:
        for _ in range(2):
            replies = send(grid, range(GATEWAYS))
            assert partitions(replies) == list(range(GATEWAYS))
            for k, reply in enumerate(replies):
                np.testing.assert_array_equal(weights_in(reply), START + k)
        assert len(list(tmp_path.glob("died-*"))) == 2
        assert len(grid._workers) == 2
    finally:
        grid.close()


def test_a_group_is_done_again_as_a_whole(tmp_path: Path) -> None:
    grid = died_once(tmp_path / "died", 2, together=3)
    try:
        replies = send(grid, range(GATEWAYS))
        assert [metric(reply, "met") for reply in replies] == [GROUPS[k] for k in range(7)]
    finally:
        grid.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_at_which_every_worker_dies_ends_the_run_with_the_cause(workers: int) -> None:
    grid = in_processes(workers, p0="die")
    try:
        with pytest.raises(FederationError, match=r"exit code 3\), 3 times .* lower run"):
            send(grid, range(GATEWAYS))
    finally:
        grid.close()


def test_workers_killed_between_messages_are_replaced() -> None:
    grid = in_processes(2)
    try:
        for _ in range(5):
            for worker in grid._workers:
                os.kill(worker.process.pid or 0, signal.SIGKILL)
            assert partitions(send(grid, range(GATEWAYS))) == list(range(GATEWAYS))
    finally:
        grid.close()


def test_no_worker_is_left_without_a_task_while_another_has_two(tmp_path: Path) -> None:
    """The first task waits for what the second does."""
    file = tmp_path / "second-task-done"
    grid = in_processes(2, p0="wait", p1="touch", file=str(file))
    try:
        assert [reply.has_error() for reply in send(grid, [0, 1])] == [False, False]
    finally:
        grid.close()


def test_a_timeout_leaves_out_what_is_late_and_late_replies_are_dropped() -> None:
    grid = in_processes(2, p1="sleep")
    try:
        send(grid, [0, 2])
        assert partitions(send(grid, [0, 1], timeout=1.0)) == [0]
        assert partitions(send(grid, [2, 3])) == [2, 3]
    finally:
        grid.close()


def test_a_timeout_leaves_out_whole_groups_and_the_worker_goes_on() -> None:
    grid = in_processes(1, together=3, p4="sleep")
    try:
        send(grid, [0])
        assert partitions(send(grid, range(GATEWAYS), timeout=1.0)) == [0, 1, 2, 3]
        replies = send(grid, [6, 5, 3])
        assert partitions(replies) == [6, 5, 3]
        assert [metric(reply, "met") for reply in replies] == [[6], [5], [3]]
    finally:
        grid.close()


def test_workers_end_with_the_grid() -> None:
    grid = in_processes(2)
    processes = [worker.process for worker in grid._workers]
    send(grid, [0, 1])
    grid.close()
    assert all(process.exitcode is not None for process in processes)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
@pytest.mark.parametrize("together", [1, 3])
def test_workers_leave_the_processor_to_the_threads_that_compute(together: int) -> None:
    grid, processors = in_processes(2, together=together), sorted(os.sched_getaffinity(0))
    try:
        nodes = list(grid.get_node_ids())
        sent = [Message(content_of(START), node, MessageType.EVALUATE) for node in nodes]
        computed = set()
        for reply in grid.stream(sent):
            own, computing = metric(reply, "own"), metric(reply, "computing")
            assert len(computing) == 1
            assert set(own) == set(processors) - set(computing)
            computed |= set(computing)
        assert computed <= set(processors[:2])
    finally:
        grid.close()


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
