"""From the data settings to prepared flows: the one way in for every arm and client."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from fednids.config import DataConfig
from fednids.errors import DataError
from fednids.flows.cache import cached
from fednids.flows.files.checksum import file_sha256, verify_checksum
from fednids.flows.files.reading import read_flows
from fednids.flows.prepared import Origin, PreparedFlows, prepare_table
from fednids.flows.split import limit_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.seeding import Stream, generator

SYNTHETIC_FLOWS = 60_000
"""How many flows are made where the settings name neither a file nor a number."""


def load_flows(data: DataConfig, seed: int) -> PreparedFlows:
    """Read or make the flows of a run, or map them from the cache.

    Parameters
    ----------
    data : DataConfig
        File or number of flows, features and checksum.
    seed : int
        Seed of the run; draws synthetic flows, and which flows of a file are taken.

    Raises
    ------
    DataError
        The file is not what it should be, or has no v2 columns where they are asked for.
    """
    if not data.path:
        if data.sha256:
            raise DataError(
                "expected a file for data.sha256, got none; name it with --data or leave the "
                "checksum out"
            )
        return _synthetic(data, seed)
    flows = _from_file(Path(data.path), data)
    if not data.flows:
        return flows
    return flows.take(
        limit_flows(np.asarray(flows.attack), data.flows, generator(seed, Stream.LIMIT))
    )


def _from_file(path: Path, data: DataConfig) -> PreparedFlows:
    sha256 = file_sha256(path)
    if data.sha256:
        verify_checksum(path, data.sha256)

    def make() -> PreparedFlows:
        table = read_flows(path)
        if data.features == "v2" and table.version == "v1":
            raise DataError(
                f"expected v2 columns for data.features=v2, got the v1 file {path}; "
                "use data.features=v1"
            )
        return prepare_table(table, data.features, Origin(str(path), sha256, table.version, False))

    flows = cached(f"file {sha256} {data.features}", make)
    return replace(flows, origin=replace(flows.origin, path=str(path)))


def _synthetic(data: DataConfig, seed: int) -> PreparedFlows:
    if data.features == "v2":
        raise DataError(
            "expected a v2 file for data.features=v2, got no file, and synthetic flows have "
            "v1 columns; name a file with --data or use data.features=v1"
        )
    count = data.flows or SYNTHETIC_FLOWS
    recipe = f"synthetic {count} {seed}"
    sha256 = hashlib.sha256(recipe.encode()).hexdigest()

    def make() -> PreparedFlows:
        table = synthesise(count, generator(seed, Stream.SYNTHETIC))
        return prepare_table(table, "v1", Origin("synthetic", sha256, "v1", True))

    return cached(recipe, make)
