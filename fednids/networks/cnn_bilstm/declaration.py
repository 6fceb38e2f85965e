"""What the CNN-BiLSTM declares: its settings, its presets, and the layout of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate
from operator import floordiv
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.config.section import OfPreset, Scalar, Section, Sizes
from fednids.errors import ConfigError
from fednids.networks.interface import Dropout, Head, Layout, Network, Parameter, Stacked

Readout = Literal["last", "states", "mean"]


class CNNBiLSTMSettings(Section):
    """Sizes; those left out are the preset's."""

    preset: str = Field("default", description="named set of sizes: default, paper or lite")
    channels: Annotated[Sizes | None, OfPreset] = Field(
        None, description="channels of each convolution"
    )
    kernel: Annotated[int | None, OfPreset] = Field(
        None, ge=1, description="flows a convolution sees; odd"
    )
    pools: Annotated[Sizes | None, OfPreset] = Field(
        None, description="pool after each convolution"
    )
    hidden: Annotated[int | None, OfPreset] = Field(
        None, ge=1, description="LSTM's hidden size each way"
    )
    dense: Annotated[int | None, OfPreset] = Field(
        None, ge=0, description="width of the dense layer, 0 for none"
    )
    dropout: Annotated[float | None, OfPreset] = Field(
        None, ge=0, lt=1, description="share dropped before the BiLSTM"
    )
    readout: Annotated[Readout | None, OfPreset] = Field(
        None, description="what the head reads: last step, final states, or mean over steps"
    )
    parts: Literal["both", "cnn", "bilstm"] = Field(
        "both", description="for ablation: the convolutions alone, or the BiLSTM alone"
    )

    def proposed(self) -> Mapping[str, Scalar]:
        """Return settings of other sections that a preset implies, see ``docs/detector.md``."""
        if self.preset != "lite":
            return {}
        return {"data.window": 2, "train.batch_size": 128, "train.learning_rate": 0.006}


_SIZES = ("channels", "kernel", "pools", "hidden", "dense", "dropout", "readout")

PRESETS: dict[str, dict[str, Any]] = {
    name: dict(zip(_SIZES, sizes, strict=True))
    for name, *sizes in (
        ("default", (48,), 1, (1,), 32, 64, 0.0, "last"),
        ("paper", (16, 32), 3, (2, 5), 64, 32, 0.0, "last"),
        ("lite", (16,), 1, (1,), 8, 0, 0.0, "last"),
    )
}
"""How to add one: add a line and run ``pytest tests/networks/cnn_bilstm``.

``paper`` is the network of Wu et al., arXiv 2504.21008, with the sizes of public code that
fits the paper: two convolutions of 16 and 32 channels, pools of 2 and 5, a BiLSTM of 64
each way, a dense layer of 32. ``lite`` has less than a quarter of ``default``'s weights and
trains in less than a quarter of its time, with what `CNNBiLSTMSettings.proposed` brings.
"""


