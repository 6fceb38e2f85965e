"""Everything, as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fednids.messages.encodings.parts import Part, SentArrays, Vector, check_arrays


@dataclass(frozen=True)
class Full:
    """Send float32 bit for bit, NaN included: whoever reads weights checks them."""

    lossy: ClassVar[bool] = False
    feedback: ClassVar[bool] = False

    def parts(self, size: int) -> tuple[Part, ...]:
        """List the one array: four bytes a weight."""
        return (Part("values", size, np.float32),)

    def encode(self, vector: Vector, rng: np.random.Generator) -> SentArrays:
        """Return the vector itself."""
        return {"values": vector}

    def decode(self, arrays: SentArrays, size: int) -> Vector:
        """Return the array itself, if it is ``(size,) float32``."""
        check_arrays(arrays, self.parts(size))
        return arrays["values"]
