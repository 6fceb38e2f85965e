"""What an encoding is, and the arrays that it sends, whose number, length and type never vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

Vector = NDArray[np.float32]
"""``(P,) float32`` weights, or the change of weights."""

SentArrays = Mapping[str, NDArray[Any]]
"""Arrays by name, as they are sent."""


@dataclass(frozen=True)
class Part:
    """One array of an encoded vector.

    Attributes
    ----------
    name : str
        Its key on the wire.
    length : int
        How many numbers.
    dtype : DTypeLike
        Their type, in the machine's byte order.
    """

    name: str
    length: int
    dtype: DTypeLike

    @property
    def bytes(self) -> int:
        """How many it takes."""
        return self.length * np.dtype(self.dtype).itemsize


class Encoding(Protocol):
    """A way to send a vector: a function of the vector and a generator, and of nothing else."""

    @property
    def lossy(self) -> bool:
        """Whether what is read may differ from what was written.

        A gateway sends the change of its weights with a lossy encoding, else the weights.
        """
        ...

    @property
    def feedback(self) -> bool:
        """Whether the sender keeps what was left out, and adds it to what it sends next."""
        ...

    def parts(self, size: int) -> tuple[Part, ...]:
        """List the arrays of a vector of ``size`` numbers."""
        ...

    def encode(self, vector: Vector, rng: np.random.Generator) -> SentArrays:
        """Write a vector.

        Parameters
        ----------
        vector : ndarray
            ``(P,) float32``, which stays as it is.
        rng : numpy.random.Generator
            For encodings that round by chance.

        Returns
        -------
        Mapping[str, ndarray]
            One array for each of `parts`; may share memory with the vector.

        Raises
        ------
        ValueError
            NaN or infinity, which a lossy encoding cannot tell.
        """
        ...

    def decode(self, arrays: SentArrays, size: int) -> Vector:
        """Read a vector.

        Parameters
        ----------
        arrays : Mapping[str, ndarray]
            What came, which may be anything.
        size : int
            How many numbers are expected (P).

        Returns
        -------
        ndarray
            ``(P,) float32``; may share memory with the arrays.

        Raises
        ------
        ValueError
            `encode` does not write such arrays; one line.
        """
        ...


def sent_bytes(encoding: Encoding, size: int) -> int:
    """Count how many bytes a vector's arrays will take, before they are written.

    Parameters
    ----------
    encoding : Encoding
        How it is sent.
    size : int
        How many numbers it has (P).
    """
    return sum(part.bytes for part in encoding.parts(size))


def check_arrays(arrays: SentArrays, parts: Sequence[Part]) -> None:
    """Refuse arrays that are not the parts expected.

    Raises
    ------
    ValueError
        Another name, shape or type.
    """
    names = [part.name for part in parts]
    if set(arrays) != set(names):
        raise ValueError(f"expected the arrays {', '.join(names)}, got {sorted(map(repr, arrays))}")
    for part in parts:
        array = arrays[part.name]
        if array.shape != (part.length,) or array.dtype != np.dtype(part.dtype):
            raise ValueError(
                f"expected ({part.length},) {np.dtype(part.dtype)} {part.name}, got "
                f"{array.shape} {array.dtype}"
            )


def check_finite(values: NDArray[Any], name: str) -> None:
    """Refuse NaN and infinity.

    Raises
    ------
    ValueError
        There is one.
    """
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite {name}, got NaN or infinity")
