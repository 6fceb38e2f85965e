"""A Ray cluster: finding or starting one, checking its nodes, starting workers on them."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or each worker warns of it

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from fednids.errors import SetupError
from fednids.simulation.engines.base import Clients
from fednids.simulation.engines.ray_nodes import FILES, Seen, fault, look
from fednids.simulation.engines.ray_worker import RayWorker

_KNOCK_SECONDS = 5.0
_PATIENCE = (10.0, 20.0, 30.0)
"""Seconds after which a worker that is not there is asked for anew; in the end, its processor
belongs to somebody else's work. Now and then Ray never finishes making an actor."""


def connect() -> bool:
    """Join the cluster of ``RAY_ADDRESS`` or of ``ray start``; start one here if there is none.

    Returns
    -------
    bool
        Whether to disconnect at the end; False where this process had joined before.

    Raises
    ------
    SetupError
        The cluster does not answer, or is of another version of Ray or Python.
    """
    if ray.is_initialized():
        return False
    if address := _named():
        _reach(address)
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        ray.shutdown()
        raise _unanswered(address or "one started here", str(error)) from None
    return True


def check_nodes(clients: Clients) -> None:
    """Make sure that every node has what the run needs.

    Raises
    ------
    SetupError
        A node lacks a file, has another one at its path or other versions, or does not
        share the folder of what gateways remember.
    """
    paths = [str(clients.run_config[name]) for name in FILES if clients.run_config.get(name)]
    folder, token = str(clients.remembered or ""), f".shared-{uuid4().hex}"
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / token).touch()
    try:
        wanted, seen = look(paths, folder, token), _look_everywhere(paths, folder, token)
    finally:
        if folder:
            (Path(folder) / token).unlink(missing_ok=True)
    for name, each in seen.items():
        if told := fault(name, each, wanted, folder):
            raise SetupError(told)


def start_workers(clients: Clients, workers: int) -> list[Any]:
    """Start workers that have a processor each.

    Parameters
    ----------
    clients : Clients
        Who answers.
    workers : int
        How many; 0 for one a processor. Never more than processors or gateways.

    Returns
    -------
    list
        Handles of those that Ray has placed within a minute.

    Raises
    ------
    SetupError
        It has placed none.
    """
    processors = int(ray.cluster_resources().get("CPU", 0))
    count = min(workers or processors, processors, clients.gateways)
    placed = _place(count)
    if not placed:
        raise SetupError(
            f"expected a free processor in the Ray cluster, got none of {processors} within "
            f"{sum(_PATIENCE):.0f} s; wait for other work to end, or add nodes with `ray start`"
        )
    opened, places = [], Counter[str]()
    for reference, worker in placed.items():
        host = ray.get(reference)
        opened.append(worker.open.remote(clients, places[host], list(sys.path), _environment()))
        places[host] += 1
    ray.wait(opened, num_returns=len(opened))
    return list(placed.values())


def _place(count: int) -> dict[Any, Any]:
    """Ask for workers until all are there or patience ends; give each by its host's reference."""
    kind = ray.remote(RayWorker).options(num_cpus=1, max_restarts=0)
    placed: dict[Any, Any] = {}
    for seconds in _PATIENCE:
        if len(placed) == count:
            break
        asked = [kind.remote() for _ in range(count - len(placed))]
        hosts = {worker.host.remote(): worker for worker in asked}
        ready, late = ray.wait(list(hosts), num_returns=len(hosts), timeout=seconds)
        placed |= {reference: hosts[reference] for reference in hosts if reference in ready}
        end_workers([hosts[reference] for reference in late])
    return placed


def end_workers(workers: Sequence[Any]) -> None:
    """End workers at once, unless they ended with their cluster; they keep nothing."""
    for worker in workers if ray.is_initialized() else ():
        with suppress(RayError):
            ray.kill(worker)


def _named() -> str:
    """Give the address of the cluster to join, as Ray finds it; empty to start one."""
    address = os.environ.get("RAY_ADDRESS", "")
    latest = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    if address in ("", "auto") and latest.is_file():
        address = latest.read_text(encoding="utf-8").strip()
    return "" if address in ("", "auto", "local") else address


def _reach(address: str) -> None:
    """Knock at a cluster's door; Ray itself would try for twelve minutes."""
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdigit():
        raise SetupError(
            f"expected RAY_ADDRESS to be host:port, got {address}; run fednids on a node of the "
            "cluster and name its head there"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS).close()
    except OSError as error:
        raise _unanswered(address, str(error)) from None


def _unanswered(address: str, told: str) -> SetupError:
    reason = " ".join(told.split())
    return SetupError(
        f"expected a Ray cluster at {address}, got: {reason}; start it with `ray start`, or "
        "forget it with `ray stop` or by unsetting RAY_ADDRESS"
    )


def _look_everywhere(paths: Sequence[str], folder: str, token: str) -> dict[str, Seen]:
    """Let every node that has processors look for itself."""
    task, asked = ray.remote(look), {}
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            name = f"{node['NodeName']} ({node['NodeManagerHostname']})"
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = {"num_cpus": 0, "scheduling_strategy": there, "max_retries": 0}
            asked[name] = task.options(**options).remote(paths, folder, token)
    return {name: _answer_of(name, reference) for name, reference in asked.items()}


def _answer_of(name: str, reference: Any) -> Seen:
    try:
        seen: Seen = ray.get(reference)
    except RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SetupError(
            f"expected node {name} to run fednids, got: {reason}; install the same fednids[ray] "
            "on all nodes"
        ) from None
    return seen


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("FEDNIDS_")}
