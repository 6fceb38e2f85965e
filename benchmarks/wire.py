"""Seconds to encode and decode 100,000 weights in every way, and the bytes that are sent.

``python -m benchmarks.wire [--repeats 20] [--weights 100000]``

``ratio_bytes`` is the bytes of float32 ÷ those sent. ``squared_error`` is that of a round's
change as it is read, over its own: normal numbers here, one in ten of them ten times as large.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks.harness import seconds, show, spread
from fednids.config import WireConfig
from fednids.messages.encodings import ENCODINGS, Encoding, Vector, find_encoding, sent_bytes


def main() -> None:
    """Measure all encodings in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--weights", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    sizes = np.where(rng.random(asked.weights) < 0.1, 0.1, 0.01)
    change = (sizes * rng.standard_normal(asked.weights)).astype(np.float32)
    found: dict[str, Any] = {"weights": asked.weights}
    for name in ENCODINGS:
        found[name] = measure(find_encoding(name, WireConfig()), change, asked.repeats)
    show("wire", found)


def measure(encoding: Encoding, change: Vector, repeats: int) -> dict[str, Any]:
    """Time one encoding each way, once before without counting."""
    rng = np.random.default_rng(2)
    arrays = encoding.encode(change, rng)
    error = encoding.decode(arrays, len(change)) - change
    sent = sent_bytes(encoding, len(change))
    return {
        "encode": spread(seconds(lambda: encoding.encode(change, rng), repeats)),
        "decode": spread(seconds(lambda: encoding.decode(arrays, len(change)), repeats)),
        "bytes": sent,
        "ratio_bytes": change.nbytes / sent,
        "squared_error": float(error @ error / (change @ change)),
    }


if __name__ == "__main__":
    main()
