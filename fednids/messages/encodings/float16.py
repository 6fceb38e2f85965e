"""Half as many bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fednids.messages.encodings.parts import Part, SentArrays, Vector, check_arrays, check_finite

LARGEST_HALF = np.float32(np.finfo(np.float16).max)
"""65,504; what is larger is sent as this."""


@dataclass(frozen=True)
class Float16:
    """Round to the nearest IEEE half, ties to even.

    An error is at most 2⁻¹¹ of the number, or 2⁻²⁵ where the number is below 2⁻¹⁴.
    """

    lossy: ClassVar[bool] = True
    feedback: ClassVar[bool] = False

    def parts(self, size: int) -> tuple[Part, ...]:
        """List the one array: two bytes a weight."""
        return (Part("values", size, np.float16),)

    def encode(self, vector: Vector, rng: np.random.Generator) -> SentArrays:
        """Round; the largest stay finite."""
        check_finite(vector, "numbers to send")
        return {"values": np.clip(vector, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)}

    def decode(self, arrays: SentArrays, size: int) -> Vector:
        """Widen."""
        check_arrays(arrays, self.parts(size))
        check_finite(arrays["values"], "values")
        return arrays["values"].astype(np.float32)
