"""Frames give back every bit of the records, and refuse everything else in one line."""

from __future__ import annotations

import json
import math
import struct
from contextlib import suppress

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

import fednids
from clients.warm.frames import (
    FrameError,
    Request,
    done,
    failed,
    pack_frame,
    read_reply,
    refused,
    unpack_frame,
)
from fednids.errors import DataError

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats()
NAMES = st.text(max_size=8)


@st.composite
def contents(draw: st.DrawFn) -> RecordDict:
    shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
    kinds = st.sampled_from(["float32", "float64", "int8", "float16", "bool"])
    arrays = draw(st.dictionaries(NAMES, st.tuples(shapes, kinds), max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    record = {n: Array(np.asarray(rng.random(s) * 9).astype(k)) for n, (s, k) in arrays.items()}
    values = NUMBERS | st.booleans() | st.text(max_size=5)
    return RecordDict(
        {
            "arrays": ArrayRecord(record),
            "metrics": MetricRecord(draw(st.dictionaries(NAMES, NUMBERS, max_size=3))),
            "config": ConfigRecord(draw(st.dictionaries(NAMES, values, max_size=3))),
            "lists": MetricRecord({"counts": [1, 2, 3], "sums": [0.1, math.inf, -0.0]}),
        }
    )


def bits(content: RecordDict) -> list[object]:
    """Everything a content holds, floats by their bytes."""

    def plain(value: object) -> object:
        if isinstance(value, float):
            return "NaN" if math.isnan(value) else struct.pack("<d", value)
        if isinstance(value, Array):
            return (value.dtype, tuple(value.shape), value.stype, value.data)
        return [plain(v) for v in value] if isinstance(value, list) else (type(value), value)

    return [
        (name, type(r).__name__, [(key, plain(v)) for key, v in r.items()])
        for name, r in content.items()
    ]


@given(contents())
def test_records_come_back_bit_by_bit(content: RecordDict) -> None:
    facts, found = unpack_frame(pack_frame({"kind": "train"}, content))
    assert facts == {"kind": "train"}
    assert bits(found) == bits(content)


def request() -> Request:
    content = RecordDict({"arrays": ArrayRecord({"weights": Array(np.arange(6.0))})})
    return Request("train", content, 7, 2**63 + 5, {"partition-id": 1}, {"run.seed": 1, "a": "b"})


def test_a_request_comes_back() -> None:
    found = Request.from_bytes(request().to_bytes())
    assert bits(found.content) == bits(request().content)
    assert found.context().run_config == {"run.seed": 1, "a": "b"}
    assert found.context().node_config == {"partition-id": 1}
    assert (found.kind, found.run_id, found.node_id) == ("train", 7, 2**63 + 5)


FRAME = request().to_bytes()


@given(st.integers(0, len(FRAME) - 1))
def test_a_truncated_request_is_refused(length: int) -> None:
    with pytest.raises(FrameError, match=r"\A[^\n]+\Z"):
        Request.from_bytes(FRAME[:length])


@settings(max_examples=300)
@given(st.integers(0, len(FRAME) - 1), st.integers(1, 255))
def test_flipped_bits_are_refused_or_harmless(place: int, flip: int) -> None:
    """Nothing but a `FrameError` ever comes of them."""
    damaged = bytearray(FRAME)
    damaged[place] ^= flip
    with suppress(FrameError):
        Request.from_bytes(bytes(damaged))


@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    for frame in (garbage, b"fednids1" + garbage):
        with pytest.raises(FrameError):
            Request.from_bytes(frame)


def frame_of(header: object) -> bytes:
    text = json.dumps(header).encode()
    return b"fednids1" + len(text).to_bytes(4, "little") + text


ODD = {
    "no object": [1],
    "no records": {"kind": "train"},
    "records of no kind": {"records": {"a": ["model", {}]}},
    "a record of too many parts": {"records": {"a": ["metrics", {}, 1]}},
    "a metric that is a text": {"records": {"a": ["metrics", {"b": "c"}]}},
    "bytes that are not there": {"records": {"a": ["arrays", [["w", "float32", [9], "n", 36]]]}},
    "negative bytes": {"records": {"a": ["arrays", [["w", "float32", [9], "n", -1]]]}},
    "a giant array": {"records": {"a": ["arrays", [["w", "float32", [2**40], "n", 0]]]}},
    "a shape of texts": {"records": {"a": ["arrays", [["w", "float32", ["9"], "n", 0]]]}},
}


@pytest.mark.parametrize("header", ODD.values(), ids=ODD)
def test_odd_headers_are_refused(header: object) -> None:
    with pytest.raises(FrameError):
        unpack_frame(frame_of(header))


def test_a_deeply_nested_header_is_refused() -> None:
    text = b"[" * 100_000
    with pytest.raises(FrameError):
        unpack_frame(b"fednids1" + len(text).to_bytes(4, "little") + text)


def test_bytes_in_a_record_are_not_written() -> None:
    with pytest.raises(FrameError, match="plain"):
        pack_frame({}, RecordDict({"config": ConfigRecord({"secret": b"\x00"})}))


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = request().to_bytes()
    monkeypatch.setattr(fednids, "__version__", "9.9.9")
    with pytest.raises(FrameError, match=r"expected fednids 9\.9\.9, got"):
        Request.from_bytes(frame)


def test_replies() -> None:
    content = request().content
    assert bits(read_reply(done(content))) == bits(content)
    with pytest.raises(DataError, match="expected a, got b"):
        read_reply(failed(DataError("expected a,\ngot b")))
    with pytest.raises(RuntimeError, match="ZeroDivisionError: by zero"):
        read_reply(failed(ZeroDivisionError("by zero")))
    with pytest.raises(FrameError, match="other"):
        read_reply(refused(FrameError("other")))
