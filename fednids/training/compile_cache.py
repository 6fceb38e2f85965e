"""Compiled graphs on disk, so that a second run starts faster.

MindSpore reads and writes files of compiled graphs in one folder for the life of the process,
and names them by the order of compilation, whatever the shapes are. So it is shown a folder of
this process's own, which holds no file but that of the graph at hand. What it writes there is
kept under a name made of all that the graph depends on, and that includes the graphs compiled
before: one that is first holds its parameters otherwise.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from types import CodeType, FunctionType
from typing import Any
from uuid import uuid4

from fednids.files import write_atomically
from fednids.flows.cache import cache_folder
from fednids.networks.framework import mindspore

_KEPT = 200
"""Graphs on disk; each has about 0.3 MB."""

_OTHERS = ("mindspore", "builtins", "abc", "pydantic")
"""Packages whose versions stand for their code."""

_OWN_FOLDER = Path(gettempdir()) / f"fednids-graphs-{uuid4().hex}"
"""This process's folder, which is there only while a graph is compiled."""

_history: list[str] = []
"""What this process has compiled. MindSpore counts graphs for the whole process, unseen."""


@contextmanager
def compile_cache(identity: str) -> Iterator[None]:
    """Take a graph that is compiled inside from disk, or write it there.

    Where the cache cannot be read or written, the graph is compiled as ever.

    Parameters
    ----------
    identity : str
        All that the graph depends on but the versions and fednids' own code, which are added here.
    """
    folder, kept = _OWN_FOLDER / "rank_0" / "graph_cache", cache_folder() / "graphs"
    file = folder / f"compile_cache_{len(_history)}.mindir"
    _history.append(identity)
    pairs = {
        kept / f"{_name(_history[0])}.hash": folder / "compile_dependency.hash",
        kept / f"{_name(str(_history))}.mindir": file,
    }
    usable = _lay_out(pairs)
    mindspore.set_context(enable_compile_cache=usable, compile_cache_path=str(_OWN_FOLDER))
    try:
        yield
        _keep(pairs, kept)
    finally:
        mindspore.set_context(enable_compile_cache=False)
        if usable:
            shutil.rmtree(_OWN_FOLDER, ignore_errors=True)


def code_digest(things: Iterable[Any]) -> str:
    """Hash the code of classes and functions as they are now, replaced or from a plug-in.

    Followed are the classes that they derive from, but MindSpore's, and the functions, classes and
    numbers of the same module that they name.
    """
    seen: set[Any] = set()
    parts = sorted({part for thing in things for part in _code_of(thing, seen)})
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _code_of(thing: Any, seen: set[Any]) -> Iterator[str]:
    thing = getattr(thing, "__func__", getattr(thing, "fget", thing))
    if not isinstance(thing, type | FunctionType) or thing in seen:
        return
    seen.add(thing)
    if isinstance(thing, type):
        for each in thing.__mro__:
            if each.__module__.partition(".")[0] not in _OTHERS:
                yield f"{each.__module__}.{each.__qualname__} {_plain(vars(each))}"
                for member in vars(each).values():
                    yield from _code_of(member, seen)
        return
    codes = list(_codes_in(thing.__code__))
    yield f"{thing.__qualname__} {thing.__defaults__!r} {[*map(_text_of, codes)]}"
    for name in (name for code in codes for name in code.co_names):
        named = thing.__globals__.get(name)
        if getattr(named, "__module__", None) == thing.__module__:
            yield from _code_of(named, seen)
        elif _plain({name: named}):
            yield f"{name}={named!r}"


def _plain(values: Any) -> list[str]:
    kinds = (bool, int, float, str)
    return sorted(f"{k}={v!r}" for k, v in values.items() if isinstance(v, kinds) and k[:2] != "__")


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes_in(each)


def _text_of(code: CodeType) -> str:
    constants = [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _lay_out(pairs: dict[Path, Path]) -> bool:
    """Make this process's folder, which nobody else may read, with what is kept, if possible."""
    try:
        _OWN_FOLDER.mkdir(mode=0o700)
        for there, here in pairs.items():
            here.parent.mkdir(parents=True, exist_ok=True)
            if there.exists():
                here.write_bytes(there.read_bytes())
    except OSError:
        return False
    return True


def _keep(pairs: dict[Path, Path], kept: Path) -> None:
    """Store what is new and remove the oldest; a disk that is full or read-only stores nothing."""
    with suppress(OSError):
        for there, here in pairs.items():
            there.parent.mkdir(parents=True, exist_ok=True)
            if here.exists() and not there.exists():
                write_atomically(there, here.read_bytes())
        graphs = sorted(kept.glob("*.mindir"), key=lambda path: path.stat().st_mtime)
        for old in graphs[:-_KEPT]:
            old.unlink(missing_ok=True)


def _name(identity: str) -> str:
    """Hash an identity with the code and the versions that decide a graph as well."""
    digest = hashlib.sha256(f"{identity} {mindspore.__version__} {sys.version}".encode())
    package = Path(__file__).parents[1]
    for part in ("networks", "training"):
        for file in sorted((package / part).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:32]
