"""A convolution over neighbouring flows and a GRU over what it finds.

Cao et al., "Network Intrusion Detection Model Based on CNN and GRU", Applied Sciences 12 (2022),
4184, for the combination; Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder",
EMNLP 2014, for the unit. A GRU has three gates where an LSTM has four, and one direction is read:
the window ends with the flow that is judged.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from fednids.config.section import Section
from fednids.errors import ConfigError
from fednids.networks.interface import Dropout, Head, Layout, Network, dense


class CNNGRUSettings(Section):
    """Sizes of the layers."""

    channels: int = Field(32, ge=1, description="channels of the convolution")
    kernel: int = Field(3, ge=1, description="flows the convolution sees; odd")
    hidden: int = Field(32, ge=1, description="GRU's hidden size")
    dropout: float = Field(0.0, ge=0, lt=1, description="share dropped before the GRU")


class CNNGRU(Network):
    """``(B, T, F)`` → convolution and ReLU → dropout → GRU → last state → logits ``(B, C)``."""

    Settings = CNNGRUSettings

    def layout(self) -> Layout:
        """Return the layout; the head ends it.

        Raises
        ------
        ConfigError
            An even kernel.
        """
        sizes: CNNGRUSettings = self.settings
        if sizes.kernel % 2 == 0:
            raise ConfigError(
                f"expected an odd model.kernel, got {sizes.kernel}; a window is padded equally at "
                "both ends"
            )
        bound = 1 / math.sqrt(sizes.hidden)
        parameters = (
            *dense("conv", sizes.kernel * self.features, sizes.channels),
            *dense("input", sizes.channels, 3 * sizes.hidden, bound),
            *dense("state", sizes.hidden, 3 * sizes.hidden, bound),
            *dense("head", sizes.hidden, self.classes),
        )
        return Layout(parameters, Head(), ("head",))

    def dropout(self) -> Dropout | None:
        """Return the dropout of channels, at each step."""
        share = self.settings.dropout
        return Dropout(share, self.settings.channels, self.window) if share else None

    def build(self) -> Any:
        """Return the cell."""
        from fednids.networks.cells import Tanh
        from fednids.networks.framework import Tensor, nn, ops

        class CNNGRUCell(nn.Cell):
            def __init__(self, features: int, window: int, classes: int, sizes: CNNGRUSettings):
                super().__init__()
                self.window, self.kernel, self.reach = window, sizes.kernel, sizes.kernel // 2
                self.channels, self.hidden = sizes.channels, sizes.hidden
                self.conv = nn.Dense(sizes.kernel * features, sizes.channels)
                self.input = nn.Dense(sizes.channels, 3 * sizes.hidden)
                self.state = nn.Dense(sizes.hidden, 3 * sizes.hidden)
                self.head = nn.Dense(sizes.hidden, classes)
                self.join_taps, self.join_steps = ops.Concat(2), ops.Concat(0)
                self.steps, self.gates = ops.Split(0, window), ops.Split(1, 3)
                self.relu, self.sigmoid, self.tanh = ops.ReLU(), ops.Sigmoid(), Tanh()

            def construct(self, windows: Tensor, mask: Tensor | None = None) -> Tensor:
                return self.classify(self.represent(windows, mask))

            def represent(self, windows: Tensor, mask: Tensor | None = None) -> Tensor:
                found = self.relu(self.conv(self.neighbours(ops.transpose(windows, (1, 0, 2)))))
                if mask is not None:
                    found = found * mask
                drives = self.steps(self.input(found))
                state = ops.zeros((drives[0].shape[0], self.hidden), found.dtype)
                for drive in drives:
                    reset, update, new = self.gates(drive)
                    of_reset, of_update, of_new = self.gates(self.state(state))
                    update = self.sigmoid(update + of_update)
                    new = self.tanh(new + self.sigmoid(reset + of_reset) * of_new)
                    state = new + update * (state - new)
                return state

            def neighbours(self, steps: Tensor) -> Tensor:
                """Return ``(T * B, k * F)``: each step beside its neighbours, zeros beyond."""
                if self.reach:
                    edge = ops.zeros((self.reach, *steps.shape[1:]), steps.dtype)
                    steps = self.join_steps((edge, steps, edge))
                taps: tuple[Tensor, ...] = ()
                for tap in range(self.kernel):
                    taps = (*taps, steps[tap : tap + self.window])
                return ops.reshape(self.join_taps(taps), (-1, self.conv.in_channels))

            def classify(self, read: Tensor) -> Tensor:
                return self.head(read)

        return CNNGRUCell(self.features, self.window, self.classes, self.settings)
