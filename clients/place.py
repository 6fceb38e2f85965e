"""From Flower's context to the gateway that answers: its flows, and its memory."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import cast

from flwr.app import Context

from clients.gateway import Gateway
from clients.site import own_gateway
from fednids.config import Config, Scalar
from fednids.messages.client_state import Memory
from fednids.runs.folder import memories
from fednids.training.local import open_workplace

_Settings = tuple[tuple[str, Scalar], ...]


def place_of(context: Context) -> Gateway:
    """Give the gateway that a context stands for; its workplace is opened once a process.

    Parameters
    ----------
    context : Context
        Of the message: node config and run config.

    Raises
    ------
    FednidsError
        Its flows cannot be read, or do not fit the run.
    """
    run_config = cast(Mapping[str, Scalar], context.run_config)
    config = _settled(tuple(sorted((k, v) for k, v in run_config.items() if k != "out")))
    out = str(run_config.get("out", ""))
    node = cast(Mapping[str, Scalar], context.node_config)
    if config.deploy.names or "gateway" in node:
        return own_gateway(config, node, out or f"run {context.run_id}")
    partition_id = int(node["partition-id"])
    memory = Memory(memories(Path(out)) if out else None, partition_id)
    return Gateway(open_workplace(_flat(config)), partition_id, memory)


@lru_cache(maxsize=1)
def _settled(settings: _Settings) -> Config:
    return Config.of_run(dict(settings))


@lru_cache(maxsize=1)
def _flat(config: Config) -> Mapping[str, Scalar]:
    return config.flat()
