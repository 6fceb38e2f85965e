"""Vectors to send, and the encodings that the tests try."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fednids.config import WireConfig
from fednids.messages.encodings import ENCODINGS, Encoding

ALL: dict[str, Encoding] = {
    **{name: make(WireConfig()) for name, make in ENCODINGS.items()},
    **{f"topk-{keep}": ENCODINGS["topk"](WireConfig(keep=keep)) for keep in (1e-4, 0.3, 1.0)},
}
LOSSY = {name: encoding for name, encoding in ALL.items() if encoding.lossy}

few = settings(max_examples=15, deadline=None)
"""For laws that are tried on every encoding."""

sizes = st.integers(0, 40) | st.sampled_from([255, 256, 257, 512, 700])
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
vectors = sizes.flatmap(lambda size: arrays(np.float32, size, elements=finite))
moderate = sizes.flatmap(
    lambda size: arrays(np.float32, size, elements=st.floats(-100, 100, width=32))
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def normal(size: int, seed: int = 0) -> np.ndarray:
    return generator(seed).standard_normal(size, np.float32)
