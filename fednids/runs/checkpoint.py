"""Checkpoints: where a stopped run goes on, each a file with a hash, the last two kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fednids.config import Config
from fednids.errors import ConfigError, RunError
from fednids.files import seal, unseal, write_atomically
from fednids.messages.client_state import memories_fault
from fednids.networks.interface import Weights
from fednids.runs.gateways import table_rows
from fednids.runs.layout import CHECKPOINT, CONFIG, GATEWAYS, KINDS, ROUNDS, ROWS, memories
from fednids.runs.lines import Mark, parsed, whole_lines
from fednids.runs.plugins import check_digests, check_members, current_plugins
from fednids.runs.records import ExtensionRecord, PluginRecord
from fednids.runs.selection import Best, Selection

_KEPT = 2
"""The newest, and one before, should that be damaged."""

_FORMAT = 2
_STATE, _BEST, _MEMORIES = "state/", "best/", "memories"
"""Before the names of arrays that are not the weights, and the name of `Checkpoint.memories`."""

_FREE = frozenset({"run.engine", "run.workers"})
"""Settings that may be changed in the file of a stopped run: they change no result."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a stopped run goes on.

    Attributes
    ----------
    kind : str
        The arm.
    config : Config
        Its settings.
    server_round : int
        The last whole round; 0 if there is none.
    weights : tuple[ndarray, ...]
        ``(P,) float32`` each, after that round.
    rounds : list
        Rounds so far, as JSON.
    state : Mapping[str, ndarray]
        What the strategy remembered then, by name.
    best : Best or None
        The best round so far and its weights, where they are kept.
    extended : tuple[ExtensionRecord, ...]
        Rounds that were added, in order.
    flows : str
        Which flows the run is on; empty before the first round.
    memories : ndarray
        ``(K,) int64`` last round that each gateway remembers; empty if none remembers.
    round_lines, gateway_lines : Mark
        How far the two files of lines had come.
    damaged : tuple[str, ...]
        Newer checkpoints that could not be used, and why.
    """

    kind: str
    config: Config
    server_round: int
    weights: tuple[Weights, ...]
    rounds: Sequence[Mapping[str, Any]]
    state: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    best: Best | None = None
    extended: tuple[ExtensionRecord, ...] = ()
    flows: str = ""
    memories: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    round_lines: Mark = field(default_factory=Mark)
    gateway_lines: Mark = field(default_factory=Mark)
    damaged: tuple[str, ...] = ()


class _OlderError(Exception):
    """A checkpoint of the format before."""


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of a run folder, then remove those that are no longer kept.

    Raises
    ------
    DiskError
        The disk takes no more; those before are as they were.
    """
    arrays: dict[str, NDArray[Any]] = {str(k): a for k, a in enumerate(checkpoint.weights)}
    arrays |= {_STATE + name: array for name, array in checkpoint.state.items()}
    best = checkpoint.best
    arrays |= {f"{_BEST}{k}": a for k, a in enumerate(best.weights)} if best else {}
    facts = {
        "format": _FORMAT,
        "kind": checkpoint.kind,
        "config": checkpoint.config.flat(),
        "round": checkpoint.server_round,
        "best": best.server_round if best else 0,
        "extended": [each.to_json() for each in checkpoint.extended],
        "flows": checkpoint.flows,
        "rounds": asdict(checkpoint.round_lines),
        "gateways": asdict(checkpoint.gateway_lines),
    }
    if plugins := current_plugins():
        facts["plugins"] = [each.model_dump() for each in plugins]
    content = seal({**arrays, _MEMORIES: checkpoint.memories}, facts)
    write_atomically(_file(path, checkpoint.server_round), content)
    for number in _numbers(path)[:-_KEPT]:
        _file(path, number).unlink(missing_ok=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read where a run stopped: the last round of which all is whole.

    Raises
    ------
    RunError
        ``path`` holds no run, or one of an older version, none of its checkpoints can be used,
        its settings were changed, or a plug-in that it was begun with is missing or another one.
    """
    damaged = []
    for number in reversed(_numbers(path)):
        try:
            found = _read(path, number)
        except _OlderError:
            raise RunError(
                f"expected a run of this version of fednids to go on with, got {path} of an older "
                "one; resume it with the fednids that began it, or start the run again"
            ) from None
        except (OSError, ConfigError, ValueError, KeyError, TypeError, AttributeError) as error:
            damaged.append(f"round {number}: {' '.join(str(error).split())[:200]}")
        else:
            return _checked(path, replace(found, damaged=tuple(damaged)))
    reason = "; ".join(damaged) or "no checkpoint"
    raise RunError(
        f"expected the folder of a run that can go on, got {path} ({reason}); start the run again"
    )


def usable_checkpoints(path: Path) -> Iterator[Checkpoint]:
    """Yield all checkpoints that can be used, oldest first."""
    for number in _numbers(path):
        try:
            yield _read(path, number)
        except (OSError, ConfigError, ValueError, KeyError, TypeError, AttributeError):
            continue


def selection_of(config: Config, checkpoint: Checkpoint | None) -> Selection:
    """Return the selection among rounds as it stood at a checkpoint, or at the start."""
    if checkpoint is None:
        return Selection(config)
    since = checkpoint.extended[-1].after if checkpoint.extended else 0
    return Selection(config, checkpoint.rounds, checkpoint.best, since)


def extend(path: Path, rounds: int) -> Checkpoint:
    """Add rounds to a run: to each of its checkpoints, and to its settings.

    What was done stays as it is. All that depends on the number of rounds, as the cosine of
    the learning rate, goes by the new number from here on.

    Parameters
    ----------
    path : Path
        Folder of a run, finished or stopped.
    rounds : int
        How many it is to have in all.

    Returns
    -------
    Checkpoint
        Where it goes on.

    Raises
    ------
    RunError
        It has as many already, or its gateways get their flows over the rounds.
    DiskError
        The disk takes no more; the run is as it was, or extended.
    """
    found = read_checkpoint(path)
    before = found.config.federation.rounds
    if rounds < before:
        raise RunError(
            f"expected at least the {before} rounds of {path}, got {rounds}; name more, or start "
            "a new run"
        )
    if rounds == before:
        return found
    if found.config.partition.arrival != "at-once":
        raise RunError(
            f"expected partition.arrival at-once to add rounds, got "
            f"{found.config.partition.arrival} in {path}, which deals flows by the number of "
            "rounds; start a new run"
        )
    drop_after(path, found.server_round)
    for each in usable_checkpoints(path):
        added = ExtensionRecord(
            after=each.server_round, before=each.config.federation.rounds, rounds=rounds
        )
        config = Config.resolve({**each.config.flat(), "federation.rounds": rounds})
        longer = replace(each, config=config, extended=(*each.extended, added))
        write_checkpoint(path, longer)
    return read_checkpoint(path)


def prune(path: Path) -> None:
    """Remove what a finished run needs no more: the rows that stand in its table, too."""
    (path / CHECKPOINT / ROWS).unlink(missing_ok=True)


def _restore_rows(path: Path) -> None:
    """Write the rows of a finished run anew from its table, to which rounds are to be added."""
    rows = path / CHECKPOINT / ROWS
    if (path / GATEWAYS).exists() and not rows.exists():
        try:
            lines = "".join(json.dumps(row) + "\n" for row in table_rows(path))
        except pa.ArrowException as error:
            raise ValueError(f"{GATEWAYS}: {error}") from None
        write_atomically(rows, lines.encode())


def drop_after(path: Path, server_round: int) -> None:
    """Remove checkpoints of later rounds, which were found to be damaged."""
    for number in _numbers(path):
        if number > server_round:
            _file(path, number).unlink(missing_ok=True)


def _read(path: Path, number: int) -> Checkpoint:
    """Read one checkpoint and all that belongs to it; any error says what is damaged."""
    arrays, facts = unseal(_file(path, number).read_bytes())
    if facts["format"] == _FORMAT - 1:
        raise _OlderError
    if (facts["format"], facts["round"]) != (_FORMAT, number) or facts["kind"] not in KINDS:
        raise ValueError(f"it is round {facts['round']} of {facts['kind']!r}")
    recorded = [PluginRecord.model_validate(each) for each in facts.get("plugins", [])]
    check_members(facts["config"], recorded, path)
    check_digests(facts["config"], recorded, path)
    marks = Mark(**facts["rounds"]), Mark(**facts["gateways"])
    rounds = parsed(whole_lines(path / ROUNDS, marks[0]))
    _restore_rows(path)
    whole_lines(path / CHECKPOINT / ROWS, marks[1])
    remembered = arrays.pop(_MEMORIES)
    fault = memories_fault(memories(path), remembered.tolist())
    if fault:
        raise ValueError(fault)
    best = _numbered(arrays, _BEST)
    return Checkpoint(
        facts["kind"],
        Config.resolve(facts["config"]),
        number,
        _numbered(arrays, ""),
        rounds,
        {n.removeprefix(_STATE): a for n, a in arrays.items() if n.startswith(_STATE)},
        Best(facts["best"], best) if facts["best"] else None,
        tuple(ExtensionRecord(**each) for each in facts["extended"]),
        facts["flows"],
        remembered,
        *marks,
    )


def _numbered(arrays: Mapping[str, NDArray[Any]], prefix: str) -> tuple[Weights, ...]:
    count = sum(name.removeprefix(prefix).isdigit() for name in arrays if name.startswith(prefix))
    found = tuple(arrays[f"{prefix}{k}"] for k in range(count))
    for weights in found:
        if weights.dtype != np.float32 or weights.ndim != 1 or not np.isfinite(weights).all():
            raise ValueError(f"weights of {weights.shape} {weights.dtype}, or not finite")
    return found


def _checked(path: Path, checkpoint: Checkpoint) -> Checkpoint:
    """Compare the settings with those in the file that people read, and may change."""
    file, ours = path / CONFIG, checkpoint.config.flat()
    if not file.exists():
        return checkpoint
    try:
        told = Config.resolve(file=file).flat()
    except ConfigError as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(_changed(file, f"another ({reason})")) from None
    # A run that was killed while rounds were added to it has the new number in one place only.
    other = {n for n in ours if told[n] != ours[n]} - {"federation.rounds"}
    if other - _FREE:
        names = ", ".join(f"{name} {told[name]!r}" for name in sorted(other - _FREE))
        raise RunError(_changed(file, names))
    return replace(
        checkpoint, config=Config.resolve({**ours, **{name: told[name] for name in other}})
    )


def _changed(file: Path, reason: str) -> str:
    return (
        f"expected {file} as the run began with it, got {reason}; remove it to go on with those "
        "settings, or start a new run"
    )


def _file(path: Path, number: int) -> Path:
    return path / CHECKPOINT / f"round-{number:06d}.safetensors"


def _numbers(path: Path) -> list[int]:
    """Rounds of all checkpoints that are there, rising."""
    names = [file.stem.removeprefix("round-") for file in _file(path, 0).parent.glob("round-*.s*")]
    return sorted(int(name) for name in names if name.isdigit())
