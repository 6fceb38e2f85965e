"""Which of P numbers are sent, in as few bytes as need be known beforehand.

A place is cut into a page and an offset in it, as in a book: places rise, so it is enough to
say how many stand on each page. Offsets take one byte or two, whichever makes fewer bytes for
the size; a place by itself would take four.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fednids.messages.encodings.parts import Part, SentArrays

_PAGES: tuple[tuple[int, DTypeLike, DTypeLike], ...] = (
    (2**8, np.uint8, np.uint16),
    (2**16, np.uint16, np.uint32),
)
"""Numbers of a page, type of an offset, type of how many stand on a page."""


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
