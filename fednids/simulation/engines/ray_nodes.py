"""What every node of a cluster must have before a run begins.

Nothing here needs Ray: `look` runs on each node, `fault` compares what it returned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fednids.config import Scalar
from fednids.files import sha256_of

NODE_FILES = ("data.path", "partition.plan", "availability.trace")
"""Settings with a file, or a folder of files, that every worker opens."""

PACKAGES = ("fednids", "flwr", "mindspore", "numpy")
"""Packages that must have one version on all nodes: results or messages depend on them."""


@dataclass(frozen=True)
class Seen:
    """What a node has.

    Attributes
    ----------
    versions : Mapping[str, str]
        Versions of `PACKAGES`; empty text for one that is not installed.
    sums : Mapping[str, str]
        SHA-256 by path; empty text for what is missing or cannot be read.
    shares : bool
        Whether the folder in which clients keep their state is the driver's, and can be
        written.
    """

    versions: Mapping[str, str]
    sums: Mapping[str, str]
    shares: bool


def absolute(run_config: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return a run config with absolute paths, since workers have another working directory."""
    more = _settings(run_config)
    written = {"settings": json.dumps(_in_full(more))} if more else {}
    return {**_in_full(run_config), **written}


def node_files(run_config: Mapping[str, Scalar]) -> list[str]:
    """Return the paths in a run config that every worker opens."""
    given = {**run_config, **_settings(run_config)}
    return [str(given[name]) for name in NODE_FILES if given.get(name)]


def _settings(run_config: Mapping[str, Scalar]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(str(run_config.get("settings") or "{}"))
    return found


def _in_full(settings: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: str(settings.get(name) or "") for name in (*NODE_FILES, "out")}
    full = {name: str(Path(path).absolute()) for name, path in named.items() if path}
    return {**settings, **full}


def look(paths: Sequence[str], folder: str, token: str) -> Seen:
    """Return what this node has.

    Parameters
    ----------
    paths : Sequence[str]
        Files, or folders of files, by their full paths.
    folder : str
        Folder in which clients keep their state; empty if they keep none.
    token : str
        Name of the file that the driver wrote there.
    """
    versions = {name: _version(name) for name in PACKAGES}
    return Seen(versions, {path: _digest(Path(path)) for path in paths}, _shares(folder, token))


def fault(name: str, seen: Seen, wanted: Seen, folder: str) -> str | None:
    """Return what is wrong with a node, in one line; None if nothing is.

    Parameters
    ----------
    name : str
        Name of the node.
    seen, wanted : Seen
        What the node has, and what the driver has.
    folder : str
        Folder in which clients keep their state.
    """
    for package, ours in wanted.versions.items():
        if (theirs := seen.versions[package]) != ours:
            return (
                f"expected {package} {ours} on node {name}, got {theirs or 'none'}; install the "
                "same version on all nodes"
            )
    for path, ours in wanted.sums.items():
        if (theirs := seen.sums[path]) != ours:
            came = f"a file with SHA-256 {theirs}" if theirs else "no such file"
            return (
                f"expected {path} with SHA-256 {ours} on node {name}, got {came}; copy it to "
                "the same path on all nodes"
            )
    if not seen.shares:
        return (
            f"expected node {name} to share the folder {folder}, in which gateways keep their "
            "state, got another or one that it may not write; choose for --out a folder that all "
            "nodes share"
        )
    return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file or of a folder's files and names; empty if it cannot be read."""
    try:
        if not path.is_dir():
            return sha256_of(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{file.relative_to(path).as_posix()} {_digest(file)}" for file in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    except OSError:
        return ""


def _shares(folder: str, token: str) -> bool:
    """Return whether the driver's file is there, and one can be written beside it."""
    if not folder:
        return True
    place = Path(folder)
    own = place / f"{token}-answer"
    try:
        found = (place / token).is_file()
        if found:
            own.touch()
            own.unlink(missing_ok=True)  # another node may have been here at the same time
    except OSError:
        return False
    return found
