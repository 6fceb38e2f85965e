"""FedPer at the server: FedAvg of the layers that are everybody's."""

from __future__ import annotations

from typing import ClassVar

from fednids.config import Config
from fednids.errors import ConfigError
from fednids.networks.interface import Architecture, Weights
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
        architecture = Architecture.of(config.model, 1, config.data.window, 2)
        layers = len(architecture.layout.last_layers)
        if self.personal_layers > layers:
            raise ConfigError(
                f"expected federation.personal_layers from 1 to {layers} for a network with "
                f"model.dense {'above 0' if layers > 1 else 0}, got {self.personal_layers}; "
                "lower it, or give the network a dense layer"
            )

    def opening(self, architecture: Architecture, config: Config) -> Weights:
        """Give the base of the run's opening weights."""
        whole = opening_weights(architecture, config)
        return whole[: architecture.layout.base_size(self.personal_layers)].copy()
