"""The run folder: written as the run goes, so that a stop loses the round in flight only."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fednids.config import Config
from fednids.errors import RunError
from fednids.files import FULL, DiskError, sweep_up, told_of_disk, write_atomically
from fednids.messages.client_state import forget_after, last_kept
from fednids.networks.interface import Weights
from fednids.runs.checkpoint import (
    Checkpoint,
    drop_after,
    prune,
    selection_of,
    write_checkpoint,
)
from fednids.runs.layout import (
    CHECKPOINT,
    CONFIG,
    FINAL_COUNTS,
    GATEWAYS,
    KIND,
    KINDS,
    RESULT,
    ROUNDS,
    ROWS,
    memories,
)
from fednids.runs.lines import Lines
from fednids.runs.records import ResultRecord
from fednids.runs.rounds import Round
from fednids.runs.selection import Selection, validation_macro_f1
from fednids.runs.sums import SUMS, write_sums

_BATCH = 10_000
_COUNTS = pa.list_(pa.int64())
_TYPES = {
    "round": pa.int64(),
    "partition_id": pa.int64(),
    "participated": pa.bool_(),
    "examples": pa.int64(),
    "loss": pa.float64(),
    "seconds": pa.float64(),
    "test_examples": pa.int64(),
    "test_loss": pa.float64(),
    "confusion": _COUNTS,
    "present": pa.bool_(),
    "outcome": pa.string(),
    "virtual_seconds": pa.float64(),
    FINAL_COUNTS: _COUNTS,
}
"""Columns of `GATEWAYS`, by the keys of the rows."""


class RunFolder:
    """Writes a run's files; an `Observer` of its rounds.

    Parameters
    ----------
    path : Path
        The folder.
    classes : Sequence[str]
        Names of the classes, for the rates.

    Attributes
    ----------
    rounds : list
        Rounds so far, as JSON.
    flows : str
        Which flows the run is on, as the checkpoints are to say.
    """

    def __init__(self, path: Path, classes: Sequence[str]):
        self.path, self._classes = path, classes
        self.rounds: list[Mapping[str, Any]] = []
        self.flows = ""
        self._lines, self._rows = Lines(path / ROUNDS), Lines(path / CHECKPOINT / ROWS)
        self._start = Checkpoint(KINDS[-1], Config(), 0, (), ())
        self._selection = Selection(Config())

    def create(self, kind: str, config: Config) -> None:
        """Make the folder and write what the run starts from.

        Raises
        ------
        DiskError
            The disk takes no more.
        """
        self._start = Checkpoint(kind, config, 0, (), ())
        self._selection = selection_of(config, None)
        with told_of_disk(self.path):
            (self.path / CHECKPOINT).mkdir(parents=True, exist_ok=True)
        write_checkpoint(self.path, self._start)
        self._describe(self._start)

    def reopen(self, checkpoint: Checkpoint) -> None:
        """Go on after a checkpoint: all that came after it is dropped.

        The result of a run to which rounds were added is kept under another name.

        Raises
        ------
        DiskError
            The disk takes no more.
        """
        self._start, self.rounds = checkpoint, list(checkpoint.rounds)
        self.flows = checkpoint.flows
        self._selection = selection_of(checkpoint.config, checkpoint)
        self._lines.cut(checkpoint.round_lines)
        self._rows.cut(checkpoint.gateway_lines)
        drop_after(self.path, checkpoint.server_round)
        gateways = checkpoint.config.partition.gateways
        with told_of_disk(self.path):
            if memories(self.path).is_dir():
                forget_after(memories(self.path), gateways, checkpoint.server_round)
            for folder in (self.path, self.path / CHECKPOINT):
                sweep_up(folder)
            if checkpoint.extended and (self.path / RESULT).exists():
                after = checkpoint.extended[-1].after
                (self.path / RESULT).replace(self.path / f"result-{after:06d}.json")
            (self.path / SUMS).unlink(missing_ok=True)
        self._describe(checkpoint)

    def round_ended(self, ended: Round, weights: Sequence[Weights]) -> None:
        """Append the round, then write the checkpoint that belongs to it.

        Raises
        ------
        DiskError
            The disk takes no more; the round is done again when the run goes on.
        """
        for failure in ended.failures:
            if FULL in failure.reason and not self._start.config.deploy.names:  # it is our disk
                raise DiskError(f"gateway {failure.partition}: {failure.reason}")
        record = ended.record(self._classes).to_json()
        self._rows.append(_gateway_rows(ended))
        self._lines.append([record])
        self._selection.round_ended(ended.number, validation_macro_f1(ended), weights)
        best, start = self._selection.best, self._start
        reached = Checkpoint(
            start.kind,
            start.config,
            ended.number,
            tuple(weights),
            (),
            ended.state,
            best if best and best.weights else None,
            start.extended,
            self.flows,
            last_kept(memories(self.path), start.config.partition.gateways),
            self._lines.mark,
            self._rows.mark,
        )
        write_checkpoint(self.path, reached)
        self.rounds.append(record)

    @property
    def course(self) -> dict[str, Any]:
        """Entries of the result about how the rounds ended; none of a plain run."""
        found: dict[str, Any] = {}
        config, best = self._start.config, self._selection.best
        if config.data.validation_share:
            found["best_round"] = best.server_round if best else None
            chosen = self._selection.chosen
            found["kept_round"] = chosen.server_round if chosen else len(self.rounds)
            found["stopped_early"] = len(self.rounds) < config.federation.rounds
        if self._start.extended:
            found["extended"] = [each.to_json() for each in self._start.extended]
        return found

    def finish(self, result: ResultRecord, last: Round | None = None) -> None:
        """Write the gateways' table and then, last of all, the result.

        Parameters
        ----------
        result : ResultRecord
            What the run came to.
        last : Round, optional
            Evaluation of the detector that the run ends with; where it is not that of the last
            round, its counts stand in a column of their own.

        Raises
        ------
        DiskError
            The disk takes no more; the run can be resumed, and finished, when there is room.
        """
        write_atomically(self.path / GATEWAYS, self._gateways_table(last))
        content = json.dumps(result.to_json(), indent=2, allow_nan=False).encode()
        write_sums(self.path, content)
        write_atomically(self.path / RESULT, content)
        prune(self.path)

    def _gateways_table(self, last: Round | None) -> bytes:
        """Return all rows as Parquet, with the last counts where they are others."""
        number, shown = 0, dict[int, list[int]]()
        for row in self._rows.rows():
            if row["round"] != number:
                number, shown = row["round"], {}
            shown[row["partition_id"]] = row["confusion"]
        evaluations = last.evaluations if last else ()
        final = {each.partition_id: each.counts.matrix.ravel().tolist() for each in evaluations}
        added = {} if final == shown else final
        table, writer = io.BytesIO(), None
        rows = self._rows.rows()
        while batch := list(islice(rows, _BATCH)):
            for row in batch if added else ():
                row[FINAL_COUNTS] = (
                    added.get(row["partition_id"]) if row["round"] == number else None
                )
            schema = pa.schema([(name, _TYPES[name]) for name in batch[0]])
            writer = writer or pq.ParquetWriter(table, schema)
            writer.write_table(pa.Table.from_pylist(batch, schema))
        if writer is not None:
            writer.close()
        return table.getvalue()

    def _describe(self, checkpoint: Checkpoint) -> None:
        """Write arm and settings for those who read them."""
        write_atomically(self.path / CHECKPOINT / KIND, checkpoint.kind.encode())
        write_atomically(self.path / CONFIG, checkpoint.config.to_toml().encode())


def is_finished(path: Path) -> bool:
    """Return whether the result of a run is there, and whole."""
    try:
        found = json.loads((path / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "final" in found


def prepare_folder(path: Path, *, force: bool) -> None:
    """Check that a new run may be written to ``path``; with `force`, remove an old one.

    Raises
    ------
    RunError
        Something is there already; even `force` removes nothing but a run.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if path.is_dir() and _barely_begun(path):
        force = True
    elif not (path.is_dir() and (path / CONFIG).is_file()):
        raise RunError(
            f"expected a new or empty folder for --out, got {path}, which holds something else; "
            "name another"
        )
    if not force:
        raise RunError(
            f"expected a new folder for --out, got {path}, which holds a run; name another, or "
            "overwrite it with --force"
        )
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _barely_begun(path: Path) -> bool:
    """Return whether a run was killed here before its settings were written."""
    names = {entry.name for entry in path.iterdir()}
    if (path / CONFIG).exists() or not names <= {CHECKPOINT, *_left(path)}:
        return False
    inside = path / CHECKPOINT
    first = {KIND, "round-000000.safetensors", *_left(inside)}
    return {entry.name for entry in inside.iterdir()} <= first if inside.is_dir() else False


