"""One federation of the toy fleet on Flower's simulation runtime; prints one JSON object.

``python -m benchmarks.flower_run --gateways 100 --rounds 6``

Flower takes one ClientApp and calls it for a message at a time in Ray actors of its own, with
one processor each. The same `server.rounds` leads the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])

from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable
from flwr.serverapp import Grid, ServerApp
from flwr.simulation import run_simulation

from benchmarks.toy import FLOWS, toy_config
from benchmarks.toy_run import Rounds
from fednids.config import Config
from server.rounds import Federation


def client_app(config: Config) -> ClientApp:
    """Give the toy fleet's ClientApp with settings; this runtime hands none over."""
    settings = {**config.flat(), FLOWS: 1}

    def with_settings(message: Message, context: Context, call: ClientAppCallable) -> Message:
        from benchmarks.toy_app import app

        place = context.node_config
        return app(
            message, Context(context.run_id, context.node_id, place, context.state, settings)
        )

    app = ClientApp(mods=[with_settings])

    @app.train()
    @app.evaluate()
    @app.query()
    def never(message: Message, context: Context) -> Message:
        raise AssertionError("the modifier answers")

    return app


def main() -> None:
    """Run all rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=6)
    given = parser.parse_args()
    config = toy_config(
        given.gateways, federation__rounds=given.rounds, train__batch_size=32, train__stack=1
    )
    rounds, started, server = Rounds(), time.perf_counter(), ServerApp()

    @server.main()
    def lead(grid: Grid, context: Context) -> None:
        Federation(grid, config, [rounds]).run()

    run_simulation(
        server, client_app(config), given.gateways,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )  # fmt: skip
    found = {
        "seconds": time.perf_counter() - started,
        "round_seconds": rounds.seconds,
        "working_seconds": rounds.working,
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
