"""One process of the pfl-research fleet; pfl joins the processes when it is imported."""

from __future__ import annotations

import time

import fleet
import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.aggregate.weighting import WeightByDatapoints
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam.base import NNTrainHyperParams
from pfl.metrics import Metrics
from pfl.model.pytorch import PyTorchModel
from torch import Tensor, nn
from torch_network import Plain


class Network(Plain):
    """The network with what pfl asks of a model."""

    def loss(self, windows: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self(windows), labels)

    def metrics(self, windows: Tensor, labels: Tensor) -> dict[str, float]:
        """Give nothing, so that the evaluation which pfl insists on in round 1 is free."""
        return {}


class Ends(TrainingProcessCallback):
    """The clock at the start, and at the end of each round."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_begin(self, *, model: PyTorchModel) -> Metrics:
        self.times.append(time.perf_counter())
        return Metrics()

    def after_central_iteration(
        self, aggregate_metrics: Metrics, model: PyTorchModel, *, central_iteration: int
    ) -> tuple[bool, Metrics]:
        self.times.append(time.perf_counter())
        return False, Metrics()


def run(arrays: dict[str, np.ndarray], options: fleet.Options) -> tuple[Network, list[float]]:
    """Train this process' part of every round; all processes end with the same network."""
    network = Network(arrays, arrays["windows"].shape[-1], options.pool, "last")
    model = PyTorchModel(
        network,
        local_optimizer_create=torch.optim.Adam,
        central_optimizer=torch.optim.SGD(network.parameters(), lr=1.0),
    )
    ends = Ends()
    FederatedAveraging().run(
        NNAlgorithmParams(
            central_num_iterations=options.rounds,
            evaluation_frequency=options.rounds,
            train_cohort_size=len(arrays["labels"]),
            val_cohort_size=0,
        ),
        SimulatedBackend(_users(arrays), None, postprocessors=[WeightByDatapoints()]),
        model,
        NNTrainHyperParams(
            local_batch_size=options.batch,
            local_num_epochs=1,
            local_learning_rate=options.learning_rate,
        ),
        callbacks=[ends],
        send_metrics_to_platform=False,
    )
    return network, ends.times


def _users(arrays: dict[str, np.ndarray]) -> FederatedDataset:
    """Give each gateway once per round, always as the same object of tensors."""
    np.random.seed(0)  # noqa: NPY002 - pfl wants the same global seed in all processes
    windows, labels = torch.from_numpy(arrays["windows"]), torch.from_numpy(arrays["labels"])
    users = [
        Dataset((x, y), user_id=str(place))
        for place, (x, y) in enumerate(zip(windows, labels, strict=True))
    ]
    return FederatedDataset(
        users.__getitem__, get_user_sampler("minimize_reuse", range(len(users)))
    )
