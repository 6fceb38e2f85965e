"""The largest few, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fednids.messages.encodings.parts import Part, SentArrays, Vector, check_arrays, check_finite
from fednids.messages.encodings.places import pack_places, place_parts, unpack_places


@dataclass(frozen=True)
class TopK:
    """Send the numbers of largest magnitude, exactly; of equal ones, the first.

    ``top_k`` of Stich et al., "Sparsified SGD with Memory", NeurIPS 2018, a k-contraction
    (definition 2.1): ``|v - top_k(v)|² <= (1 - k/P) |v|²``. It is biased, so it converges
    only with the memory of that paper's equation 8, which
    `fednids.messages.encodings.Sender` keeps.

    Attributes
    ----------
    keep : float
        Share of the numbers to send, above 0 to 1; at least one is sent.
    """

    keep: float

    lossy: ClassVar[bool] = True
    feedback: ClassVar[bool] = True

    def kept(self, size: int) -> int:
        """Count the numbers that are sent of a vector of this size (k)."""
        return min(size, max(1, round(self.keep * size)))

    def parts(self, size: int) -> tuple[Part, ...]:
        """List the values and their places: about five bytes for each that is kept."""
        kept = self.kept(size)
        return (Part("values", kept, np.float32), *place_parts(size, kept))

    def encode(self, vector: Vector, rng: np.random.Generator) -> SentArrays:
        """Choose, and say where they stand."""
        check_finite(vector, "numbers to send")
        chosen = _largest(np.abs(vector), self.kept(len(vector)))
        return {"values": vector[chosen], **pack_places(chosen, len(vector))}

    def decode(self, arrays: SentArrays, size: int) -> Vector:
        """Put them back; the others are 0."""
        check_arrays(arrays, self.parts(size))
        check_finite(arrays["values"], "values")
        vector = np.zeros(size, np.float32)
        vector[unpack_places(arrays, size, self.kept(size))] = arrays["values"]
        return vector


def _largest(magnitudes: Vector, count: int) -> NDArray[np.intp]:
    """Return the places of the largest in rising order; of equal ones the first."""
    if count == len(magnitudes):
        return np.arange(count)
    least = np.partition(magnitudes, -count)[-count]
    chosen = magnitudes > least
    ties = np.flatnonzero(magnitudes == least)
    chosen[ties[: count - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen)
