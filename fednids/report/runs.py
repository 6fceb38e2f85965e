"""Run folders as the report reads them: finished ones, and those that stopped early."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from fednids.config import Config
from fednids.datasets.federated import class_names
from fednids.errors import ConfigError, RunError
from fednids.metrics import ConfusionCounts, Scores, scores
from fednids.report.gateways import Histories, read_gateways
from fednids.report.rounds import RoundRow
from fednids.runs.folder import CHECKPOINT, CONFIG, KINDS, RESULT, ROUNDS
from fednids.studies.study import STUDY

_KIND = "arm.txt"
MAJORITY = "majority class"
"""Name of the baseline that always answers the most frequent class."""


@dataclass(frozen=True)
class Judged:
    """Scores of one detector.

    Attributes
    ----------
    all : Scores
        Over all test flows.
    novel : Scores or None
        Over the novel ones; None where a run that stopped did not keep them.
    """

    all: Scores
    novel: Scores | None


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes
    ----------
    path : Path
        The folder.
    kind : str
        The arm.
    config : Config
        Its settings.
    finished : bool
        Whether there is a result.
    classes : tuple[str, ...]
        Names of the classes.
    detector : Judged or None
        After the last round; None where no round has ended.
    baselines : Mapping[str, Judged]
        Other detectors on the same test flows, the majority class last; empty for a run that
        stopped.
    rounds : tuple[RoundRow, ...]
        All whole rounds.
    gateways : Histories or None
        Each gateway in each round.
    facts : Mapping[str, Any]
        The rest of ``result.json``: ``data``, ``versions``, ``partition``, ``seconds`` and
        more, empty for a run that stopped.
    """

    path: Path
    kind: str
    config: Config
    finished: bool
    classes: tuple[str, ...]
    detector: Judged | None
    baselines: Mapping[str, Judged]
    rounds: tuple[RoundRow, ...]
    gateways: Histories | None
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name or str(self.path)

    @property
    def majority(self) -> Judged | None:
        """The baseline that every detector has to beat."""
        return self.baselines.get(MAJORITY)

    def facts_of(self, section: str) -> Mapping[str, Any]:
        """Give a part of the result; empty where the run did not write it."""
        found = self.facts.get(section, {})
        return found if isinstance(found, Mapping) else {}


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Read run folders, and the runs in folders of sweeps.

    Raises
    ------
    RunError
        A folder holds no run, or a damaged one.
    """
    folders: list[Path] = []
    for path in paths:
        inside = (path / "runs").glob("*") if (path / STUDY).is_file() else iter([path])
        folders += sorted(p for p in inside if p == path or (p / CONFIG).is_file())
    if not folders:
        raise RunError("expected a folder with runs, got none; name the --out folder of a run")
    return [read_run(folder) for folder in dict.fromkeys(folders)]


def read_run(path: Path) -> Run:
    """Read one run folder.

    Raises
    ------
    RunError
        It holds no run, or a damaged one.
    """
    with _reading(path):
        config = Config.resolve(file=path / CONFIG)
        finished = (path / RESULT).is_file()
        result = _read_object(path / RESULT) if finished else {}
        kind = result["kind"] if finished else _read_kind(path)
        if kind not in KINDS:
            raise ValueError(f"arm {str(kind)[:20]!r}")
        entries = result["rounds"] if finished else _read_lines(path / ROUNDS)
        rounds = tuple(RoundRow.of(entry) for entry in entries)
        table = read_gateways(path, rounds[-1].number if rounds else 0)
        gateways = Histories.of(table) if table is not None else None
        if finished:
            detector: Judged | None = _judged(result)
        else:
            detector = _unfinished(gateways, config)
        classes = detector.all.classes if detector else class_names(config.model.classes)
        if gateways is not None and gateways.last.shape[1] != len(classes):
            raise ValueError(f"gateways with {gateways.last.shape[1]} classes")
        baselines = _baselines(result) if finished else {}
        facts = {k: v for k, v in result.items() if k not in ("rounds", "final", "final_novel")}
    return Run(
        path, str(kind), config, finished, classes, detector, baselines, rounds, gateways, facts
    )  # fmt: skip


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with a folder's files."""
    wrong = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError)
    try:
        yield
    except (*wrong, ConfigError, RecursionError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        named = "" if isinstance(error, ConfigError | OSError) else f"{type(error).__name__}: "
        raise RunError(
            f"expected the folder of a run, got {path} ({named}{reason}); name the --out folder "
            "of a run, or start the run again"
        ) from None


def _read_object(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise TypeError(f"no object in {path.name}")
    return found


def _read_kind(path: Path) -> str:
    return (path / CHECKPOINT / _KIND).read_text(encoding="utf-8")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read whole lines; a last one cut short by a crash is left out."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _judged(found: Mapping[str, Any], name: str = "final") -> Judged:
    """Read scores again from their counts, so that all rates are of one making."""
    return Judged(*(_scores(found[each]) for each in (name, f"{name}_novel")))


def _scores(found: Mapping[str, Any]) -> Scores:
    counts = ConfusionCounts.from_list(found["confusion"])
    return scores(counts, [str(name) for name in found["classes"]])


def _baselines(result: Mapping[str, Any]) -> dict[str, Judged]:
    others = {str(name): _judged(found) for name, found in result.get("baselines", {}).items()}
    return {**others, MAJORITY: _judged(result, "majority")}


def _unfinished(gateways: Histories | None, config: Config) -> Judged | None:
    """Score what the gateways said in the last whole round."""
    if gateways is None:
        return None
    counts = ConfusionCounts(gateways.final)
    return Judged(scores(counts, class_names(config.model.classes)), None)


def show_rate(value: float | None, digits: int = 3) -> str:
    """Write a rate for people; a dash where it is undefined."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"
