"""What every node of a cluster must have before a run begins, and what a node says of itself.

Nothing here needs Ray: `look` runs on each node, `fault` judges what it gave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fednids.config import Scalar

FILES = ("data.path", "partition.plan", "availability.trace")
"""Settings that name a file, or a folder of files, which every worker opens."""

PACKAGES = ("fednids", "flwr", "mindspore", "numpy")
"""Packages that must be of one version everywhere: they decide results, or are on the wire."""


@dataclass(frozen=True)
class Seen:
    """What a node has.

    Attributes
    ----------
    versions : Mapping[str, str]
        Of `PACKAGES`; empty text for one that is not installed.
    sums : Mapping[str, str]
        SHA-256 by path; empty text for what is missing or may not be read.
    shares : bool
        Whether the folder of what gateways remember is the one that the driver sees, and
        can be written.
    """

    versions: Mapping[str, str]
    sums: Mapping[str, str]
    shares: bool


def absolute(settings: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Write paths in full, since workers have another working directory."""
    named = {name: str(settings.get(name, "")) for name in (*FILES, "out")}
    full = {name: str(Path(path).absolute()) for name, path in named.items() if path}
    return {**settings, **full}


def look(paths: Sequence[str], folder: str, token: str) -> Seen:
    """See what this node has.

    Parameters
    ----------
    paths : Sequence[str]
        Files, or folders of files, by their full paths.
    folder : str
        Where gateways keep what they remember; empty if they remember nothing.
    token : str
        Name of the file that the driver put there.
    """
    versions = {name: _version(name) for name in PACKAGES}
    return Seen(versions, {path: _digest(Path(path)) for path in paths}, _shares(folder, token))


def fault(name: str, seen: Seen, wanted: Seen, folder: str) -> str | None:
    """Say in one line what is wrong with a node; None if nothing is.

    Parameters
    ----------
    name : str
        What the user knows the node by.
    seen : Seen
        What it has.
    wanted : Seen
        What the driver has.
    folder : str
        Where gateways keep what they remember.
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
            f"expected node {name} to share the folder {folder}, in which gateways keep what "
            "they remember, got another or one that it may not write; give --out a folder that "
            "all nodes share"
        )
    return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _digest(path: Path) -> str:
    """Sum up a file, or the names and sums of a folder's files; nothing if it cannot be read."""
    try:
        if not path.is_dir():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{file.relative_to(path).as_posix()} {_digest(file)}" for file in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    except OSError:
        return ""


def _shares(folder: str, token: str) -> bool:
    """Find the driver's file and write one beside it."""
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
