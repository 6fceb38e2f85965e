"""Flower's least app: what a round of two phases costs where nothing is done.

Run by `benchmarks.deployment` through ``flwr run``; the ServerApp writes the seconds of each
round to the run config's ``out``. A copy of this file is the whole app.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

client = ClientApp()
server = ServerApp()


@client.train()
def train(message: Message, context: Context) -> Message:
    return Message(message.content, reply_to=message)


@client.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    return Message(RecordDict(), reply_to=message)


@server.main()
def main(grid: Grid, context: Context) -> None:
    weights, taken = np.zeros(int(context.run_config["weights"]), np.float32), []
    while len(list(grid.get_node_ids())) < int(context.run_config["gateways"]):
        time.sleep(0.5)
    for _ in range(int(context.run_config["rounds"])):
        started = time.perf_counter()
        for kind in ("train", "evaluate"):
            content = RecordDict({"arrays": ArrayRecord({"weights": Array(weights)})})
            asked = [Message(content, node, kind) for node in grid.get_node_ids()]
            if any(reply.has_error() for reply in grid.send_and_receive(asked)):
                raise RuntimeError("a node failed")
        taken.append(time.perf_counter() - started)
    Path(str(context.run_config["out"])).write_text(json.dumps(taken), encoding="utf-8")
