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
from tempfile import TemporaryDirectory

from fednids.detector.framework import mindspore
from fednids.files import write_atomically
from fednids.flows.cache import cache_folder

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
    folder = Path(_own_folder().name) / "rank_0" / "graph_cache"
    file = folder / f"compile_cache_{len(_history)}.mindir"
    _history.append(identity)
    kept = cache_folder() / "graphs"
    pairs = {
        kept / f"{_name(_history[0])}.hash": folder / _DEPENDENCY,
        kept / f"{_name(str(_history))}.mindir": file,
    }
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for there, here in pairs.items():
        with suppress(OSError):
            here.write_bytes(there.read_bytes())
    mindspore.set_context(enable_compile_cache=True, compile_cache_path=_own_folder().name)
    try:
        yield
    finally:
        mindspore.set_context(enable_compile_cache=False)
    with suppress(OSError):
        kept.mkdir(parents=True, exist_ok=True)
        for there, here in pairs.items():
            if here.exists() and not there.exists():
                write_atomically(there, here.read_bytes())
        _forget_oldest(kept)


def _forget_oldest(kept: Path) -> None:
    graphs = sorted(kept.glob("*.mindir"), key=lambda path: path.stat().st_mtime)
    for old in graphs[:-_KEPT]:
        old.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _own_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="fednids-graphs-", ignore_cleanup_errors=True)


def _name(identity: str) -> str:
    """Hash an identity with the code and the versions that decide a graph as well."""
    digest = hashlib.sha256(f"{identity} {mindspore.__version__} {sys.version}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]
