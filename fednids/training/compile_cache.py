"""Compiled graphs on disk, so that a second run starts faster.

MindSpore reads and writes files of compiled graphs, but in one folder for the life of the
process, told apart by the order of compilation, whatever the shapes are. So it gets a
folder of this process's own, in which there is never a file but that of the graph at hand.
What it writes there is kept under a name made of all that the graph depends on, and that
includes the graphs compiled before: one that is first holds its parameters otherwise.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

from fednids.files import write_atomically
from fednids.flows.cache import cache_folder
from fednids.networks.framework import mindspore

_KEPT = 200
"""Graphs on disk; each has about 0.3 MB."""

_DEPENDENCY = "compile_dependency.hash"

_history: list[str] = []


@contextmanager
def compile_cache(identity: str) -> Iterator[None]:
    """Let a graph that is compiled inside come from disk, or go there.

    Where the cache cannot be read or written, the graph is compiled as ever.

    Parameters
    ----------
    identity : str
        All that the graph depends on but the code and the versions, which are added here.
    """
    own = _own_folder()
    folder = own / "rank_0" / "graph_cache"
    file = folder / f"compile_cache_{len(_history)}.mindir"
    _history.append(identity)
    kept = cache_folder() / "graphs"
    pairs = {
        kept / f"{_name(_history[0])}.hash": folder / _DEPENDENCY,
        kept / f"{_name(str(_history))}.mindir": file,
    }
    usable = _lay_out(own, pairs)
    mindspore.set_context(enable_compile_cache=usable, compile_cache_path=str(own))
    try:
        yield
        _keep(pairs)
    finally:
        mindspore.set_context(enable_compile_cache=False)
        if usable:
            shutil.rmtree(own, ignore_errors=True)


def _lay_out(own: Path, pairs: dict[Path, Path]) -> bool:
    """Make this process's folder, which nobody else may read, with what is kept; or say no."""
    try:
        own.mkdir(mode=0o700)
        for there, here in pairs.items():
            here.parent.mkdir(parents=True, exist_ok=True)
            if there.exists():
                here.write_bytes(there.read_bytes())
    except OSError:
        return False
    return True


def _keep(pairs: dict[Path, Path]) -> None:
    """Store what is new; a disk that is full or read-only stores nothing."""
    with suppress(OSError):
        for there, here in pairs.items():
            there.parent.mkdir(parents=True, exist_ok=True)
            if here.exists() and not there.exists():
                write_atomically(there, here.read_bytes())
        _forget_oldest(cache_folder() / "graphs")


def _forget_oldest(kept: Path) -> None:
    graphs = sorted(kept.glob("*.mindir"), key=lambda path: path.stat().st_mtime)
    for old in graphs[:-_KEPT]:
        old.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _own_folder() -> Path:
    """Name this process's folder, which is there only while a graph is compiled."""
    return Path(gettempdir()) / f"fednids-graphs-{uuid4().hex}"


def _name(identity: str) -> str:
    """Hash an identity with the code and the versions that decide a graph as well."""
    digest = hashlib.sha256(f"{identity} {mindspore.__version__} {sys.version}".encode())
    package = Path(__file__).parents[1]
    for part in ("networks", "training"):
        for file in sorted((package / part).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:32]
