"""Run folders read back: what the report, `cross`, `compare`, `load` and notebooks read.

Neither MindSpore nor Flower is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from pydantic_core import from_json

from fednids.config import Config
from fednids.datasets.registry import class_names
from fednids.errors import ConfigError, RunError
from fednids.metrics import ConfusionCounts, Scores, scores
from fednids.metrics.curves import ScoreHistograms, Sides
from fednids.metrics.log_odds import BINS
from fednids.metrics.reliability import GRADES
from fednids.networks.model_file import Detector, load_detector
from fednids.runs.gateways import Histories, read_gateways
from fednids.runs.layout import (
    CHECKPOINT,
    CONFIG,
    FINAL_COUNTS,
    GATEWAYS,
    KIND,
    KINDS,
    MODEL,
    MODELS,
    RESULT,
    ROUNDS,
    SCORES,
    STUDY,
)
from fednids.runs.lines import read_lines
from fednids.runs.plugins import check_folder_plugins
from fednids.runs.records import (
    SCHEMA_VERSION,
    Provenance,
    RecalibrationRecord,
    ResultRecord,
    RoundRecord,
    ScoresRecord,
)
from fednids.runs.sums import check_sum

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

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

    @classmethod
    def of(cls, everything: ScoresRecord, novel: ScoresRecord) -> Judged:
        """Return scores computed again from their counts, so that all rates are of one making."""
        return cls(everything.scores(), novel.scores())


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """What ``scores.json`` holds of the test flows.

    Attributes
    ----------
    classes : tuple[str, ...]
        Names in the order of the codes, benign first.
    histograms : ScoreHistograms
        Of all test flows.
    grades : ndarray
        ``(3, G) int64``, as in `fednids.metrics.reliability.Reliability`.
    """

    classes: tuple[str, ...]
    histograms: ScoreHistograms
    grades: NDArray[np.int64]

    def sides(self) -> dict[str, Sides]:
        """Return attack against benign, then each class against the rest, with flows of both."""
        found = {"attack against benign": self.histograms.attack_vs_benign()}
        for code, name in enumerate(self.classes if len(self.classes) > 2 else ()):
            found[f"{name} against the rest"] = self.histograms.one_vs_rest(code)
        return {n: s for n, s in found.items() if s.positives.any() and s.negatives.any()}


class Run:
    """A run folder. Each part is read when it is asked for, and kept.

    A part that is missing or damaged raises a `RunError` of one line.

    Parameters
    ----------
    path : Path
        The folder, of a run that has ended or has stopped.
    """

    def __init__(self, path: Path):
        self.path = path
        self._checked: set[str] = set()

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name or str(self.path)

    @cached_property
    def finished(self) -> bool:
        """Whether there is a result."""
        return (self.path / RESULT).is_file()

    @cached_property
    def config(self) -> Config:
        """Settings."""
        check_folder_plugins(self.path)
        with self._reading(CONFIG):
            return Config.recorded(self.path / CONFIG)

    @cached_property
    def result(self) -> ResultRecord:
        """``result.json``, of a finished run; keys that a later version added are kept."""
        with self._reading(RESULT):
            return _read_result(self.path / RESULT)

    @cached_property
    def kind(self) -> str:
        """The arm: ``"centralised"``, ``"local"`` or ``"federated"``."""
        if self.finished:
            return self.result.kind
        with self._reading(KIND):
            kind = (self.path / CHECKPOINT / KIND).read_text(encoding="utf-8")
            if kind not in KINDS:
                raise ValueError(f"arm {kind[:20]!r}")
            return kind

    @cached_property
    def rounds(self) -> tuple[RoundRecord, ...]:
        """All whole rounds."""
        if self.finished:
            return tuple(self.result.rounds)
        with self._reading(ROUNDS):
            return tuple(
                RoundRecord.model_validate(line) for line in read_lines(self.path / ROUNDS)
            )

    @cached_property
    def gateways(self) -> Histories | None:
        """What each gateway did in each round, as arrays; None before the first round."""
        with self._reading(GATEWAYS):
            table = read_gateways(self.path, self.rounds[-1].round if self.rounds else 0)
            found = None if table is None else Histories.of(table)
            if found is not None and found.last.shape[1] != len(self.classes):
                raise ValueError(f"counts of {found.last.shape[1]} classes")
            return found

    @cached_property
    def last_confusions(self) -> list[ConfusionCounts]:
        """Counts of each gateway's test flows, by partition id, of the detector it ends with."""
        with self._reading(GATEWAYS):
            there = pq.read_schema(self.path / GATEWAYS).names
            counts = FINAL_COUNTS if FINAL_COUNTS in there else "confusion"
            columns = ["round", "partition_id", counts]
            table = pq.read_table(self.path / GATEWAYS, columns=columns).to_pylist()
            last, size = max(row["round"] for row in table), len(self.classes)
            rows = sorted((r["partition_id"], r[counts]) for r in table if r["round"] == last)
            return [ConfusionCounts(np.reshape(found, (size, size))) for _, found in rows]

    @property
    def sent(self) -> tuple[int, int]:
        """Bytes to all gateways, and from them, over the rounds and what came after."""
        after = self.result.recalibration if self.finished else None
        parts: list[RoundRecord | RecalibrationRecord] = [*self.rounds, *([after] if after else [])]
        return sum(each.bytes_down for each in parts), sum(each.bytes_up for each in parts)

    @cached_property
    def scores(self) -> ScoreCounts | None:
        """Counts of scores; None where there are none: it stopped, or is older than they are."""
        if not (self.path / SCORES).is_file():
            return None
        with self._reading(SCORES):
            return _read_scores(self.path / SCORES)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, benign first."""
        if self.finished:
            return tuple(self.result.final.classes)
        names = class_names(self.config)
        table = read_gateways(self.path, self.rounds[-1].round if self.rounds else 0)
        size = len(names) if table is None else Histories.of(table).last.shape[1]
        return names if size == len(names) else tuple(f"class {code}" for code in range(size))

    @cached_property
    def detector(self) -> Judged | None:
        """Scores after the last round; None where no round has ended."""
        if self.finished:
            return Judged.of(self.result.final, self.result.final_novel)
        if self.gateways is None:
            return None
        return Judged(scores(ConfusionCounts(self.gateways.final), self.classes), None)

    @cached_property
    def baselines(self) -> Mapping[str, Judged]:
        """Other detectors on the same flows, the majority class last; none if it stopped."""
        if not self.finished:
            return {}
        others = (self.result.baselines or {}).items()
        found = {name: Judged.of(each.final, each.final_novel) for name, each in others}
        return {**found, MAJORITY: Judged.of(self.result.majority, self.result.majority_novel)}

    @property
    def majority(self) -> Judged | None:
        """The baseline that every detector has to beat."""
        return self.baselines.get(MAJORITY)

    @property
    def provenance(self) -> Provenance | None:
        """By what, where and when it was made; None in results that do not say."""
        return self.result.provenance

    @property
    def personal(self) -> bool:
        """Whether it left one detector a gateway."""
        return self.kind == "local" or self.result.judged == "personal"

    def section(self, name: str) -> Mapping[str, Any]:
        """Return an object of the result as it stands there; empty where there is none."""
        found = self._result_json.get(name) if self.finished else None
        return found if isinstance(found, Mapping) else {}

    @cached_property
    def _result_json(self) -> dict[str, Any]:
        return self.result.to_json()

    def model_files(self) -> list[Path]:
        """Return the files of its detectors, by partition id if there are several."""
        return [self.path / name for name in self._model_names()]

    def models(self) -> Iterator[Detector]:
        """Read its detectors, by partition id if there are several.

        Raises
        ------
        RunError
            One is missing or damaged.
        """
        return map(self._model, self._model_names())

    def model(self, gateway: int | None = None) -> Detector:
        """Read a trained detector.

        Parameters
        ----------
        gateway : int, optional
            Partition id, for the gateway's own; the run's one detector without.

        Raises
        ------
        RunError
            There is none, or it is damaged.
        """
        return self._model(MODEL if gateway is None else _model_name(gateway))

    def _model(self, name: str) -> Detector:
        if (self.path / name).is_file():
            with self._reading(name):  # which checks it
                pass
        return load_detector(self.path / name)

    def _model_names(self) -> list[str]:
        if self.personal and self.result.partition.gateways > 1:
            return [_model_name(k) for k in range(self.result.partition.gateways)]
        return [MODEL]

    @cached_property
    def rounds_table(self) -> pd.DataFrame:
        """A row for each round; columns are paths of keys as ``test.novel.macro_f1``.

        Undefined rates are NaN, lists stand as lists.
        """
        import pandas as pd

        entries = [each.to_json() for each in self.rounds]
        frame = pd.json_normalize([_without_none(each) for each in entries])
        return frame.reindex(columns=_paths(entries)) if len(frame) else frame

    @cached_property
    def gateways_table(self) -> pd.DataFrame:
        """A row for each gateway and round, as in ``gateways.parquet``.

        ``round``, ``partition_id``, and ``confusion``, ``C * C`` counts, row after row, among
        others.
        """
        with self._reading(GATEWAYS):
            table = pq.read_table(self.path / GATEWAYS)
            missing = [name for name in ("confusion", "partition_id", "round")
                       if name not in table.column_names]  # fmt: skip
            if missing:
                raise ValueError(f"no column {missing[0]}")
            frame: pd.DataFrame = table.to_pandas().rename(columns={"fate": "outcome"})
            return frame

    @contextmanager
    def _reading(self, file: str) -> Iterator[None]:
        """Raise in one line what is wrong with a file of the folder."""
        wrong = (ValueError, KeyError, TypeError, IndexError, ArithmeticError, RecursionError)
        try:
            self._check(file)
            yield
        except _NewerError as error:
            raise RunError(
                f"expected a result of schema version {SCHEMA_VERSION} at most in {self.path}, got "
                f"version {error}; read it with the fednids that wrote it, or a newer one"
            ) from None
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in found["loc"]) or "the whole"
            raise self._damaged(file, f"{where}: {found['msg']}") from None
        except (*wrong, OSError, ConfigError, pa.ArrowException) as error:
            named = "" if isinstance(error, ConfigError | OSError) else f"{type(error).__name__} "
            raise self._damaged(file, f"{named}{error}") from None

    def _check(self, file: str) -> None:
        """Check a file of a finished run against its checksum, once."""
        if file not in self._checked and self.finished:
            check_sum(self.path, file)
            self._checked.add(file)

    def _damaged(self, file: str, reason: str) -> RunError:
        what, remedy = "run", "name the --out folder of a run, or start the run again"
        if file == RESULT:
            what, remedy = (
                "finished run",
                "name one with a result.json, or finish it with `fednids resume`",
            )
        found = f"{self.path} ({' '.join(f'{file}: {reason}'.split())[:200]})"
        return RunError(f"expected the folder of a {what}, got {found}; {remedy}")


def load(path: Path | str) -> Run:
    """Read a finished run.

    Parameters
    ----------
    path : Path or str
        The run folder.

    Returns
    -------
    Run
        Its settings and its result are checked against the schema; the rest is when it is read.

    Raises
    ------
    RunError
        It is no such folder, the run has not ended, a file is damaged, or a newer version of
        fednids has written it.
    """
    run = Run(Path(path))
    _ = run.result, run.config
    return run


def read_run(path: Path) -> Run:
    """Read a run that has ended or has stopped, all that a report needs.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    run = Run(path)
    _ = run.config, run.kind, run.rounds, run.gateways
    return run


