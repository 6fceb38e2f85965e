"""Flows that come dealt: the file of one gateway, or a folder with the files of all.

A gateway of a deployment has its own file and knows no other. Its simulated twin, a folder
with all files, splits each as its gateway does: so both train and score on the same flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fednids.config import Config
from fednids.config.folder import FILES, gateway_files
from fednids.errors import DataError, FednidsError, PartitionError
from fednids.flows.cache import cached
from fednids.flows.files.checksum import file_sha256
from fednids.flows.joining import check_versions, join_checksums, join_flows
from fednids.flows.prepared import Origin, PreparedFlows
from fednids.flows.source import load_flows
from fednids.flows.split import Split, split_flows
from fednids.seeding import Stream, generator
from partitions import PartitionPlan, find_partitioner

Dealt = tuple[PreparedFlows, Split, PartitionPlan]
"""Flows, which of them are test flows, and whose each is."""


def check_scheme(config: Config) -> None:
    """Find an unknown scheme before any flow is read.

    Raises
    ------
    PartitionError
        There is no such scheme.
    """
    if config.partition.scheme != FILES:
        find_partitioner(config.partition.scheme)


def comes_dealt(config: Config) -> bool:
    """Tell whether the flows of a simulation are a folder with a file for each gateway."""
    return config.partition.scheme == FILES or bool(
        config.data.path and Path(config.data.path).is_dir()
    )


def checksum(path: Path) -> str:
    """Give the SHA-256 of a flow file, or of all flow files of a folder together.

    Raises
    ------
    DataError
        There is none, or it cannot be read.
    """
    return _sha256(gateway_files(path)) if path.is_dir() else file_sha256(path)


def own_flows(config: Config, path: Path, partition_id: int) -> Dealt:
    """Read and split the flows of one gateway of a deployment, which are all that it has.

    Parameters
    ----------
    config : Config
        Settings of the run; ``data.path`` is not read.
    path : Path
        The gateway's flow file.
    partition_id : int
        Which gateway: its place among ``partition.gateways``.

    Raises
    ------
    DataError
        The file cannot be read, or has too few flows to train and to test on.
    """
    flows, split = _load(config, path, partition_id)
    owner = np.full(len(flows), partition_id, np.int32)
    return flows, split, PartitionPlan(FILES, owner, config.partition.gateways)


def all_flows(config: Config) -> Dealt:
    """Read and split the flows of all gateways from a folder, ``data.path``.

    Raises
    ------
    DataError
        There is no such folder, its checksum is another, a file cannot be read, or has too
        few flows, or the files are of different versions.
    PartitionError
        Other settings ask for another deal.
    """
    folder = Path(config.data.path)
    files = _listed(config, folder)
    sha256 = _sha256(files)
    if config.data.sha256 not in ("", sha256):
        raise DataError(
            f"expected files of SHA-256 {config.data.sha256} together in {folder}, got {sha256}; "
            "restore the files, or correct data.sha256"
        )
    loaded = [_load(config, file, k) for k, file in enumerate(files)]
    parts = [flows for flows, _ in loaded]
    check_versions(list(zip(files, parts, strict=True)))
    origin = Origin(str(folder), sha256, parts[0].origin.version, False)
    taken = f"{config.data.flows} {config.run.seed}" if config.data.flows else "all"
    recipe = f"folder {sha256} {config.data.features} {taken}"
    flows = cached(recipe, lambda: join_flows(parts, origin))
    owner = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return (
        replace(flows, origin=origin),
        _joined([split for _, split in loaded]),
        PartitionPlan(FILES, owner, len(parts)),
    )


def _sha256(files: Sequence[Path]) -> str:
    return join_checksums([(file.name, file_sha256(file)) for file in files])


def _listed(config: Config, folder: Path) -> tuple[Path, ...]:
    """List the files, and see that no setting contradicts them."""
    partition = config.partition
    if not config.data.path or not folder.is_dir():
        raise DataError(
            f"expected a folder with a flow file for each gateway for partition.scheme={FILES}, "
            f"got {config.data.path or 'none'}; name it with --data, or take another scheme"
        )
    files = gateway_files(folder)
    wrong = {
        f"partition.scheme {partition.scheme}": partition.scheme != FILES,
        f"partition.plan {partition.plan}": bool(partition.plan),
        f"{partition.gateways} gateways": partition.gateways != len(files),
    }
    found = [name for name, is_wrong in wrong.items() if is_wrong]
    if found:
        raise PartitionError(
            f"expected partition.scheme {FILES} and {len(files)} gateways for the {len(files)} "
            f"flow files of {folder}, got {found[0]}; leave both settings and partition.plan out"
        )
    return files


def _load(config: Config, path: Path, partition_id: int) -> tuple[PreparedFlows, Split]:
    """Read one gateway's file; its test flows are drawn from a generator of its own."""
    data, seed = config.data, config.run.seed
    flows = load_flows(data.model_copy(update={"path": str(path), "sha256": ""}), seed)
    if len(flows) < 2:
        raise DataError(
            f"expected at least 2 flows in {path}, one to train and one to test on, got "
            f"{len(flows)}; give this gateway more, or leave it out"
        )
    rng = generator(seed, Stream.SPLIT, partition_id)
    try:
        return flows, split_flows(flows, data.split, data.test_share, rng)
    except FednidsError as error:
        raise DataError(f"{path.name}: {error}") from None


def _joined(splits: Sequence[Split]) -> Split:
    """Put splits behind one another; a flow is novel against its own gateway's flows."""
    return Split(
        np.concatenate([split.test for split in splits]),
        np.concatenate([split.novel for split in splits]),
    )
