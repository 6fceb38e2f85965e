"""What goes over the wire: vectors as named arrays, smaller than float32 if so wished.

NumPy only. `ENCODINGS` are the ways to write a vector, whose bytes are a function of its size
alone (`sent_bytes`); `fednids.messages.codec` encodes updates with them.
"""

from __future__ import annotations

from collections.abc import Callable

from fednids.config import WireConfig
from fednids.errors import ConfigError
from fednids.messages.encodings.float16 import Float16
from fednids.messages.encodings.full import Full
from fednids.messages.encodings.int8 import Int8
from fednids.messages.encodings.parts import Encoding, Part, SentArrays, Vector, sent_bytes
from fednids.messages.encodings.topk import TopK

__all__ = [
    "DOWN",
    "ENCODINGS",
    "Encoding",
    "Part",
    "SentArrays",
    "Vector",
    "find_encoding",
    "sent_bytes",
]

ENCODINGS: dict[str, Callable[[WireConfig], Encoding]] = {
    "full": lambda settings: Full(),
    "float16": lambda settings: Float16(),
    "int8": lambda settings: Int8(),
    "topk": lambda settings: TopK(settings.keep),
}
"""How to add one: write an `Encoding` in a file of its own; add a line here, and its name to
the descriptions of ``wire.up`` and ``wire.down``; run ``pytest tests/messages``."""

DOWN: tuple[str, ...] = ("full", "float16", "int8")
"""Encodings for global weights: those that need not remember what each gateway has."""


def find_encoding(name: str, settings: WireConfig, *, down: bool = False) -> Encoding:
    """Build the encoding of a name.

    Parameters
    ----------
    name : str
        ``settings.up`` or ``settings.down``.
    settings : WireConfig
        What encodings read.
    down : bool
        Whether it is to carry global weights to the gateways.

    Raises
    ------
    ConfigError
        There is none of this name in this direction.
    """
    known = DOWN if down else tuple(ENCODINGS)
    if name not in known:
        raise ConfigError(
            f"expected wire.{'down' if down else 'up'} to be one of {', '.join(known)}, got "
            f"{name!r}; choose one of these"
        )
    return ENCODINGS[name](settings)
