"""A multilayer perceptron over the flattened window: the least that a gateway can train.

Rey et al., "Federated learning for malware detection in IoT devices", Computer Networks 204
(2022), trains one in a federation of gateways.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fednids.config.section import Section, Sizes
from fednids.networks.interface import Dropout, Head, Layout, Network, dense


class MLPSettings(Section):
    """Sizes of the layers."""

    hidden: Sizes = Field((64, 32), description="widths of the hidden layers")
    dropout: float = Field(0.0, ge=0, lt=1, description="share dropped after each hidden layer")


class MLP(Network):
    """``(B, T, F)`` → ``(B, T * F)`` → dense layers with ReLU → logits ``(B, C)``."""

    Settings = MLPSettings

    def layout(self) -> Layout:
        """Return the layout; all layers end it, so that FedPer can leave any of them to clients."""
        widths = (self.window * self.features, *self.settings.hidden, self.classes)
        names = (*(f"dense{k}" for k in range(1, len(widths) - 1)), "head")
        layers = zip(names, widths[:-1], widths[1:], strict=True)
        return Layout(tuple(p for layer in layers for p in dense(*layer)), Head(), names[1:])

    def dropout(self) -> Dropout | None:
        """Return the dropout, one row of a mask for all hidden layers."""
        share = self.settings.dropout
        return Dropout(share, sum(self.settings.hidden)) if share else None

    def build(self) -> Any:
        """Return the cell."""
        from fednids.networks.framework import Tensor, nn, ops

        class MLPCell(nn.Cell):
            def __init__(self, inputs: int, hidden: tuple[int, ...], classes: int):
                super().__init__()
                widths = (inputs, *hidden)
                self.layers = nn.CellList([nn.Dense(*pair) for pair in zip(widths, hidden)])  # noqa: B905
                self.head, self.relu = nn.Dense(widths[-1], classes), ops.ReLU()
                self.flatten, self.split = nn.Flatten(), hidden

            def construct(self, windows: Tensor, mask: Tensor | None = None) -> Tensor:
                return self.classify(self.represent(windows, mask))

            def represent(self, windows: Tensor, mask: Tensor | None = None) -> Tensor:
                steps, start = self.flatten(windows), 0
                for layer in self.layers:
                    steps = self.relu(layer(steps))
                    if mask is not None:
                        width = steps.shape[1]
                        steps = steps * mask[:, start : start + width]
                        start = start + width
                return steps

            def classify(self, read: Tensor) -> Tensor:
                return self.head(read)

        return MLPCell(self.window * self.features, self.settings.hidden, self.classes)
