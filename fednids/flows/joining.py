"""The flows of several files as one table, each file's own vectors apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.errors import DataError
from fednids.flows.prepared import Origin, PreparedFlows


def join_flows(parts: Sequence[PreparedFlows], origin: Origin) -> PreparedFlows:
    """Put the flows of several files behind one another.

    A vector that two files have stands in the table twice: so what a gateway sums and trains
    on is the same to the bit as where it has its file alone.

    Parameters
    ----------
    parts : Sequence[PreparedFlows]
        At least one, all of one data set and with the same features.
    origin : Origin
        Of all of them.
    """
    hosts = tuple(dict.fromkeys(host for part in parts for host in part.hosts))
    code = {host: place for place, host in enumerate(hosts)}
    codes = [np.array([code[host] for host in part.hosts], np.int32) for part in parts]
    starts = np.cumsum([0, *(len(part.vectors) for part in parts)])
    pairs = list(zip(parts, codes, strict=True))
    return PreparedFlows(
        origin,
        parts[0].classes,
        parts[0].columns,
        parts[0].features,
        np.concatenate([part.raw for part in parts]),
        np.concatenate([part.vectors for part in parts]),
        _joined([p.vector + s for p, s in zip(parts, starts[:-1], strict=True)]),
        np.concatenate([part.attack for part in parts]),
        _joined([own[part.source] for part, own in pairs]),
        _joined([own[part.destination] for part, own in pairs]),
        hosts,
    )


def join_checksums(files: Sequence[tuple[str, str]]) -> str:
    """Return one SHA-256 for several files: what ``sha256sum A B … | sha256sum`` prints.

    Parameters
    ----------
    files : Sequence[tuple[str, str]]
        Name and SHA-256 of each, in order.
    """
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def check_versions(parts: Sequence[tuple[Path, PreparedFlows]]) -> None:
    """Check that all files have the same columns.

    Raises
    ------
    DataError
        Two have not.
    """
    first, flows = parts[0]
    for path, other in parts[1:]:
        if other.origin.version != flows.origin.version:
            raise DataError(
                f"expected flow files of one version in a folder, got {first.name} of "
                f"{flows.origin.version} and {path.name} of {other.origin.version}; keep the "
                "files of one version"
            )
        if other.columns != flows.columns:
            only = sorted(set(other.columns) ^ set(flows.columns))
            raise DataError(
                f"expected flow files with the same columns in a folder, got {only[0]} in one of "
                f"{first.name} and {path.name} alone; leave it out of both"
            )


def _joined(columns: Sequence[NDArray[np.generic]]) -> NDArray[np.int32]:
    return np.concatenate(columns).astype(np.int32)