class CNNBiLSTM(Network):
    """Convolutions over neighbouring flows, and an LSTM in both directions over what they find.

    ``(B, T, F)`` → convolution, ReLU and max pooling, once per entry of `channels` →
    dropout → BiLSTM → readout → dense layer with ReLU where `dense` is above 0 → logits
    ``(B, C)``. Either half may be missing, which is for ablation: without the BiLSTM the head
    reads the last step of the convolutions, or their mean over steps.

    Attributes
    ----------
    channels, pools : tuple[int, ...]
        Output channels of each convolution, with zero padding at both ends, and width and stride
        of the max pooling after it; empty where the BiLSTM stands alone. Pools are aligned to the
        end of the window, so the labelled flow is always in one.
    kernel : int
        Flows that each convolution sees at once; odd.
    hidden : int
        Hidden size ``H`` of the LSTM in each direction; 0 where the convolutions stand alone.
    dense : int
        Width of the dense layer, 0 for none.
    readout : {"last", "states", "mean"}
        What the head reads: the BiLSTM's output at the last step, the final states of
        both directions, or the mean over steps. At the last step the reverse direction
        has read one step only, from a zero state, so ``last`` computes just that step,
        exactly, and keeps only the weights that can influence it.
    steps : tuple[int, ...]
        Number of time steps before the first convolution and after each pooling.
    """

    Settings = CNNBiLSTMSettings

    def __init__(self, settings: CNNBiLSTMSettings, features: int, window: int, classes: int):
        super().__init__(self.resolve(settings), features, window, classes)
        sizes, convolves = self.settings, self.settings.parts != "bilstm"
        self.channels: tuple[int, ...] = sizes.channels if convolves else ()
        self.pools: tuple[int, ...] = sizes.pools if convolves else ()
        self.kernel: int = sizes.kernel if convolves else 1
        self.hidden: int = 0 if sizes.parts == "cnn" else sizes.hidden
        self.dense: int = sizes.dense
        self.readout: Readout = sizes.readout
        self.steps = tuple(accumulate(self.pools, floordiv, initial=window))

    @classmethod
    def resolve(cls, settings: CNNBiLSTMSettings) -> CNNBiLSTMSettings:
        """Return settings with all of the preset's sizes, which then name no preset.

        Raises
        ------
        ConfigError
            There is no such preset.
        """
        if settings.preset not in PRESETS:
            raise ConfigError(
                f"expected model.preset to be one of {', '.join(PRESETS)}, got "
                f"{settings.preset!r}; choose one of these"
            )
        chosen = {k: v for k, v in settings.model_dump().items() if v is not None}
        sizes = {**PRESETS[settings.preset], **chosen, "preset": "default"}
        return CNNBiLSTMSettings.model_validate(sizes)

    @property
    def width(self) -> int:
        """Features of a step that the BiLSTM reads, or the head without one."""
        return (self.features, *self.channels)[-1]

    def layout(self) -> Layout:
        """Return the layout; the dense layer and the head end it.

        Raises
        ------
        ConfigError
            An even kernel, unequal numbers of convolutions and pools, pools that leave no step
            of the window, or states read of a BiLSTM that is left out.
        """
        self._check()
        inputs = (self.features, *self.channels)
        parameters: list[Parameter] = []
        for place, (width, channels) in enumerate(zip(inputs, self.channels, strict=False), 1):
            parameters += _affine(f"conv{place}", self.kernel * width, channels)
        width = self.width
        if self.hidden:
            parameters += self._lstm(width)
            width = 2 * self.hidden
        if self.dense:
            parameters += _affine("dense", width, self.dense)
            width = self.dense
        parameters += _affine("head", width, self.classes)
        last = ("dense", "head") if self.dense else ("head",)
        return Layout(tuple(parameters), Head(class_axis=1), last)

    def build(self) -> Any:
        """Return the cell; it reads the steps of `gathered`."""
        from fednids.networks.cnn_bilstm.network import CNNBiLSTMCell

        return CNNBiLSTMCell(self)

    def gathered(self) -> NDArray[np.int64]:
        """Return the rows of the first convolution: each step beside its neighbours."""
        reach, steps = self.kernel // 2, self.pool_order(0)
        return steps[:, None] + np.arange(-reach, reach + 1)

    def pool_order(self, place: int) -> NDArray[np.int64]:
        """Return the steps before a pool in `pooled_order`; all in order where there is none."""
        return pooled_order(self.steps[place], self.pools[place] if self.pools else 1)

    def dropout(self) -> Dropout | None:
        """Return the dropout before the BiLSTM: of channels, at each step."""
        share = self.settings.dropout
        return Dropout(share, self.width, self.steps[-1]) if share else None

    def stacked(self, members: int) -> Stacked | None:
        """Return the stacked form, of whole networks with readout ``last`` and no dropout."""
        whole = bool(self.channels and self.hidden) and self.readout == "last"
        if not whole or self.settings.dropout:
            return None
        from fednids.networks.cnn_bilstm.stacked import stack

        return stack(self, members)

    def published_size(self) -> int:
        """Return the number of weights of the same network in layers as papers count them.

        With two biases for each gate of the LSTM, and with readout ``last`` also with those
        weights of the reverse direction that cannot influence the output: what its later
        steps need, and its forget gate. Training leaves them out.
        """
        size, hidden = self.layout().size + 2 * 4 * self.hidden, self.hidden
        if self.readout != "last":
            return size
        return size + 4 * hidden * hidden + hidden * self.width + hidden

    def _lstm(self, width: int) -> list[Parameter]:
        hidden, bound = self.hidden, 1 / math.sqrt(self.hidden)
        directions = ("forward",) if self.readout == "last" else ("forward", "reverse")
        gates = 4 * hidden
        shapes = {"input": (gates, width), "hidden": (gates, hidden), "bias": (gates,)}
        parameters = [
            Parameter(f"lstm.{direction}.{kind}", shape, bound)
            for kind, shape in shapes.items()
            for direction in directions
        ]
        if self.readout == "last":
            parameters += [
                Parameter("lstm.reverse.input", (width, 3 * hidden), bound),
                Parameter("lstm.reverse.bias", (3 * hidden,), bound),
            ]
        return parameters

    def _check(self) -> None:
        if self.kernel % 2 == 0:
            raise ConfigError(
                f"expected an odd model.kernel, got {self.kernel}; "
                "a window is padded equally at both ends"
            )
        if self.readout == "states" and not self.hidden:
            raise ConfigError(
                "expected model.readout=last or mean with model.parts=cnn, got states, which a "
                "BiLSTM has; choose one of the two"
            )
        if len(self.channels) != len(self.pools):
            raise ConfigError(
                f"expected one of model.pools for each of model.channels, got {self.pools} for "
                f"{self.channels}; give as many of both"
            )
        if self.steps[-1] < 1:
            raise ConfigError(
                f"expected model.pools to leave a step of data.window={self.window}, got "
                f"{self.pools}; make the pools smaller or the window longer"
            )


def pooled_order(steps: int, pool: int) -> NDArray[np.int64]:
    """Return the steps in the order that makes pooling elementwise, ``(pool * (steps // pool),)``.

    First the first step of each pool, then the second of each, and so on. Pools are aligned to the
    last step; the ``steps % pool`` earliest steps are in none.
    """
    pooled = np.arange(steps % pool, steps).reshape(-1, pool)
    return pooled.T.ravel()


def _affine(layer: str, inputs: int, outputs: int) -> list[Parameter]:
    bound = 1 / math.sqrt(inputs)
    return [
        Parameter(f"{layer}.weight", (inputs, outputs), bound),
        Parameter(f"{layer}.bias", (outputs,), bound),
    ]
