"""Files that are there whole or not at all, and that tell when they are damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fednids.errors import RunError

FULL = "expected a disk that takes "
"""How the message of every `DiskError` begins, wherever it was put into other words."""

_SEAL = "fednids"
_DAMAGE = (
    SafetensorError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,  # safetensors, of a type of number that NumPy lacks
    OverflowError,
    RecursionError,
)

NamedArrays = Mapping[str, NDArray[Any]]


class DiskError(RunError, OSError):
    """The disk takes no more: it is full, read-only, or failing."""


@contextmanager
def told_of_disk(path: Path) -> Iterator[None]:
    """Return the error of a file that the system did not write, in one line.

    Parameters
    ----------
    path : Path
        What is written meanwhile.

    Raises
    ------
    DiskError
        In place of any other OSError.
    """
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        reason = " ".join(str(error.strerror or error).split())
        told = DiskError(f"{FULL}{path}, got {reason!r}; make room there or repair it, and go on")
        told.errno = error.errno
        raise told from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to disk, and rename it into place.

    The folder is flushed too: after a return the file outlives a loss of power.

    Raises
    ------
    DiskError
        As from the system; a file of that name is then as it was before.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with told_of_disk(path):
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        flush_folder(path.parent)


def append_durably(path: Path, content: bytes) -> None:
    """Write at the end of a file and flush it to disk; a stop on the way leaves a part.

    Raises
    ------
    DiskError
        As from the system.
    """
    with told_of_disk(path), path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Flush a folder's entries to disk, on systems where that can be done."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_up(folder: Path) -> None:
    """Remove what writers that were killed left beside the files of a folder."""
    for left in folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)


def seal(arrays: NamedArrays, facts: Mapping[str, Any]) -> bytes:
    """Write arrays and what is to be known of them, with a hash over both.

    Parameters
    ----------
    arrays : Mapping[str, ndarray]
        Any plain numbers, by name.
    facts : Mapping
        As JSON.

    Returns
    -------
    bytes
        A safetensors file: arrays and text, and nothing that could be executed.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    sealed = {"facts": facts, "sha256": digest_of(whole, facts)}
    # One entry of sorted JSON: the order of several entries changes from run to run.
    return save(whole, metadata={_SEAL: json.dumps(sealed, sort_keys=True, allow_nan=False)})


def unseal(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `seal` wrote.

    Returns
    -------
    arrays, facts : dict
        As they were.

    Raises
    ------
    ValueError
        Some of it is not as it was written; one line.
    """
    try:
        arrays = load(content)
        length = int.from_bytes(content[:8], "little")
        sealed = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_SEAL])
        facts: dict[str, Any] = dict(sealed["facts"])
        whole = sealed["sha256"] == digest_of(arrays, facts)
    except _DAMAGE as error:
        raise ValueError(" ".join(f"{type(error).__name__} {error}".split())[:200]) from None
    if not whole:
        raise ValueError("its hash is another")
    return arrays, facts


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes: 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(arrays: NamedArrays, facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of arrays by name and of what is to be known of them, as JSON."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
