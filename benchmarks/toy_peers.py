"""The toy fleet as a file that PyTorch's peers read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.messages.values import Task
from fednids.networks.interface import Weights
from fednids.training.initial import initial_task, initial_weights, run_architecture
from fednids.training.local import LocalTrainer


def toy_start(config: Config, fleet: FederatedDataset) -> tuple[Task, Weights]:
    """Give the task of round 1 and the weights that every peer starts from."""
    workplace = LocalTrainer(config, fleet)
    task = initial_task([workplace.statistics(k) for k in range(fleet.gateways)], config)
    return task, initial_weights(run_architecture(task, config), config)


def write_for_peers(path: Path, config: Config, fleet: FederatedDataset) -> None:
    """Write windows, labels and initial weights as PyTorch's peers read them."""
    task, weights = toy_start(config, fleet)
    vectors, length = task.scaler.apply(fleet.flows.vectors), config.data.window
    each = [fleet.training(k) for k in range(fleet.gateways)]
    offsets = np.arange(1 - length, 1)
    windows = [vectors[w.vectors(np.arange(len(w))[:, None], offsets)] for w in each]
    parts = run_architecture(task, config).layout.unpack(weights)
    labels = np.stack([w.labels for w in each]).astype(np.int64)
    np.savez(path, windows=np.stack(windows), labels=labels, **parts)
