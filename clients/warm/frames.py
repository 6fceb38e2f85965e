"""Requests to the trainer and its replies as bytes: a JSON header, then the arrays. No pickle.

::

    b"fednids1"  header length, 4 bytes, little-endian  header, UTF-8 JSON  arrays, end to end

The header holds plain facts beside the records. Numbers and texts stay what they are,
bit by bit: JSON written by Python gives every float back, NaN and infinity too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, MetricRecord, RecordDict

import fednids
from fednids import errors

PlainSettings = Mapping[str, bool | int | float | str]

_DONE, _FAILED, _REFUSED = "done", "failed", "refused"
_MOST_TEXT = 2000

MOST_BYTES = 1 << 30
"""Of a frame; more is refused before it is read."""

_MAGIC = b"fednids1"
_START = len(_MAGIC) + 4
_RECORDS = "records"
_PLAIN: dict[str, Any] = {"metrics": MetricRecord, "config": ConfigRecord}
_ARRAYS = "arrays"


class FrameError(ValueError):
    """The bytes are no frame, or the records cannot be written as one."""


def pack_frame(facts: Mapping[str, Any], content: RecordDict | None = None) -> bytes:
    """Write facts and records.

    Parameters
    ----------
    facts : Mapping[str, Any]
        Plain JSON.
    content : RecordDict, optional
        Records; their arrays are written as they are, of any type.

    Raises
    ------
    FrameError
        A value is not plain: bytes in a record, for one.
    """
    blobs: list[bytes] = []
    records = {name: _written(record, blobs) for name, record in (content or {}).items()}
    try:
        header = json.dumps({**facts, _RECORDS: records}).encode()
    except (TypeError, ValueError) as error:
        raise FrameError(f"expected plain values, got {error}") from None
    return b"".join([_MAGIC, len(header).to_bytes(4, "little"), header, *blobs])


def unpack_frame(frame: bytes) -> tuple[dict[str, Any], RecordDict]:
    """Read what `pack_frame` wrote.

    Raises
    ------
    FrameError
        The bytes are garbage, cut off, too many, or of another form.
    """
    length = int.from_bytes(frame[len(_MAGIC) : _START], "little")
    if frame[: len(_MAGIC)] != _MAGIC or len(frame) < _START + length:
        raise FrameError(f"expected a whole frame, got {len(frame)} bytes of something else")
    try:
        facts = json.loads(frame[_START : _START + length])
        blobs = _Blobs(frame, _START + length)
        records = {name: _read(each, blobs) for name, each in facts.pop(_RECORDS).items()}
        blobs.end()
        return facts, RecordDict(records)
    except FrameError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FrameError(f"expected records in a frame, got {reason}") from None


class _Blobs:
    """The bytes behind the header, one array after another."""

    def __init__(self, frame: bytes, start: int):
        self._frame, self._place = frame, start

    def take(self, count: int) -> bytes:
        end = self._place + count
        if count < 0 or end > len(self._frame):
            raise FrameError("expected the bytes of all arrays, got a frame that is cut off")
        taken, self._place = self._frame[self._place : end], end
        return taken

    def end(self) -> None:
        if self._place != len(self._frame):
            raise FrameError(f"expected no more bytes, got {len(self._frame) - self._place}")


def _written(record: object, blobs: list[bytes]) -> tuple[str, object]:
    """Return a record's kind and what stands of it in the header."""
    if not isinstance(record, ArrayRecord):
        kind = "metrics" if isinstance(record, MetricRecord) else "config"
        return kind, dict(cast(Mapping[str, Any], record))
    blobs += [array.data for array in record.values()]
    return _ARRAYS, [
        [name, array.dtype, list(array.shape), array.stype, len(array.data)]
        for name, array in record.items()
    ]


def _read(written: Any, blobs: _Blobs) -> ArrayRecord | MetricRecord | ConfigRecord:
    kind, value = written
    if kind == _ARRAYS:
        return ArrayRecord({str(name): _array(rest, blobs) for name, *rest in value})
    record: type[MetricRecord] | type[ConfigRecord] = _PLAIN[kind]
    return record(value)


