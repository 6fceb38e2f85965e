"""The Flower ClientApp of the fleet, in the shape of Flower's PyTorch quickstart.

The arrays are read once per actor process, which is kinder than the quickstart.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import fleet
import numpy as np
import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from settle import settle
from torch.utils.data import DataLoader, TensorDataset

app = ClientApp()


@cache
def _arrays(path: str) -> dict[str, np.ndarray]:
    settle(1)
    return fleet.read(Path(path))


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train one epoch from the weights that came, without shuffling."""
    settings = message.content["config"]
    arrays, place = _arrays(settings["data"]), int(context.node_config["partition-id"])
    network = fleet.plain(arrays, settings["pool"])
    network.load_state_dict(message.content["arrays"].to_torch_state_dict())
    windows, labels = (torch.from_numpy(arrays[name][place]) for name in ("windows", "labels"))
    loader = DataLoader(TensorDataset(windows, labels), settings["batch"], shuffle=False)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings["learning-rate"])
    fleet.epoch(network, optimiser, loader)
    reply = RecordDict(
        {
            "arrays": ArrayRecord(network.state_dict()),
            "metrics": MetricRecord({"num-examples": len(labels)}),
        }
    )
    return Message(content=reply, reply_to=message)
