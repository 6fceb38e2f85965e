"""The gateways' own detectors at the end of a federated run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fednids.config import Config
from fednids.messages.client_state import Memory
from fednids.messages.codec import WeightCodec
from fednids.runs.folder import memories
from fednids.runs.rounds import Outcome


def own_detectors(outcome: Outcome, config: Config, out: Path | None) -> Outcome:
    """Return an outcome with the detector that each client is judged by after the last round.

    No message brings it: it is put together here, in the simulation, from what the server
    has and what the client has kept. A gateway that never trained has its initial layers,
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
    from clients.client import FlowClient  # needs MindSpore, which a federated server does not
    from fednids.training.local import open_trainer

    weights = outcome.weights[0]
    rounds = outcome.last.number if outcome.last else config.federation.rounds
    gateways = range(config.partition.gateways)
    task = replace(outcome.tasks[0], server_round=rounds)
    packed, _ = WeightCodec(config).pack(weights, rounds)
    trainer, folder = open_trainer(config), memories(out) if out else None
    own = [FlowClient(trainer, k, Memory(folder, k)).detector(packed, task) for k in gateways]
    whole = len(weights) == outcome.architecture.size
    return replace(
        outcome,
        tasks=[task for _ in gateways],
        weights=own,
        personal=True,
        overall=weights if whole else None,
    )
