"""From the data settings to prepared flows: the one way in for every arm and client."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fednids.config import DataConfig
from fednids.datasets.registry import candidates, chosen_dataset, chosen_features
from fednids.datasets.spec import DatasetSpec
from fednids.errors import DataError
from fednids.flows.cache import cached
from fednids.flows.files.checksum import file_sha256, verify_checksum
from fednids.flows.files.reading import read_flows
from fednids.flows.prepared import PreparedFlows, prepare_table
from fednids.flows.split import limit_flows
from fednids.flows.table import FlowTable
from fednids.seeding import Stream, generator

SYNTHETIC_FLOWS = 60_000
"""How many flows are made where the settings name neither a file nor a number."""


def load_flows(data: DataConfig, seed: int) -> PreparedFlows:
    """Read or make the flows of a run, or map them from the cache.

    Parameters
    ----------
    data : DataConfig
        Data set, file or number of flows, features and checksum.
    seed : int
        Seed of the run; draws synthetic flows, and which flows of a file are taken.

    Raises
    ------
    DataError
        The file is not what it should be, or has not the columns that are asked for.
    ConfigError
        There is no such data set, or it has no such features.
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
        table = read_flows(path, data.dataset)
        features = chosen_features(table.spec, data)
        return prepare_table(table, features, path=str(path), sha256=sha256)

    recipe = f"file {sha256} {data.dataset} {data.features}"
    flows = cached(recipe, make, candidates(data.dataset))
    return replace(flows, origin=replace(flows.origin, path=str(path)))


def _synthetic(data: DataConfig, seed: int) -> PreparedFlows:
    spec = chosen_dataset(data)
    make_table = synthesiser(spec)
    first = next(iter(spec.feature_sets))
    if data.features not in ("", first):
        raise DataError(
            f"expected a {data.features} file for data.features={data.features}, got no file, and "
            f"synthetic flows have {first} columns; name a file with --data or use "
            f"data.features={first}"
        )
    count = data.flows or SYNTHETIC_FLOWS
    recipe = f"synthetic {count} {seed}"
    sha256 = hashlib.sha256(recipe.encode()).hexdigest()

    def make() -> PreparedFlows:
        table = make_table(count, generator(seed, Stream.SYNTHETIC))
        return prepare_table(table, first, path="synthetic", sha256=sha256, synthetic=True)

    return cached(f"{recipe} {spec.name}", make, [spec])


def synthesiser(spec: DatasetSpec) -> Callable[[int, np.random.Generator], FlowTable]:
    """Return the function that makes flows of a data set.

    Raises
    ------
    DataError
        It has none.
    """
    if not spec.synthesiser:
        raise DataError(
            f"expected a file with flows of {spec.title}, got none, and such flows cannot be made; "
            "name one with --data, or leave data.dataset out for synthetic NF-BoT-IoT flows"
        )
    module, _, name = spec.synthesiser.partition(":")
    make: Callable[[int, np.random.Generator], FlowTable] = getattr(
        importlib.import_module(module), name
    )
    return make
