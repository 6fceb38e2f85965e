"""A fleet on Flower's simulation runtime, one Ray actor per core."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import clock

os.environ |= {
    "FLWR_TELEMETRY_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path[1:])]),
}

import fleet
import flower_client
from flwr.app import ArrayRecord, ConfigRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation


def main() -> None:
    options = fleet.arguments(__doc__).parse_args()
    arrays = fleet.read(options.data)
    network, server, ends = fleet.plain(arrays, options.pool), ServerApp(), []
    gateways = len(arrays["labels"])
    settings = ConfigRecord(
        {
            "data": str(options.data.resolve()),
            "batch": options.batch,
            "learning-rate": options.learning_rate,
            "pool": options.pool,
        }
    )

    def end_of_round(number: int, weights: ArrayRecord) -> MetricRecord:
        ends.append(time.perf_counter())
        return MetricRecord({"round": number})

    @server.main()
    def run(grid: Grid, context: Context) -> None:
        strategy = FedAvg(
            fraction_evaluate=0.0, min_train_nodes=gateways, min_available_nodes=gateways
        )
        result = strategy.start(
            grid,
            ArrayRecord(network.state_dict()),
            num_rounds=options.rounds,
            train_config=settings,
            evaluate_fn=end_of_round,
        )
        network.load_state_dict(result.arrays.to_torch_state_dict())

    run_simulation(
        server,
        flower_client.app,
        gateways,
        backend_config={
            "init_args": {"num_cpus": options.processes},
            "client_resources": {"num_cpus": 1, "num_gpus": 0},
        },
    )
    fleet.show((clock.STARTED, *ends), network, arrays, "flwr", "ray")


if __name__ == "__main__":
    main()
