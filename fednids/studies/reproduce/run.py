"""A reproduction from its plan to its table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, InterruptedRunError
from fednids.studies.engine import Step, Watcher, processors, run_steps
from fednids.studies.reproduce.folder import Plan, ReproductionFolder, label
from fednids.studies.reproduce.rows import PARTS, ROWS
from fednids.studies.reproduce.table import Failure, Table
from fednids.studies.reproduce.writing import write_table

COMMAND = "reproduce-rows"
"""Name of the command that runs rows in a process of its own."""


def reproduce(
    plan: Plan,
    out: Path,
    *,
    parts: Collection[str] = (),
    workers: int = 0,
    watcher: Watcher | None = None,
) -> Table:
    """Run the rows that are missing, and write table and page.

    Parameters
    ----------
    plan : Plan
        Data and seeds.
    out : Path
        Folder, new, or one that is to go on.
    parts : Collection[str]
        Names in `PARTS` of what to run; all without.
    workers : int
        Rows at once, each bound to a processor; 0 for one a processor.
    watcher : Watcher, optional
        Told of each step.

    Raises
    ------
    FednidsError
        Found before anything runs.
    InterruptedRunError
        Ctrl-C; it says how to go on.
    """
    ours, names = processors(workers), _names(parts)
    folder = ReproductionFolder(out)
    folder.check(plan)
    FederatedDataset.open(plan.config(names[-1], plan.seeds[0]))
    with folder.opened(plan):
        missing = [(n, s) for s in plan.seeds for n in names if folder.kept(n, s) is None]
        steps = _steps(folder, missing, len(ours) if plan.quick else len(missing))
        if watcher:
            watcher.begins(steps, len(names) * len(plan.seeds) - len(missing))
        failures = []
        try:
            for end in run_steps(steps, ours):
                if watcher:
                    watcher.ended(end)
                if end.reason:
                    log = str(end.step.log.relative_to(out))
                    failures.append(Failure(end.step.name, end.reason, log))
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"stopped; finished rows are kept in {out}, and the same command goes on"
            ) from None
        table = Table.of(folder, failures)
        write_table(table, folder)
    return table


def _names(parts: Collection[str]) -> list[str]:
    """Give the rows of some parts."""
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ConfigError(
            f"expected --parts among {', '.join(PARTS)}, got {unknown[0]!r}; choose of these"
        )
    return [name for name, row in ROWS.items() if not parts or row.part in parts]


def _steps(
    folder: ReproductionFolder, missing: Sequence[tuple[str, int]], count: int
) -> list[Step]:
    """Put rows into so many processes, the longest rows first and evenly.

    Short rows share a process, which otherwise takes longer to start than they do.
    """
    shares: list[list[tuple[str, int]]] = [[] for _ in range(count)]
    for each in sorted(missing, key=lambda row: -ROWS[row[0]].seconds):
        min(shares, key=_seconds).append(each)
    return [_step(folder, share) for share in shares if share]


def _step(folder: ReproductionFolder, rows: Sequence[tuple[str, int]]) -> Step:
    labels = [label(*row) for row in rows]
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    command = [COMMAND, str(folder.path), *labels]
    return Step(f"{labels[0]}{more}", lambda: command, folder.log(labels[0]), _seconds(rows))


def _seconds(rows: Sequence[tuple[str, int]]) -> float:
    return sum(ROWS[name].seconds for name, _ in rows)
