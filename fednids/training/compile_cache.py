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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
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

_DEPENDENCY = "compile_dependency.hash"

_OTHERS = ("mindspore", "builtins", "abc", "pydantic")
"""Packages whose versions stand for their code."""

_history: list[str] = []
"""What this process has compiled: MindSpore numbers its graphs, once for the whole process."""


@contextmanager
def compile_cache(identity: str) -> Iterator[None]:
    """Take a graph that is compiled inside from disk, or write it there.

    Where the cache cannot be read or written, the graph is compiled as ever.

    Parameters
    ----------
    identity : str
        All that the graph depends on but the versions and fednids' own code, which are added here.
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
    yield f"{thing.__qualname__} {thing.__defaults__!r} {_text_of(thing.__code__)}"
    for name in _names_in(thing.__code__):
        named = thing.__globals__.get(name)
        if getattr(named, "__module__", None) == thing.__module__:
            yield from _code_of(named, seen)
        elif _plain({name: named}):
            yield f"{name}={named!r}"


def _plain(values: Any) -> list[str]:
    kinds = (bool, int, float, str)
    return sorted(f"{k}={v!r}" for k, v in values.items() if isinstance(v, kinds) and k[:2] != "__")


def _text_of(code: CodeType) -> str:
    inner = [_text_of(each) for each in code.co_consts if isinstance(each, CodeType)]
    constants = [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]
    return f"{code.co_code.hex()} {code.co_names} {constants} {inner}"


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names_in(each)


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
