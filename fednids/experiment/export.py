"""One flow file per gateway, for gateways that run on machines of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.registry import find_dataset
from fednids.errors import DataError
from fednids.experiment.new_folder import new_folder
from fednids.experiment.original import Original, open_original
from fednids.experiment.partitioning import SKEW_SCHEMA, describe_data, write_json
from fednids.flows.files.checksum import file_sha256
from fednids.flows.files.writing import Opener, find_format, write_flows
from fednids.flows.source import load_flows, synthesiser
from fednids.flows.split import limit_flows
from fednids.seeding import Stream, generator

MANIFEST = "export.json"
"""What every exported folder holds: which file is whose, and what is in it."""

MOST_ROWS = 250_000
"""Rows in memory at a time; a file with more is read again for the next gateways."""

OnGateway = Callable[[int, int], None]
"""Called with gateways written and gateways in all."""

_Rows = tuple[pa.Table, NDArray[np.int32]]
"""Rows of the file, and the gateway of each."""


def export_gateways(
    config: Config,
    dataset: FederatedDataset,
    out: Path,
    *,
    suffix: str = "parquet",
    force: bool = False,
    on_gateway: OnGateway = lambda done, whole: None,
) -> dict[str, Any]:
    """Write ``gateway-00000.parquet`` and so on to a new folder, wholly or not at all.

    A file holds its gateway's flows, training and test flows, in file order, with all
    columns of the input; of synthetic flows with those of `fednids data synthesise`. Cells
    of a CSV are written as they were read where the export is a CSV, too. The noise of
    scheme ``noise``, which is in what a detector sees and not in flows, is in no file.

    Parameters
    ----------
    config, dataset
        Settings, and the data set that `FederatedDataset.open` makes of them.
    out : Path
        The folder.
    suffix : str
        A key of `fednids.flows.files.writing.FORMATS`.
    force : bool
        Replace an export that is there.
    on_gateway : callable
        Called after each gateway.

    Returns
    -------
    dict
        As written to ``export.json``. A gateway without flows has no file.

    Raises
    ------
    ConfigError
        There is no such format.
    RunError
        Something is at `out` already.
    DataError
        The flow file has changed since the flows were dealt, or a text in it does not fit
        into a CSV.
    """
    opener = find_format(suffix)
    with new_folder(out, MANIFEST, force=force) as folder:
        sizes = dataset.plan.sizes()
        names = [f"gateway-{k:05d}.{suffix}" if size else "" for k, size in enumerate(sizes)]
        paths = [folder / name if name else None for name in names]
        if config.data.path:
            _copy_rows(config, dataset, paths, opener, on_gateway)
        else:
            _write_synthetic(config, dataset, paths, on_gateway)
        manifest = _manifest(config, dataset, names)
        write_json(manifest, folder / MANIFEST)
    return manifest


def _manifest(config: Config, dataset: FederatedDataset, names: Sequence[str]) -> dict[str, Any]:
    classes = dataset.flows.classes
    owned = dataset.plan.label_counts(np.asarray(dataset.flows.attack), len(classes))
    return {
        "schema_version": SKEW_SCHEMA,
        "data": describe_data(dataset),
        "seed": config.run.seed,
        "scheme": dataset.plan.scheme,
        "fingerprint": dataset.plan.fingerprint,
        "gateways": [
            {
                "partition_id": k,
                "file": name or None,
                "flows": int(counts.sum()),
                "classes": dict(zip(classes, counts.tolist(), strict=True)),
            }
            for k, (name, counts) in enumerate(zip(names, owned, strict=True))
        ],
    }


def _write_synthetic(
    config: Config, dataset: FederatedDataset, paths: Sequence[Path | None], on_gateway: OnGateway
) -> None:
    """Make the flows again and write each gateway's."""
    make = synthesiser(find_dataset(dataset.flows.origin.dataset))
    table = make(len(dataset.flows), generator(config.run.seed, Stream.SYNTHETIC))
    for k, path in enumerate(paths):
        if path:
            write_flows(table.take(dataset.plan.rows(k)), path)
        on_gateway(k + 1, len(paths))