def run_folders(paths: Sequence[Path], *, finished: bool = False) -> list[Path]:
    """Return run folders, each once, those of the runs in a sweep's folder in its place.

    Parameters
    ----------
    paths : sequence of Path
        Run folders, or folders of sweeps.
    finished : bool
        Of sweeps, take the runs that have a result alone.
    """
    needed, found = RESULT if finished else CONFIG, list[Path]()
    for path in paths:
        if (path / STUDY).is_file():
            found += sorted(p for p in (path / "runs").glob("*") if (p / needed).is_file())
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _model_name(gateway: int) -> str:
    return f"{MODELS}/gateway-{gateway:05d}.safetensors"


class _NewerError(Exception):
    """A result of a schema that is not known yet."""


def _read_result(path: Path) -> ResultRecord:
    found = from_json(path.read_bytes())
    if not isinstance(found, dict):
        raise TypeError("no object")
    version = found.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        raise _NewerError(version)
    return ResultRecord.model_validate(found)


def _read_scores(path: Path) -> ScoreCounts:
    found = json.loads(path.read_text(encoding="utf-8"))["test"]
    classes = tuple(str(name) for name in found["classes"])
    counts = _counts(found["histograms"], (len(classes), len(classes), BINS))
    return ScoreCounts(classes, ScoreHistograms(counts), _counts(found["reliability"], (3, GRADES)))


def _counts(found: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    counts = np.array(found)
    if counts.shape != shape or counts.dtype.kind not in "iu" or counts.min(initial=0) < 0:
        raise ValueError(f"{counts.dtype} of shape {counts.shape}, not counts of shape {shape}")
    return counts.astype(np.int64)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    return value


def _paths(entries: list[dict[str, Any]]) -> list[str]:
    """Return the paths of keys in the order of the records; empty objects have none."""
    found: dict[str, None] = {}

    def visit(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                visit(each, f"{path}.{name}" if path else str(name))
        else:
            found[path] = None

    for entry in entries:
        visit(entry, "")
    branches = {path.rsplit(".", k)[0] for path in found for k in range(1, path.count(".") + 1)}
    return [path for path in found if path not in branches]