def _array(written: Any, blobs: _Blobs) -> Array:
    dtype, shape, stype, count = written
    texts = isinstance(dtype, str) and isinstance(stype, str)
    if not texts or type(count) is not int or any(type(size) is not int for size in shape):
        raise FrameError(f"expected type, shape and size of an array, got {dtype!r}, {shape!r}")
    if not 0 <= math.prod(shape) <= MOST_BYTES:
        raise FrameError(f"expected the shape of an array, got {shape!r}")
    return Array(dtype, tuple(shape), stype, blobs.take(count))


@dataclass(frozen=True)
class Request:
    """A message to a gateway, without what only Flower needs.

    Attributes
    ----------
    kind : str
        The message's type.
    content : RecordDict
        What the server sent.
    run_id, node_id : int
        Of the context.
    node_config, run_config : Mapping[str, bool | int | float | str]
        Of the context.
    version : str
        Of fednids, in the process that asks.
    """

    kind: str
    content: RecordDict
    run_id: int
    node_id: int
    node_config: PlainSettings
    run_config: PlainSettings
    version: str = fednids.__version__

    @classmethod
    def of(cls, kind: str, content: RecordDict, context: Context) -> Request:
        """Take what a message's type, content and context say."""
        settings = dict(context.node_config), dict(context.run_config)
        return cls(kind, content, context.run_id, context.node_id, *settings)

    def context(self) -> Context:
        """Return the context anew; Flower's state stays with Flower."""
        state, settings = RecordDict(), dict(self.run_config)
        return Context(self.run_id, self.node_id, dict(self.node_config), state, settings)

    def to_bytes(self) -> bytes:
        """Write the request as a frame.

        Raises
        ------
        FrameError
            The content cannot be written as one.
        """
        facts = {name: value for name, value in vars(self).items() if name != "content"}
        return pack_frame(facts, self.content)

    @classmethod
    def from_bytes(cls, frame: bytes) -> Request:
        """Read what `to_bytes` wrote.

        Raises
        ------
        FrameError
            It is no request, or of another version of fednids.
        """
        facts, content = unpack_frame(frame)
        if facts.get("version") != fednids.__version__:
            raise FrameError(
                f"expected fednids {fednids.__version__}, got {str(facts.get('version'))[:40]}"
            )
        wanted = {"kind": str, "run_id": int, "node_id": int}
        wanted |= {"node_config": dict, "run_config": dict, "version": str}
        if {name: type(value) for name, value in facts.items()} != wanted:
            raise FrameError(f"expected {', '.join(wanted)}, got {', '.join(facts)[:200]}")
        return cls(content=content, **facts)


def done(content: RecordDict) -> bytes:
    """Write the content of a reply."""
    return pack_frame({"status": _DONE}, content)


def failed(error: Exception) -> bytes:
    """Write what went wrong in the work itself: it would go wrong anywhere."""
    return _reasoned(_FAILED, error)


def refused(error: Exception) -> bytes:
    """Write why the trainer does not do this work; somebody else may."""
    return _reasoned(_REFUSED, error)


def read_reply(frame: bytes) -> RecordDict:
    """Read the content of a reply.

    Raises
    ------
    FrameError
        It is none, or the trainer refused the work.
    FednidsError
        As in the trainer, where the work itself went wrong.
    RuntimeError
        Any other error in the work.
    """
    facts, content = unpack_frame(frame)
    if facts.get("status") == _DONE:
        return content
    text, name = str(facts.get("reason")), str(facts.get("error"))
    if facts.get("status") != _FAILED:
        raise FrameError(text)
    known: Any = getattr(errors, name, None)
    if isinstance(known, type) and issubclass(known, errors.FednidsError):
        raise known(text)
    raise RuntimeError(f"{name}: {text}")


def _reasoned(status: str, error: Exception) -> bytes:
    reason = " ".join(str(error).split())[:_MOST_TEXT]
    return pack_frame({"status": status, "error": type(error).__name__, "reason": reason})
