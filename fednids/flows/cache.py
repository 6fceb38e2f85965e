"""Prepared flows on disk: memory-mapped columns under a hash of all that made them.

An entry is a folder written beside its place and renamed into it, so it is there whole or
not at all. A lock keeps two processes from preparing the same flows; readers need none.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from platformdirs import user_cache_path

from fednids import seeding
from fednids.errors import SetupError
from fednids.flows.prepared import Origin, PreparedFlows

_TABLES = ("raw", "vectors")
_COLUMNS = ("vector", "attack", "source", "destination")


def cache_folder() -> Path:
    """Give the folder of prepared flows: ``FEDNIDS_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("FEDNIDS_CACHE")
    return Path(chosen) if chosen else user_cache_path("fednids")


def cached(recipe: str, make: Callable[[], PreparedFlows]) -> PreparedFlows:
    """Give the flows of a recipe, made once per machine.

    Parameters
    ----------
    recipe : str
        All that the flows depend on but the code, which is added here.
    make : callable
        Prepares them where the cache has none.

    Raises
    ------
    SetupError
        The cache folder cannot be written.
    """
    entry = cache_folder() / hashlib.sha256(f"{recipe} {_code()}".encode()).hexdigest()[:32]
    found = _load(entry)
    if found is not None:
        return found
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):
            found = _load(entry)
            if found is None:
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
    for file in (Path(seeding.__file__), *sorted(package.rglob("*.py")), *package.rglob("*.json")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _store(flows: PreparedFlows, entry: Path) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
    try:
        for name in (*_TABLES, *_COLUMNS):
            np.save(beside / f"{name}.npy", getattr(flows, name))
        meta = {
            "origin": asdict(flows.origin),
            "features": flows.features,
            "hosts": flows.hosts,
            "flows": len(flows),
        }
        (beside / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        if entry.exists():
            shutil.rmtree(entry)
        beside.rename(entry)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _load(entry: Path) -> PreparedFlows | None:
    """Map an entry's columns; none where it is missing or damaged."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="utf-8"))
        tables = {name: _map(entry, name) for name in _TABLES}
        columns = {name: _map(entry, name) for name in _COLUMNS}
        lengths = {len(column) for column in columns.values()}
        features, shape = tuple(meta["features"]), tables["vectors"].shape
        if lengths != {meta["flows"]} or shape != (len(tables["raw"]), len(features)):
            return None
        origin, hosts = Origin(**meta["origin"]), tuple(meta["hosts"])
        return PreparedFlows(origin, features, hosts=hosts, **tables, **columns)
    except Exception:  # NumPy raises a dozen kinds on damaged bytes
        return None


def _map(entry: Path, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(entry / f"{name}.npy", mmap_mode="r")
    return array
