"""FedPer: the last layers of the network are each client's own."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from fednids.algorithms.interface import Algorithm, Arrays, Client
from fednids.config import Section
from fednids.errors import ConfigError
from fednids.messages.values import Update
from fednids.networks.interface import Architecture, Weights


class FedPer(Algorithm):
    """Personalisation layers.

    Arivazhagan et al., "Federated Learning with Personalization Layers", 2019,
    https://arxiv.org/abs/1912.00818. Base layers come from the server, personal layers are those
    that the client had; both are trained together, and the base alone is sent (algorithm 1). The
    server knows the base layers alone, and averages them by windows (algorithm 2). Personal layers
    begin as the run's initial weights, alike at all clients.
    """

    class Settings(Section):  # noqa: D106
        personal_layers: int = Field(
            1, ge=1, le=2, description="number of last dense layers that stay with the clients"
        )

    settings: Settings
    personal: ClassVar[bool] = True

    def check_network(self, network: Architecture) -> None:
        """Check that the network has so many dense layers.

        Raises
        ------
        ConfigError
            It has fewer.
        """
        wanted, layers = self.settings.personal_layers, len(network.layout.last_layers)
        if not layers:
            raise ConfigError(
                "expected a network that declares its last layers for strategy.name=fedper, got "
                f"model.network={network.name}; choose another network or another strategy"
            )
        if wanted > layers:
            raise ConfigError(
                f"expected strategy.personal_layers from 1 to {layers}, the dense layers that end "
                f"model.network={network.name} with these settings, got {wanted}; lower it, or "
                "give the network a dense layer"
            )

    def initial_weights(self, network: Architecture, seed: int) -> Weights:
        """Return the base of the run's initial weights."""
        whole = super().initial_weights(network, seed)
        return whole[: network.layout.base_size(self.settings.personal_layers)].copy()

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train base and personal layers; remember the latter and return the former."""
        update = client.fit(self.detector(client, weights, received)).update
        base = len(weights)
        client.remember(layers=update.weights[base:])
        return replace(update, weights=update.weights[:base])

    def detector(self, client: Client, weights: Weights, received: Arrays) -> Weights:
        """Return the base with the client's personal layers after it."""
        own = client.recall().get("layers")
        if own is None:
            own = client.initial_weights()[len(weights) :]
        return np.concatenate([weights, own])
