"""What a network declares, read without MindSpore."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]
"""``(P,) float32``: all weights of a network, laid end to end in the order of its layout."""
