"""The interface of networks: settings, a layout of the weights, and a MindSpore cell.

How to add one: derive a class from `Network`, register it in `fednids.extensions.NETWORKS` or as
an entry point ``fednids.networks``; ``model.network=NAME`` chooses it. See ``docs/extending.md``.

NumPy alone: a server initialises and aggregates weights without MindSpore, so a network's file
imports it only inside `Network.build` and `Network.stacked`.

The weights of a detector are one ``(P,) float32`` array everywhere but inside the network: in
messages, in algorithms, in checkpoints. A `Layout` maps its parts to parameters.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from fednids.config import ModelConfig, Section
from fednids.errors import ConfigError
from fednids.extensions import NETWORKS

Weights = NDArray[np.float32]
"""``(P,) float32``: all weights of a network, laid end to end in the order of its layout."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a network.

    Attributes
    ----------
    name : str
        ``"<layer>.<what>"``, e.g. ``"head.weight"``.
    shape : tuple[int, ...]
        As the network uses it.
    bound : float
        Initial values are uniform within plus or minus this of `middle`.
    middle : float
        E.g. 1 for a scale.
    """

    name: str
    shape: tuple[int, ...]
    bound: float
    middle: float = 0.0

    @property
    def layer(self) -> str:
        """The part of the name before the first dot."""
        return self.name.partition(".")[0]

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


def dense(layer: str, inputs: int, outputs: int, bound: float = 0.0) -> tuple[Parameter, Parameter]:
    """Return the parameters of a ``mindspore.nn.Dense``, by default within 1/sqrt(fan-in)."""
    bound = bound or 1 / math.sqrt(inputs)
    return (
        Parameter(f"{layer}.weight", (outputs, inputs), bound),
        Parameter(f"{layer}.bias", (outputs,), bound),
    )


@dataclass(frozen=True)
class Head:
    """The linear layer that computes the logits.

    Attributes
    ----------
    weight, bias : str
        Names of its parameters.
    class_axis : int
        Axis of the classes in the weight: 0 of a ``mindspore.nn.Dense``.
    """

    weight: str = "head.weight"
    bias: str = "head.bias"
    class_axis: int = 0


@dataclass(frozen=True)
class Layout:
    """How the parameters of a network lie in one flat array.

    Attributes
    ----------
    parameters : tuple[Parameter, ...]
        In order.
    head : Head or None
        The linear head, where there is one.
    last_layers : tuple[str, ...]
        Names of the layers that end the network and the array, in order: what FedPer can leave
        to the clients.
    """

    parameters: tuple[Parameter, ...]
    head: Head | None = None
    last_layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check names, head and last layers."""
        names = [parameter.name for parameter in self.parameters]
        last = [parameter.layer in self.last_layers for parameter in self.parameters]
        heads = {self.head.weight, self.head.bias} if self.head else set()
        for fits, rule in (
            (len(set(names)) == len(names), "a name of its own for each parameter"),
            (heads <= set(names), f"a head made of parameters among {', '.join(names)}"),
            (last == sorted(last), f"the layers {', '.join(self.last_layers)} at the end"),
        ):
            if not fits:
                raise ConfigError(
                    f"expected a layout with {rule}, got {self.head} and {', '.join(names)}; "
                    "correct the network's layout()"
                )

    @cached_property
    def size(self) -> int:
        """Number of weights ``P``."""
        return sum(parameter.size for parameter in self.parameters)

    def initial_weights(self, rng: np.random.Generator) -> Weights:
        """Draw the weights that training starts from, ``(P,) float32``."""
        parts = [
            rng.uniform(p.middle - p.bound, p.middle + p.bound, p.size) for p in self.parameters
        ]
        weights: Weights = np.concatenate(parts).astype(np.float32)
        return weights

    def unpack(self, weights: Weights) -> dict[str, Weights]:
        """Return each parameter by name and in its shape, as views of ``weights``."""
        ends = np.cumsum([parameter.size for parameter in self.parameters])
        parts = zip(self.parameters, np.split(weights, ends[:-1]), strict=True)
        return {parameter.name: part.reshape(parameter.shape) for parameter, part in parts}

    def pack(self, arrays: Mapping[str, NDArray[np.float32]]) -> Weights:
        """Put named parameters into one flat array; the inverse of `unpack`."""
        parts = [np.ravel(arrays[parameter.name]) for parameter in self.parameters]
        return np.concatenate(parts).astype(np.float32)

    def base_size(self, last: int) -> int:
        """Count the weights before the ``last`` of `last_layers`, which end the array.

        Raises
        ------
        ConfigError
            There are not so many.
        """
        if last > len(self.last_layers):
            named = ", ".join(self.last_layers) or "none"
            raise ConfigError(
                f"expected a network that declares at least {last} last layers, got one that "
                f"declares {len(self.last_layers)} ({named}); lower the number of personal layers, "
                "or choose another model.network"
            )
        left_out = self.last_layers[-last:] if last else ()
        return sum(p.size for p in self.parameters if p.layer not in left_out)

    @cached_property
    def head_places(self) -> NDArray[np.int64]:
        """Where the head lies in the flat array: ``(C, D + 1)``, a row of places for each class.

        The last of a row is the place of the class's bias.

        Raises
        ------
        ConfigError
            The network declares no head.
        """
        if self.head is None:
            raise ConfigError(
                "expected a network that declares its linear head, got one without; choose another "
                "model.network"
            )
        starts = np.cumsum([0, *(parameter.size for parameter in self.parameters)])
        places = {
            parameter.name: start + np.arange(parameter.size).reshape(parameter.shape)
            for parameter, start in zip(self.parameters, starts, strict=False)
        }
        rows = np.moveaxis(places[self.head.weight], self.head.class_axis, 0)
        return np.concatenate([rows, places[self.head.bias][:, None]], axis=1)


