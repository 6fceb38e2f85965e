"""From a flow's columns to what a detector sees: a fixed function of one flow.

Nothing here is fitted, so nothing can leak, and every gateway computes the same without
asking anybody. A network cuts less sharply than a tree: a cut at one byte or one
millisecond needs a feature that changes there. So logarithms give the order of magnitude
and sines and cosines of several periods give the fine position.

Quirks handled here and nowhere else:

- durations are wrapped: most values are 4,294,967 ms less the true length;
- ``L7_PROTO`` is a name, ``master.sub``: the master's bits and whether there is a sub;
- flags and protocol are codes: one feature a bit, one a protocol;
- bytes and packets have heavy tails: logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fednids.flows.schema import DURATION, feature_names

Column = NDArray[np.float64]
Block = Mapping[str, Column]

WRAP = 4_294_967.0
"""2**32 microseconds in whole milliseconds, where durations wrap."""

_DURATION_PERIODS = tuple(2.0**power for power in range(2, 13))
_LOG_PERIODS = (0.5, 1.0, 2.0, 4.0)
_LONGEST_FINE = 1e5


def encode(columns: Block) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Encode flows by their feature columns.

    Parameters
    ----------
    columns : Mapping[str, ndarray]
        ``(N,) float64`` each: v1's eight features, or v2's 39.

    Returns
    -------
    names, encoded : tuple[str, ...], ndarray
        Names of the features, and ``(N, F) float32``, not scaled.
    """
    features: dict[str, Column] = {}
    for block in (_sizes, _durations, _codes):
        features.update(block(columns))
    for name in set(columns) - set(feature_names("v1")):
        features.update(_quantity(name.lower(), columns[name]))
    names = tuple(sorted(features))
    return names, np.column_stack([features[name] for name in names]).astype(np.float32)


def true_duration(wrapped: Column) -> Column:
    """Undo the wrapping of durations.

    Parameters
    ----------
    wrapped : ndarray
        ``(N,)`` milliseconds as in the file.

    Returns
    -------
    ndarray
        ``(N,)`` milliseconds: the distance to 4,294,967 for values in the upper half,
        the value itself below. 0 stays 0.
    """
    return np.where(wrapped > WRAP / 2, np.maximum(WRAP - wrapped, 0.0), wrapped)


def _sizes(columns: Block) -> Block:
    """Bytes, packets, bytes per packet, and their balance between the directions."""
    bytes_in, bytes_out = columns["IN_BYTES"], columns["OUT_BYTES"]
    packets_in, packets_out = columns["IN_PKTS"], columns["OUT_PKTS"]
    logs = {
        "bytes_in": np.log1p(bytes_in),
        "bytes_out": np.log1p(bytes_out),
        "packet_in": np.log1p(bytes_in / np.maximum(packets_in, 1)),
        "packet_out": np.log1p(bytes_out / np.maximum(packets_out, 1)),
    }
    features = {f"{name}_log": values for name, values in logs.items()}
    features["packets_in_log"], features["packets_out_log"] = (
        np.log1p(packets_in),
        np.log1p(packets_out),
    )
    features["bytes_balance"] = logs["bytes_in"] - logs["bytes_out"]
    features["packets_balance"] = features["packets_in_log"] - features["packets_out_log"]
    for name, values in logs.items():
        features.update(_waves(name, values, _LOG_PERIODS))
    return features


def _durations(columns: Block) -> Block:
    """Unwrapped duration; the waves stop where milliseconds no longer mean anything."""
    duration = columns[DURATION]
    length = true_duration(duration)
    waves = _waves("duration", length, _DURATION_PERIODS)
    return {
        "duration_log": np.log1p(length),
        "duration_zero": (duration == 0).astype(np.float64),
        "duration_wrapped": (duration > WRAP / 2).astype(np.float64),
        **{name: values * (length <= _LONGEST_FINE) for name, values in waves.items()},
    }


def _codes(columns: Block) -> Block:
    """Bits of the TCP flags, one feature a protocol, bits of the layer-7 master."""
    protocol, application = columns["PROTOCOL"], columns["L7_PROTO"]
    master = np.floor(application)
    named = {"icmp": 1, "tcp": 6, "udp": 17}
    features = {name: (protocol == code).astype(np.float64) for name, code in named.items()}
    features["protocol_other"] = (~np.isin(protocol, list(named.values()))).astype(np.float64)
    features["l7_sub"] = (application > master).astype(np.float64)
    features.update(_bits("l7", master))
    features.update(_bits("flag", columns["TCP_FLAGS"]))
    return features


def _quantity(name: str, values: Column) -> Block:
    """Any other column of v2: a code by its bits, a quantity by its logarithm."""
    if name.endswith("tcp_flags"):
        return _bits(name, values)
    return {f"{name}_log": np.log1p(values)}


def _bits(name: str, codes: Column) -> Block:
    whole = np.mod(codes, 256).astype(np.int64)
    return {f"{name}_{bit}": ((whole >> bit) & 1).astype(np.float64) for bit in range(8)}


def _waves(name: str, values: Column, periods: tuple[float, ...]) -> Block:
    """Sine and cosine of each period."""
    waves: dict[str, Column] = {}
    shapes: dict[str, Callable[[Column], Column]] = {"sin": np.sin, "cos": np.cos}
    for period in periods:
        for shape, wave in shapes.items():
            waves[f"{name}_{shape}_{period:g}"] = wave(2 * np.pi / period * values)
    return waves
