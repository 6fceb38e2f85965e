"""Prepared flows on disk: memory-mapped columns under a hash of all that made them.

An entry is a folder written beside its place and renamed into it, so it is there whole or
not at all. A lock keeps two processes from preparing the same flows; readers need none. Digests
of its files are checked whenever it is opened: a damaged entry is made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from filelock import FileLock
from numpy.typing import NDArray
from platformdirs import user_cache_path

from fednids import seeding
from fednids.datasets import encoders, spec
from fednids.datasets.spec import DatasetSpec
from fednids.errors import SetupError
from fednids.flows.prepared import Origin, PreparedFlows

_TABLES = ("raw", "vectors")
_COLUMNS = ("vector", "attack", "source", "destination")
_META, _DIGESTS = "meta.json", "digests.json"
_BLOCK = 1 << 22
_LOG = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of prepared flows: ``FEDNIDS_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("FEDNIDS_CACHE")
    return Path(chosen) if chosen else user_cache_path("fednids")


def cached(
    recipe: str, make: Callable[[], PreparedFlows], specs: Iterable[DatasetSpec] = ()
) -> PreparedFlows:
    """Return the flows of a recipe, made once per machine.

    Parameters
    ----------
    recipe : str
        All that the flows depend on but the code, which is added here.
    make : callable
        Prepares them where the cache has none.
    specs : iterable of DatasetSpec
        Data sets that the flows may be of.

    Raises
    ------
    SetupError
        The cache folder cannot be written.
    """
    key = " ".join((recipe, _code(), *map(_told, specs)))
    entry = cache_folder() / hashlib.sha256(key.encode()).hexdigest()[:32]
    found = _load(entry)
    if found is not None:
        return found
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):
            found = _load(entry)
            if found is None:
                if entry.exists():
                    _LOG.warning("prepared flows in %s are damaged; they are made again", entry)
                _store(make(), entry)
                found = _load(entry)
    except OSError as error:
        raise SetupError(
            f"expected to write prepared flows to {entry.parent}, got {error.strerror or error}; "
            "make room there or set FEDNIDS_CACHE to another folder"
        ) from error
    if found is None:
        raise SetupError(f"expected to read back {entry}, got damaged columns; check the disk")
    return found


def _code() -> str:
    """Hash the modules and figures that decide what prepared flows hold."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    others = [Path(str(module.__file__)) for module in (seeding, encoders, spec)]
    for file in (*others, *sorted(package.rglob("*.py")), *package.rglob("*.json")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _told(dataset: DatasetSpec) -> str:
    """Return what a data set says, with the source of the encoders that it names."""
    kinds = {type(each.encoder) for each in dataset.columns} | set(map(type, dataset.derived))
    files = {getattr(sys.modules.get(kind.__module__), "__file__", None) for kind in kinds}
    digest = hashlib.sha256(repr(dataset).encode())
    for file in sorted(filter(None, files)):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _store(flows: PreparedFlows, entry: Path) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
    try:
        for name in (*_TABLES, *_COLUMNS):
            np.save(beside / f"{name}.npy", getattr(flows, name))
        meta = {
            "origin": asdict(flows.origin),
            "classes": flows.classes,
            "columns": flows.columns,
            "features": flows.features,
            "hosts": flows.hosts,
            "flows": len(flows),
        }
        (beside / _META).write_text(json.dumps(meta), encoding="utf-8")
        digests = {name: _digest(beside / name) for name in _names()}
        (beside / _DIGESTS).write_text(json.dumps(digests), encoding="utf-8")
        if entry.exists():
            shutil.rmtree(entry)
        beside.rename(entry)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _load(entry: Path) -> PreparedFlows | None:
    """Map an entry's columns; none where it is missing or damaged."""
    try:
        digests = json.loads((entry / _DIGESTS).read_text(encoding="utf-8"))
        if digests != {name: _digest(entry / name) for name in _names()}:
            return None
        meta = json.loads((entry / _META).read_text(encoding="utf-8"))
        tables = {name: _map(entry, name) for name in _TABLES}
        columns = {name: _map(entry, name) for name in _COLUMNS}
        lengths = {len(column) for column in columns.values()}
        features, shape = tuple(meta["features"]), tables["vectors"].shape
        if lengths != {meta["flows"]} or shape != (len(tables["raw"]), len(features)):
            return None
        origin, hosts = Origin(**meta["origin"]), tuple(meta["hosts"])
        return PreparedFlows(
            origin=origin,
            classes=tuple(meta["classes"]),
            columns=tuple(meta["columns"]),
            features=features,
            hosts=hosts,
            **tables,
            **columns,
        )
    except Exception:  # NumPy raises a dozen kinds on damaged bytes
        return None


def _names() -> list[str]:
    return [_META, *(f"{name}.npy" for name in (*_TABLES, *_COLUMNS))]


def _digest(path: Path) -> str:
    """Hash a file that may be larger than memory, at the speed of reading it."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _map(entry: Path, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(entry / f"{name}.npy", mmap_mode="r")
    return array
