"""Files that grow by lines of JSON, of which a checkpoint knows how far they were whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fednids.files import append_durably, told_of_disk


@dataclass(frozen=True)
class Mark:
    """How far a file had come.

    Attributes
    ----------
    size : int
        Its bytes then.
    sha256 : str
        Of these bytes.
    """

    size: int = 0
    sha256: str = hashlib.sha256().hexdigest()


class Lines:
    """One such file.

    Parameters
    ----------
    path : Path
        Need not be there yet.
    """

    def __init__(self, path: Path):
        self._path, self._size, self._hash = path, 0, hashlib.sha256()

    @property
    def mark(self) -> Mark:
        """How far it has come."""
        return Mark(self._size, self._hash.hexdigest())

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows at its end, and flush them to disk.

        Raises
        ------
        DiskError
            The disk takes no more; a part of the rows may be there.
        """
        content = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
        append_durably(self._path, content)
        self._size += len(content)
        self._hash.update(content)

    def cut(self, mark: Mark) -> None:
        """Go back to a mark; what came after it is gone.

        Raises
        ------
        ValueError
            What was before it is damaged.
        DiskError
            The disk does not take it.
        """
        content = whole_lines(self._path, mark)
        self._size, self._hash = len(content), hashlib.sha256(content)
        with told_of_disk(self._path), self._path.open("ab") as file:
            file.truncate(mark.size)
            os.fsync(file.fileno())

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what was appended, or kept when it was cut, without holding all of it.

        Raises
        ------
        ValueError
            Something else has changed the file since; found at its end.
        """
        size, found = 0, hashlib.sha256()
        with self._path.open("rb") as file:
            while size < self._size and (line := file.readline()):
                size += len(line)
                found.update(line)
                yield json.loads(line)
        if Mark(size, found.hexdigest()) != self.mark:
            raise ValueError(f"{self._path.name} was changed while the run went on")


def read_lines(path: Path) -> list[Any]:
    """Read a file's whole lines; a last one cut short by a crash is left out, as a missing file."""
    content = path.read_bytes() if path.is_file() else b""
    return parsed(content[: content.rfind(b"\n") + 1])


def whole_lines(path: Path, mark: Mark) -> bytes:
    """Read a file up to a mark.

    Raises
    ------
    ValueError
        That part is missing or not as it was written.
    """
    content = b""
    if path.is_file():
        with path.open("rb") as file:
            content = file.read(mark.size)
    if Mark(len(content), hashlib.sha256(content).hexdigest()) != mark:
        raise ValueError(f"{path.name} is missing, cut short or changed")
    return content


def parsed(content: bytes) -> list[dict[str, Any]]:
    """Read whole lines."""
    return [json.loads(line) for line in content.splitlines()]
