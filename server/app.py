"""The ServerApp: settings from Flower's run config, the rounds, the run folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from fednids.algorithms import find_algorithm
from fednids.config import Config
from fednids.datasets.deployable import check_deployment
from fednids.errors import FednidsError
from fednids.runs.alone import alone_in
from fednids.runs.checkpoint import Checkpoint, read_checkpoint
from fednids.runs.facts import Facts
from fednids.runs.job import OpenRun
from fednids.runs.layout import CONFIG
from fednids.runs.plugins import check_same_plugins
from fednids.simulation import Environment
from fednids.simulation.adversaries.malicious import check_attack
from server.rounds import Federation, check_clean_flows

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run what ``flwr run`` started, and write its folder.

    The folder is the run config's ``out``; without, ``fednids-run-ID`` in the folder where
    the SuperLink was started. In a deployment the server has no flows, and what it tells of
    them is what the gateways said.
    """
    out = Path(str(context.run_config.get("out", "")) or f"fednids-run-{context.run_id}")
    check_same_plugins(context.run_config)
    config = Config.of_run(context.run_config)
    check_clean_flows(config)
    check_attack(config)
    check_deployment(config)
    Environment(config)
    with alone_in(out):
        _run(grid, config, out)


def _run(grid: Grid, config: Config, out: Path) -> None:
    """Run from the start or from where a run stopped."""
    stopped = _stopped(config, out)
    job = OpenRun.go_on(out, stopped) if stopped else OpenRun.begin("federated", config, out)
    federation = Federation(grid, job.config, job.observers)
    try:
        outcome = federation.run(stopped)
    except FednidsError:
        if config.deploy.names and not federation.cards and not stopped:
            shutil.rmtree(out, ignore_errors=True)  # it never began: the folder is free again
        raise
    personal = find_algorithm(config).personal
    facts = Facts.of_cards(federation.cards, config) if config.deploy.names else None
    job.finish(replace(outcome, personal=personal), facts=facts)


def _stopped(config: Config, out: Path) -> Checkpoint | None:
    """Return where to continue, if that is asked for and a run was begun there."""
    return read_checkpoint(out) if config.deploy.resume and (out / CONFIG).exists() else None
