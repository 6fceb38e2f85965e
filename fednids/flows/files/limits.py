"""How far a flow file may unpack: small files that grow without bound are refused."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Protocol

from fednids.errors import DataError
from fednids.flows.files.messages import data_error


@dataclass(frozen=True)
class Limits:
    """What a packed file may become.

    Attributes
    ----------
    most_bytes : int
        Largest unpacked size; all 37.8 million flows of NF-BoT-IoT-v2 take less than half of it.
    most_ratio : int
        Largest unpacked size as a multiple of the packed size, once above `free_bytes`.
    free_bytes : int
        Unpacked size up to which the ratio does not matter.
    """

    most_bytes: int = 20 * 10**9
    most_ratio: int = 1_000
    free_bytes: int = 10**9

    def allows(self, packed: int, unpacked: int) -> bool:
        """Tell whether ``packed`` bytes may become ``unpacked`` bytes."""
        ratio_matters = unpacked > self.free_bytes
        return unpacked <= self.most_bytes and not (
            ratio_matters and unpacked > self.most_ratio * packed
        )

    def error(self, where: str) -> DataError:
        """Word the complaint about a file that unpacks too far."""
        return data_error(
            where,
            expected=f"at most {self.most_bytes:,} bytes of flows, and at most"
            f" {self.most_ratio:,} times the file's size",
            came="more when unpacked",
            remedy="check where the file comes from, or unpack it yourself",
        )


LIMITS = Limits()
"""The limits that `fednids.flows.files.reading.read_flows` applies."""


class Readable(Protocol):
    """Anything that gives bytes when read."""

    def read(self, size: int = -1, /) -> bytes:
        """Give at most ``size`` bytes, none at the end."""


class LimitedStream(io.RawIOBase):
    """A stream that refuses to give more unpacked bytes than its limits allow.

    Parameters
    ----------
    source : Readable
        Unpacks as it is read.
    packed : int
        Size of the packed data in bytes.
    where : str
        Name of the file in the complaint.
    limits : Limits
        What may be given.

    Raises
    ------
    fednids.errors.DataError
        On reading, as soon as the limits are passed.
    """

    def __init__(self, source: Readable, packed: int, *, where: str, limits: Limits) -> None:
        self._source = source
        self._packed = packed
        self._where = where
        self._limits = limits
        self._given = 0

    def readable(self) -> bool:
        """Say that this stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` as far as the source goes and give the number of bytes."""
        data = self._source.read(len(buffer))
        self._given += len(data)
        if not self._limits.allows(self._packed, self._given):
            raise self._limits.error(self._where)
        buffer[: len(data)] = data
        return len(data)
