"""The largest few, and where they stand, in as few bytes as need be known beforehand.

A place is cut into a page and an offset in it, as in a book: places rise, so it is enough to
send how many stand on each page. Offsets take one byte or two, whichever makes fewer bytes for
the size; a place by itself would take four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fednids.messages.encodings.parts import Part, SentArrays, Vector, check_arrays, check_finite

_PAGES: tuple[tuple[int, DTypeLike, DTypeLike], ...] = (
    (2**8, np.uint8, np.uint16),
    (2**16, np.uint16, np.uint32),
)
"""Numbers of a page, type of an offset, type of how many stand on a page."""


@dataclass(frozen=True)
class TopK:
    """Send the numbers of largest magnitude, exactly; of equal ones, the first.

    ``top_k`` of Stich et al., "Sparsified SGD with Memory", NeurIPS 2018, a k-contraction
    (definition 2.1): ``|v - top_k(v)|² <= (1 - k/P) |v|²``. It is biased, so it converges
    only with the memory of that paper's equation 8, which
    `fednids.messages.codec.encode_update` keeps.

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


def place_parts(size: int, kept: int) -> tuple[Part, Part]:
    """List the two arrays that tell the places of ``kept`` of ``size`` numbers."""
    choices = [
        (Part("pages", -(-size // page), counts), Part("offsets", kept, offsets))
        for page, offsets, counts in _PAGES
    ]
    return min(choices, key=lambda parts: sum(part.bytes for part in parts))


def pack_places(places: NDArray[np.intp], size: int) -> SentArrays:
    """Write places, which rise and are below ``size``, as `place_parts` lists."""
    pages, offsets = place_parts(size, len(places))
    page = _page(offsets)
    counts = np.bincount(places // page, minlength=pages.length)
    return {
        "pages": counts.astype(pages.dtype),
        "offsets": (places % page).astype(offsets.dtype),
    }


def unpack_places(arrays: SentArrays, size: int, kept: int) -> NDArray[np.int64]:
    """Read places out of arrays of the right shapes and types.

    Raises
    ------
    ValueError
        They do not rise, are too many or too few, or lie outside the vector.
    """
    pages, offsets = place_parts(size, kept)
    counts = arrays["pages"].astype(np.int64)
    if counts.sum() != kept:
        raise ValueError(f"expected {kept} places, got {counts.sum()}")
    starts = np.arange(pages.length, dtype=np.int64) * _page(offsets)
    places: NDArray[np.int64] = np.repeat(starts, counts)
    places += arrays["offsets"]
    if (np.diff(places) <= 0).any():
        raise ValueError("expected places that rise, got one twice or out of order")
    if kept and places[-1] >= size:
        raise ValueError(f"expected places below {size}, got {places[-1]}")
    return places


def _page(offsets: Part) -> int:
    """Return how many numbers a page of these offsets holds."""
    return int(np.iinfo(np.dtype(offsets.dtype)).max) + 1
