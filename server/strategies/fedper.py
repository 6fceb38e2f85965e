"""FedPer at the server: FedAvg of the layers that are everybody's."""

from __future__ import annotations

from typing import ClassVar

from fednids.config import Config
from fednids.errors import ConfigError
from fednids.networks.cnn_bilstm.architecture import Architecture, Weights
from fednids.networks.cnn_bilstm.presets import build_architecture
from fednids.training.initial import opening_weights
from server.strategies.leading import FedAveraged


class FedPer(FedAveraged):
    """Personalisation layers, the server's half.

    Arivazhagan et al., "Federated Learning with Personalization Layers", 2019,
    https://arxiv.org/abs/1912.00818, algorithm 2: the server knows the base layers alone, and
    averages them by windows.

    Parameters
    ----------
    config : Config
        Settings: how many dense layers stay with the gateways, and how many there are.

    Raises
    ------
    ConfigError
        There are not so many.
    """

    personal: ClassVar[bool] = True

    def __init__(self, config: Config):
        super().__init__()
        self.personal_layers = config.federation.personal_layers
        layers = len(build_architecture(config.model, 1, config.data.window).dense_layers)
        if self.personal_layers > layers:
            raise ConfigError(
                f"expected federation.personal_layers from 1 to {layers} for a network with "
                f"model.dense {'above 0' if layers > 1 else 0}, got {self.personal_layers}; "
                "lower it, or give the network a dense layer"
            )

    def opening(self, architecture: Architecture, config: Config) -> Weights:
        """Give the base of the run's opening weights."""
        whole = opening_weights(architecture, config)
        return whole[: architecture.base_size(self.personal_layers)].copy()
