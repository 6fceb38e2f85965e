"""The network's sizes, and the layout of its weights in one flat array.

NumPy alone: the server initialises and aggregates weights without MindSpore.

The weights of a detector are one ``(P,) float32`` array everywhere but inside the
network: on the wire, in strategies, in checkpoints. `Architecture.layout` says which
part of it is which parameter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fednids.networks.interface import Weights as Weights

Readout = Literal["last", "states", "mean"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of the network.

    Attributes
    ----------
    name : str
        E.g. ``"lstm.forward.input"``.
    shape : tuple[int, ...]
        As the network uses it.
    bound : float
        Initial values are uniform within plus or minus this.
    """

    name: str
    shape: tuple[int, ...]
    bound: float

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Architecture:
    """All sizes of a CNN-BiLSTM.

    ``(B, T, F)`` → convolution, ReLU and max pooling, once per entry of `channels` →
    dropout → BiLSTM → readout → dense layer with ReLU where `dense` is above 0 → logits
    ``(B, C)``. Either half may be missing, which is for ablation.

    Attributes
    ----------
    features, window, classes : int
        ``F``, ``T`` and ``C``.
    channels : tuple[int, ...]
        Output channels of each convolution; none leaves the BiLSTM alone.
    kernel : int
        Flows that each convolution sees at once; odd, zero padding at both ends.
    pools : tuple[int, ...]
        Width and stride of the max pooling after each convolution. Pools are aligned
        to the end of the window, so the labelled flow is always in one.
    hidden : int
        Hidden size ``H`` of the LSTM in each direction; 0 leaves the convolutions alone, and
        the head reads their last step, or their mean over steps.
    dense : int
        Width of the dense layer, 0 for none.
    dropout : float
        Share of activations dropped before the BiLSTM in training, in [0, 1).
    readout : {"last", "states", "mean"}
        What the head reads: the BiLSTM's output at the last step, the final states of
        both directions, or the mean over steps. At the last step the reverse direction
        has read one step only, from a zero state, so ``last`` computes just that step,
        exactly, and keeps only the weights that can influence it.
    """

    features: int
    window: int
    classes: int
    channels: tuple[int, ...]
    kernel: int
    pools: tuple[int, ...]
    hidden: int
    dense: int
    dropout: float
    readout: Readout

    @property
    def steps(self) -> tuple[int, ...]:
        """Number of time steps before the first convolution and after each pooling."""
        steps = [self.window]
        for pool in self.pools:
            steps.append(steps[-1] // pool)
        return tuple(steps)

    @property
    def first_pool(self) -> int:
        """Pool after the first convolution, by which the rows of windows are laid out."""
        return self.pools[0] if self.pools else 1

    @property
    def width(self) -> int:
        """Features of a step that the BiLSTM reads, or the head without one."""
        return (self.features, *self.channels)[-1]

    @cached_property
    def layout(self) -> tuple[Parameter, ...]:
        """The parameters in the order in which they lie in the flat array."""
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
        return (*parameters, *_affine("head", width, self.classes))

    def _lstm(self, width: int) -> list[Parameter]:
        hidden, bound = self.hidden, 1 / math.sqrt(self.hidden)
        directions = ("forward",) if self.readout == "last" else ("forward", "reverse")
        shapes = {
            "input": (4 * hidden, width),
            "hidden": (4 * hidden, hidden),
            "bias": (4 * hidden,),
        }
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

    @cached_property
    def size(self) -> int:
        """Number of weights ``P``."""
        return sum(parameter.size for parameter in self.layout)

    @property
    def published_size(self) -> int:
        """Number of weights of the same network in layers as papers count them.

        With two biases for each gate of the LSTM, and with readout ``last`` also with those
        weights of the reverse direction that cannot influence the output: what its later
        steps need, and its forget gate. Training leaves them out.
        """
        hidden, second_biases = self.hidden, 2 * 4 * self.hidden
        if self.readout != "last":
            return self.size + second_biases
        forget_gate = hidden * self.width + hidden
        return self.size + second_biases + 4 * hidden * hidden + forget_gate

    @property
    def dense_layers(self) -> tuple[str, ...]:
        """Names of the dense layers, in order: what is personal with FedPer ends the network."""
        return ("dense", "head") if self.dense else ("head",)

    def base_size(self, personal_layers: int) -> int:
        """Count the weights before the last dense layers, which lie at the end of the array.

        Parameters
        ----------
        personal_layers : int
            How many dense layers to leave out, at most as many as there are.
        """
        left = self.dense_layers[-personal_layers:] if personal_layers else ()
        return sum(p.size for p in self.layout if p.name.partition(".")[0] not in left)

    def initial_weights(self, rng: np.random.Generator) -> Weights:
        """Draw the weights that training starts from, ``(P,) float32``.

        Uniform within 1/sqrt(fan-in), for the LSTM within 1/sqrt(H), which is what
        PyTorch and MindSpore do by default.
        """
        parts = [rng.uniform(-p.bound, p.bound, p.size) for p in self.layout]
        weights: Weights = np.concatenate(parts).astype(np.float32)
        return weights

    def unpack(self, weights: Weights) -> dict[str, Weights]:
        """Give each parameter by name and shape, as views of ``weights``."""
        ends = np.cumsum([parameter.size for parameter in self.layout])
        parts = np.split(weights, ends[:-1])
        return {p.name: part.reshape(p.shape) for p, part in zip(self.layout, parts, strict=True)}

    def pack(self, arrays: Mapping[str, NDArray[np.float32]]) -> Weights:
        """Put named parameters into one flat array; the inverse of `unpack`."""
        return np.concatenate([np.ravel(arrays[p.name]) for p in self.layout]).astype(np.float32)


def _affine(name: str, inputs: int, outputs: int) -> list[Parameter]:
    bound = 1 / math.sqrt(inputs)
    return [
        Parameter(f"{name}.weight", (inputs, outputs), bound),
        Parameter(f"{name}.bias", (outputs,), bound),
    ]