@dataclass(frozen=True)
class Dropout:
    """Dropout in training: the cell is then called with masks, see `Network.build`.

    Masks are drawn by the trainer, and not by ``mindspore.nn.Dropout``, so that they depend on
    nothing but the seed, the round and the client.

    Attributes
    ----------
    share : float
        Of the activations, in (0, 1).
    width : int
        Activations in a row of the mask.
    rows : int
        Rows of the mask for a window.
    """

    share: float
    width: int
    rows: int = 1


NOWHERE = -1
"""Place of a weight that is always 0."""


@dataclass(frozen=True)
class Stacked:
    """Several detectors as one cell.

    Attributes
    ----------
    members : int
        Number of detectors ``K``.
    cell : mindspore.nn.Cell
        Maps ``(K, n * B, k, F + 1) float32`` to logits ``(K * B, C)``. The inputs of each of ``K``
        detectors lie as one's, see `Network.build`, with a column of ones, so that a bias can be a
        row of the weights.
    places : tuple[ndarray, ...]
        Of each trainable parameter, without its first axis of ``K``: which of a detector's flat
        weights lies where; `NOWHERE` for a weight that is always 0.
    """

    members: int
    cell: Any
    places: tuple[NDArray[np.int64], ...]


class Network(ABC):
    """A network with its settings and sizes; the base of all networks.

    Parameters
    ----------
    settings : Section
        An instance of the class's `Settings`, as `resolve` returns them.
    features, window, classes : int
        ``F``, ``T`` and ``C``.
    """

    Settings: ClassVar[type[Section]] = Section
    """Settings named ``model.<name>``."""

    def __init__(self, settings: Any, features: int, window: int, classes: int):
        self.settings = settings
        self.features, self.window, self.classes = features, window, classes

    @classmethod
    def resolve(cls, settings: Any) -> Section:
        """Return settings with everything filled in that follows from others of them."""
        return cast(Section, settings)

    @abstractmethod
    def layout(self) -> Layout:
        """Return the layout of the weights.

        Raises
        ------
        ConfigError
            The settings do not fit each other, or the window.
        """

    @abstractmethod
    def build(self) -> Any:
        """Return a ``mindspore.nn.Cell`` that maps windows to logits ``(B, C)``.

        Its trainable parameters have the order and shapes of the layout; one of them may hold
        several of the layout's end to end. There are no others, and no state: what a cell keeps
        beside its weights would pass from client to client. Its ``construct`` takes the windows,
        ``(B, T, F) float32``; another form where `gathered` is overridden; and a mask, where
        there is `dropout`: ``(rows * B, width) float32`` in training, to multiply with, and None
        in scoring.

        For algorithms that read what the head reads, it has two more methods: ``represent`` with
        the arguments of ``construct``, and ``classify``, from what that returns to the logits.
        """

    def gathered(self) -> NDArray[np.int64] | None:
        """Return which steps of a window the cell reads, where it does not read ``(B, T, F)``.

        ``(n, k)`` steps from 0 to ``T - 1``; any other stands for a row of zeros. The cell then
        takes ``(n * B, k, F) float32``: for each of the ``n``, all windows of the batch.
        """
        return None

    def dropout(self) -> Dropout | None:
        """Return what is dropped in training; None drops nothing."""
        return None

    def stacked(self, members: int) -> Stacked | None:
        """Return the cell of several detectors; None where each is to be trained alone."""
        return None

    def published_size(self) -> int:
        """Return the number of weights as papers count them, where that is another."""
        return self.layout().size


@dataclass(frozen=True)
class Architecture:
    """Which network, and all of its sizes: all that model files, checkpoints and servers know.

    Attributes
    ----------
    name : str
        A name in `fednids.extensions.NETWORKS`.
    settings : Section
        Of the network, resolved.
    features, window, classes : int
        ``F``, ``T`` and ``C``.
    """

    name: str
    settings: Section
    features: int
    window: int
    classes: int

    @classmethod
    def of(cls, model: ModelConfig, features: int, window: int, classes: int) -> Architecture:
        """Return the architecture that the settings ask for.

        Raises
        ------
        ConfigError
            There is no such network, or its settings do not fit each other or the window.
        """
        settings = NETWORKS.find(model.network).resolve(model.settings)
        architecture = cls(model.network, settings, features, window, classes)
        _ = architecture.layout
        return architecture

    @cached_property
    def network(self) -> Network:
        """The network itself."""
        found: Network = NETWORKS.find(self.name)(
            self.settings, self.features, self.window, self.classes
        )
        return found

    @cached_property
    def layout(self) -> Layout:
        """How the weights lie in the flat array."""
        return self.network.layout()

    @property
    def size(self) -> int:
        """Number of weights ``P``."""
        return self.layout.size

    def initial_weights(self, rng: np.random.Generator) -> Weights:
        """Draw the weights that training starts from, ``(P,) float32``."""
        return self.layout.initial_weights(rng)


def network_fault(member: Any) -> str | None:
    """Return what is wrong with a network from outside, or None."""
    if not (isinstance(member, type) and issubclass(member, Network)):
        return f"expected a class derived from fednids.networks.interface.Network, got {member!r}"
    if missing := sorted(getattr(member, "__abstractmethods__", ())):
        return f"expected a network with {' and '.join(missing)}, got {member.__name__} without"
    if not (isinstance(member.Settings, type) and issubclass(member.Settings, Section)):
        return (
            "expected Settings to be a class derived from fednids.config.Section, got "
            f"{member.Settings!r}"
        )
    return None
