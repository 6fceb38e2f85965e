"""The head fitted again after the last round, from sums that all clients send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import TypeVar, cast

import numpy as np
from flwr.app import Message, RecordDict
from numpy.typing import NDArray

from fednids.algorithms import Algorithm
from fednids.config import Config
from fednids.errors import ConfigError
from fednids.messages.codec import WeightCodec
from fednids.messages.records import content_bytes, read_calibration, task_content
from fednids.messages.values import Calibration, Task
from fednids.networks.interface import Architecture, Weights
from fednids.runs.records import RecalibrationRecord
from fednids.seeding import Stream, generator
from fednids.training.initial import class_weights
from fednids.training.recalibration import ClassMoments, Floats, HeadSums, fit_head, fit_to_virtual
from server.participants import ClientList, Exchange
from server.replies import Replies

Sums = TypeVar("Sums", HeadSums, ClassMoments)


@dataclass
class Recalibrator:
    """Fits the head of the global weights again.

    Attributes
    ----------
    kind : {"head", "ccvr", "bias"}
        What is fitted, to what: ``federation.recalibrate``, or what the algorithm says.
    config : Config
        Settings of the run.
    network : Architecture
        Which declares its head.
    clients : ClientList
        All are asked, whether they were available in the last round or not.
    exchange : Callable
        Sends messages and returns the replies.
    class_counts : ndarray
        ``(C,) int64`` training flows of each class, of all clients together.
    """

    kind: str
    config: Config
    network: Architecture
    clients: ClientList
    exchange: Exchange
    class_counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Begin to count."""
        self._codec, self._exchanges = WeightCodec(self.config), 0
        self._bytes_down, self._bytes_up = 0, 0

    def recalibrate(self, weights: Weights, task: Task) -> tuple[Weights, RecalibrationRecord]:
        """Return ``(P,) float32`` weights with another head, and what it took.

        Raises
        ------
        FederationError
            Too few answers were usable.
        """
        kind, balance = self.kind, self.config.federation.recalibrate_balance
        task = replace(task, class_weights=class_weights(self.class_counts, balance))
        places = self.network.layout.head_places
        classes, width = places.shape

        def with_head(head: Floats) -> Weights:
            changed = weights.copy()
            changed[places] = head.astype(np.float32)
            return changed

        if kind == "ccvr":
            moments = self._ask("class_moments", weights, task, ClassMoments)
            rng = generator(self.config.run.seed, Stream.RECALIBRATION)
            head = fit_to_virtual((classes, width), moments, rng, balance)
        elif kind == "head":
            head = fit_head(
                (classes, width), lambda head: self._sums("head_sums", with_head(head), task)
            )
        else:
            start, bias = weights[places].astype(np.float64), np.eye(width)[-1:]
            added = fit_head(
                (classes, 1),
                lambda more: self._sums("bias_sums", with_head(start + more @ bias), task),
            )
            head = start + added @ bias
        record = RecalibrationRecord.model_validate(
            {
                "kind": kind,
                "exchanges": self._exchanges,
                "bytes_down": self._bytes_down,
                "bytes_up": self._bytes_up,
            }
        )
        return with_head(head), record

    def _sums(self, name: str, weights: Weights, task: Task) -> HeadSums:
        return reduce(add, self._ask(name, weights, task, HeadSums))

    def _ask(self, name: str, weights: Weights, task: Task, kind: type[Sums]) -> list[Sums]:
        """Return every client's sums, in the order of partition ids, in which they are added."""
        packed, _ = self._codec.pack(weights, task.server_round)
        content = task_content(packed, task)
        nodes = self.clients.nodes
        messages: dict[int, Message] = {
            k: Message(content, node, f"query.{name}") for k, node in enumerate(nodes)
        }
        shapes = self._shapes(name)

        def read(content: RecordDict) -> Calibration:
            found = read_calibration(content)
            _check(found, kind, shapes)
            return found

        replies: Replies[Calibration] = Replies("recalibrate", read, self.clients.names)
        found = [*replies.usable(messages, self.exchange(list(messages.values())))]
        replies.demand(self.config.federation.max_failures, task.server_round)
        self._exchanges += 1
        self._bytes_down += content_bytes(content) * len(messages)
        self._bytes_up += replies.received
        found.sort(key=lambda each: each.partition_id)
        return [cast(Sums, each.sums) for each in found]

    def _shapes(self, name: str) -> dict[str, tuple[int, ...]]:
        """Return the shapes that an answer's arrays must have."""
        classes, width = self.network.layout.head_places.shape
        if name == "class_moments":
            width -= 1
            return {
                "counts": (classes,),
                "sums": (classes, width),
                "products": (classes, width * (width + 1) // 2),
            }
        width = 1 if name == "bias_sums" else width
        pairs = classes * (classes + 1) // 2
        return {"gradient": (classes, width), "hessian": (pairs, width * (width + 1) // 2)}


def recalibration_kind(config: Config, algorithm: Algorithm) -> str:
    """Return what is fitted after the last round, "none" for nothing, and check that it can be.

    Raises
    ------
    ConfigError
        There is no head that is all clients' alike, or there are no validation flows for it.
    """
    kind: str = config.federation.recalibrate
    if kind == "auto":
        kind = algorithm.recalibrate
    if kind == "none":
        return kind
    if algorithm.personal:
        raise ConfigError(
            f"expected federation.recalibrate=none for {config.strategy.name}, whose clients have "
            f"detectors of their own, got {kind}; leave it out"
        )
    network = Architecture.of(config.model, 1, config.data.window, 2)
    if network.layout.head is None:
        raise ConfigError(
            f"expected a network that declares its linear head for federation.recalibrate={kind}, "
            f"got model.network={network.name}; choose another, or leave the setting out"
        )
    if kind == "bias" and not config.data.validation_share:
        raise ConfigError(
            "expected validation flows for federation.recalibrate=bias, got none; set "
            "data.validation_share=0.2, say"
        )
    return kind


def _check(
    found: Calibration, kind: type[HeadSums | ClassMoments], shapes: dict[str, tuple[int, ...]]
) -> None:
    """Check that an answer is of the kind that was asked for, and finite.

    Raises
    ------
    TypeError, ValueError
        It is not.
    """
    if not isinstance(found.sums, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(found.sums).__name__}")
    numbers: list[NDArray[np.generic]] = []
    for name, shape in shapes.items():
        array = getattr(found.sums, name)
        if array.shape != shape or array.dtype not in (np.float64, np.int64):
            raise ValueError(f"expected {name} of shape {shape}, got {array.shape} {array.dtype}")
        numbers.append(array)
    if isinstance(found.sums, HeadSums):
        numbers += [np.array([found.sums.loss, found.sums.weight])]
    if not all(np.isfinite(array).all() for array in numbers):
        raise ValueError("expected finite sums, got NaN or infinity")
