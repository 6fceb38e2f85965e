"""What the fleet peers share: arguments, data, the last loss and the one line of JSON."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch_network import Plain

Options = argparse.Namespace
Batches = Sequence[tuple[Tensor, Tensor]]


def arguments(about: str | None) -> argparse.ArgumentParser:
    """Parse what all fleets take; ``pool`` must divide the length of the windows."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--pool", type=int, default=2)
    return parser


def read(path: Path) -> dict[str, np.ndarray]:
    """Read windows ``(G, n, T, F)``, labels ``(G, n)`` and the weights."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def plain(arrays: dict[str, np.ndarray], pool: int) -> Plain:
    """Build the network with readout ``last`` and the initial weights."""
    return Plain(arrays, arrays["windows"].shape[-1], pool, "last")


def gateways(arrays: dict[str, np.ndarray], batch: int) -> list[Batches]:
    """Cut each gateway's data into views, the last one short where it must be."""
    pairs = zip(
        torch.from_numpy(arrays["windows"]), torch.from_numpy(arrays["labels"]), strict=True
    )
    return [list(zip(x.split(batch), y.split(batch), strict=True)) for x, y in pairs]


def epoch(network: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> None:
    """Take one optimiser step per batch, in order."""
    for windows, labels in batches:
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(windows), labels).backward()
        optimiser.step()


@torch.no_grad()
def mean_loss(network: nn.Module, arrays: dict[str, np.ndarray]) -> float:
    """Average the cross-entropy over all windows of all gateways."""
    total = sum(
        float(nn.functional.cross_entropy(network(windows), labels, reduction="sum"))
        for batches in gateways(arrays, 1000)
        for windows, labels in batches
    )
    return total / arrays["labels"].size


def show(
    times: Sequence[float], network: nn.Module, arrays: dict[str, np.ndarray], *names: str
) -> None:
    """Print the one object.

    Parameters
    ----------
    times : Sequence[float]
        The clock at the start of all, at the start of the first round, and after each.
    network : Module
        With the final weights.
    arrays : dict[str, ndarray]
        The fleet.
    names : str
        Packages of the peer beside PyTorch and NumPy.
    """
    seconds, started = time.perf_counter() - times[0], time.perf_counter()
    torch.set_num_threads(1)
    loss = mean_loss(network, arrays)
    found = {
        "seconds": seconds,
        "round_seconds": np.diff(times[1:]).tolist(),
        "final_loss": loss,
        "loss_seconds": time.perf_counter() - started,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "numpy", *names)},
    }
    print(json.dumps(found), flush=True)
