"""The gateways' own detectors at the end of a federated run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fednids.config import Config
from fednids.messages.client_state import Memory
from fednids.runs.folder import memories
from fednids.runs.rounds import Outcome
from server.wire import ServerWire


def own_detectors(outcome: Outcome, config: Config, out: Path | None) -> Outcome:
    """Return for every client the detector with which it is evaluated after the last round.

    No message brings it: it is put together here, in the simulation, from what the server
    has and what the gateway remembers. A gateway that never trained has its opening layers,
    or the global detector.

    Parameters
    ----------
    outcome : Outcome
        As the server ended, with the global weights alone.
    config : Config
        Settings of the run.
    out : Path or None
        The run folder, with the gateways' memories.
    """
    from clients.gateway import Gateway  # needs MindSpore, which a federated server does not
    from fednids.training.local import open_workplace

    weights = outcome.weights[0]
    rounds = outcome.last.number if outcome.last else config.federation.rounds
    gateways = range(config.partition.gateways)
    task = replace(outcome.tasks[0], server_round=rounds)
    packed, _ = ServerWire(config).pack(weights, rounds)
    workplace, folder = open_workplace(config.flat()), memories(out) if out else None
    own = [Gateway(workplace, k, Memory(folder, k)).detector(packed, task) for k in gateways]
    whole = len(weights) == outcome.architecture.size
    return replace(
        outcome,
        tasks=[task for _ in gateways],
        weights=own,
        personal=True,
        overall=weights if whole else None,
    )