def _copy_rows(
    config: Config,
    dataset: FederatedDataset,
    paths: Sequence[Path | None],
    opener: Opener,
    on_gateway: OnGateway,
) -> None:
    """Read the file once for every group of gateways whose rows fit in memory."""
    path = Path(config.data.path)
    if file_sha256(path) != dataset.flows.origin.sha256:
        raise DataError(
            f"expected {path} as it was when its flows were dealt, got another file; leave it "
            "alone and try again"
        )
    as_text = next(name for name in paths if name).suffix != ".parquet"
    original = open_original(path, dataset.flows.origin.dataset, as_text=as_text)
    owner = _owners(config, dataset)
    for group in _groups(dataset.plan.sizes()):
        _copy_group(original, owner, group, paths, opener)
        on_gateway(group.stop, len(paths))


def _owners(config: Config, dataset: FederatedDataset) -> NDArray[np.int32]:
    """Return the gateway of each row of the file, -1 for rows that the run does not take."""
    data, seed = config.data, config.run.seed
    if not data.flows:
        return dataset.plan.assignment
    whole = np.asarray(load_flows(data.model_copy(update={"flows": 0}), seed).attack)
    owner = np.full(len(whole), -1, np.int32)
    owner[limit_flows(whole, data.flows, generator(seed, Stream.LIMIT))] = dataset.plan.assignment
    return owner


def _groups(sizes: NDArray[np.int64]) -> Iterator[range]:
    """Cut gateways into runs of at most `MOST_ROWS` rows, or of one gateway with more."""
    first, rows = 0, 0
    for k, size in enumerate(sizes.tolist()):
        if k > first and rows + size > MOST_ROWS:
            yield range(first, k)
            first, rows = k, 0
        rows += size
    yield range(first, len(sizes))


def _copy_group(
    original: Original,
    owner: NDArray[np.int32],
    group: range,
    paths: Sequence[Path | None],
    opener: Opener,
) -> None:
    """Copy the rows of some gateways; one output file is open at a time."""
    rows = _rows_of(original, owner, group)
    if len(group) == 1:
        path = paths[group.start]
        if path:
            with path.open("wb") as raw, opener(raw, original.schema) as file:
                for table, _ in _gathered(rows):
                    file.write_table(table)
        return
    for table, owners in _gathered(rows):
        order = np.argsort(owners, kind="stable")
        ends = np.searchsorted(owners[order], np.arange(group.start, group.stop + 1))
        for k, (start, stop) in zip(group, pairwise(ends.tolist()), strict=True):
            path = paths[k]
            if path:
                with path.open("wb") as raw, opener(raw, original.schema) as file:
                    file.write_table(table.take(order[start:stop]))


def _rows_of(original: Original, owner: NDArray[np.int32], group: range) -> Iterator[_Rows]:
    """Read the file once and keep the rows of some gateways, with their gateways."""
    start = 0
    for piece in original.pieces():
        here = owner[start : start + len(piece)]
        start += len(piece)
        chosen = (here >= group.start) & (here < group.stop)
        if len(here) == len(piece) and chosen.any():
            yield pa.Table.from_batches([piece.filter(pa.array(chosen))]), here[chosen]
    if start != len(owner):
        raise DataError(
            f"expected {len(owner):,} rows as when the flows were dealt, got {start:,}; leave "
            "the file alone and try again"
        )


def _gathered(rows: Iterator[_Rows]) -> Iterator[_Rows]:
    """Put pieces together to `MOST_ROWS` rows or so: a group of gateways has no more."""
    held: list[_Rows] = []
    for each in rows:
        if held and sum(len(owners) for _, owners in (*held, each)) > MOST_ROWS:
            yield _joined(held)
            held = []
        held.append(each)
    if held:
        yield _joined(held)


def _joined(held: Sequence[_Rows]) -> _Rows:
    tables, owners = zip(*held, strict=True)
    return pa.concat_tables(tables).combine_chunks(), np.concatenate(owners)
