"""What about this machine and environment would make a run fail, and what to do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import Requirement

from fednids.flows.cache import cache_folder

_LEAST_FREE = 2 * 2**30
_PACKAGES = ("fednids", "clients", "server", "partitions")


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at.

    Attributes
    ----------
    subject : str
        What.
    state : str
        What was found.
    remedy : str
        What to do about it; empty where nothing is wrong.
    """

    subject: str
    state: str
    remedy: str = ""

    @property
    def is_trap(self) -> bool:
        """Whether a run would fail, or fail silently."""
        return bool(self.remedy)


def examine() -> Iterator[Diagnosis]:
    """Look at everything, the slow import of MindSpore last."""
    for check in _CHECKS:
        yield from check()


def _python() -> Iterator[Diagnosis]:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 12)
    found = ".".join(str(part) for part in sys.version_info[:3])
    yield Diagnosis("Python", found, "" if supported else "use Python 3.11 or 3.12")
    yield Diagnosis("processors", str(len(os.sched_getaffinity(0))))


def _requirements() -> Iterator[Diagnosis]:
    """Compare what is installed with what fednids asks for."""
    try:
        wanted = distribution("fednids").requires or []
    except PackageNotFoundError:
        yield Diagnosis("fednids", "not installed", "run `pip install -e .` in the checkout")
        return
    for requirement in map(Requirement, wanted):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = "missing"
        fits = found != "missing" and requirement.specifier.contains(found, prereleases=True)
        remedy = f"run `pip install '{requirement.name}{requirement.specifier}'`"
        yield Diagnosis(requirement.name, found, "" if fits else remedy)


def _protobuf() -> Iterator[Diagnosis]:
    """MindSpore's protobuf code against Flower's compiled protobuf."""
    choice = os.environ.get("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION")
    kind = f"set to {choice}" if choice else "not set"
    yield Diagnosis("protobuf", f"{kind}; fednids gives MindSpore its own, nothing to do")


def _shadows() -> Iterator[Diagnosis]:
    """The packages clients, server and partitions have names that others use, too."""
    home = Path(__file__).parents[2]
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).parents[1] if spec and spec.origin else None
        if found != home:
            yield Diagnosis(
                f"package {name}", str(found),
                f"another package hides ours in {home}; use a fresh virtual environment",
            )  # fmt: skip


def _cache() -> Iterator[Diagnosis]:
    folder = cache_folder()
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    remedy = ""
    if not os.access(place, os.W_OK):
        remedy = "set FEDNIDS_CACHE to a folder that can be written"
    elif shutil.disk_usage(place).free < _LEAST_FREE:
        remedy = "make room there, or set FEDNIDS_CACHE to a larger disk"
    free = shutil.disk_usage(place).free / 2**30
    yield Diagnosis("cache of prepared flows", f"{folder}, {free:.0f} GiB free", remedy)


def _flower() -> Iterator[Diagnosis]:
    """Traps of ``flwr run``; our own engines need none of this."""
    home = Path(os.environ.get("FLWR_HOME", Path.home() / ".flwr"))
    place = next(parent for parent in (home, *home.parents) if parent.exists())
    writable = os.access(place, os.W_OK)
    remedy = "" if writable else "set FLWR_HOME to a folder that can be written"
    yield Diagnosis("folder of `flwr run`", str(home), remedy)
    ray = importlib.util.find_spec("ray")
    yield Diagnosis("ray", "installed" if ray else "not installed; only `flwr run` needs it")


def _mindspore() -> Iterator[Diagnosis]:
    """Import MindSpore after Flower in a process of its own; the trap aborts the process."""
    code = "import flwr.serverapp, fednids.networks.framework"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    lines = done.stderr.strip().splitlines()
    remedy = "" if done.returncode == 0 else f"it said: {lines[-1] if lines else 'nothing'}"
    state = "both load in one process" if done.returncode == 0 else f"exit {done.returncode}"
    yield Diagnosis("MindSpore beside Flower", state, remedy)


_CHECKS: tuple[Callable[[], Iterator[Diagnosis]], ...] = (
    _python,
    _requirements,
    _protobuf,
    _shadows,
    _cache,
    _flower,
    _mindspore,
)