def _left(folder: Path) -> set[str]:
    """Names of what a killed writer left."""
    return {entry.name for entry in folder.glob(".*.tmp")}


def _gateway_rows(ended: Round) -> list[dict[str, Any]]:
    """One row a gateway: what it trained on and what it was right about."""
    updates = {update.partition_id: update for update in ended.updates}
    outcomes = ended.outcomes.by_partition() if ended.outcomes else {}
    rows = []
    for evaluation in ended.evaluations:
        update = updates.get(evaluation.partition_id)
        rows.append(
            {
                "round": ended.number,
                "partition_id": evaluation.partition_id,
                "participated": update is not None,
                "examples": update.examples if update else 0,
                "loss": update.loss if update and update.examples else None,
                "seconds": update.seconds if update else 0.0,
                "test_examples": evaluation.counts.total,
                "test_loss": evaluation.loss / max(evaluation.counts.total, 1),
                "confusion": evaluation.counts.matrix.ravel().tolist(),
            }
        )
        if ended.outcomes:
            k = evaluation.partition_id
            outcome, seconds = outcomes.get(k, (None, None))
            there = bool(ended.outcomes.present[k])
            value = outcome.value if outcome else None
            rows[-1] |= {"present": there, "outcome": value, "virtual_seconds": seconds}
    return rows
