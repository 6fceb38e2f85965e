"""A finished run read back: typed result, data frames, and its detectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from pydantic_core import from_json

from fednids.config import Config
from fednids.errors import ConfigError, RunError
from fednids.networks.model_file import Detector, load_detector
from fednids.runs.folder import CONFIG, GATEWAYS, MODEL, RESULT
from fednids.runs.job import MODELS
from fednids.runs.schema import SCHEMA_VERSION, ResultRecord

if TYPE_CHECKING:
    from fednids.runs.provenance import Provenance

_COLUMNS = ("round", "partition_id", "confusion")


@dataclass(frozen=True, eq=False)
class Run:
    """One finished run.

    Attributes
    ----------
    path : Path
        Its folder.
    settings : Config
        Its settings.
    result : ResultRecord
        ``result.json``; its attributes are the keys.
    gateways : DataFrame
        ``gateways.parquet``: a row for each gateway and round, with ``round``,
        ``partition_id``, and ``confusion``, ``C * C`` counts, row after row.
    """

    path: Path
    settings: Config
    result: ResultRecord
    gateways: pd.DataFrame

    @property
    def rounds(self) -> pd.DataFrame:
        """A row for each round; columns are paths of keys as ``test.novel.macro_f1``.

        Undefined rates are NaN, lists stand as lists.
        """
        return frame_of([entry.model_dump(exclude_unset=True) for entry in self.result.rounds])

    @property
    def provenance(self) -> Provenance | None:
        """By what, where and when it was made; None in results that do not tell."""
        return self.result.provenance

    def detector(self, gateway: int | None = None) -> Detector:
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
        if gateway is None:
            return load_detector(self.path / MODEL)
        return load_detector(self.path / MODELS / f"gateway-{gateway:05d}.safetensors")


def load(path: Path | str) -> Run:
    """Read a finished run; neither MindSpore nor Flower is needed.

    Parameters
    ----------
    path : Path or str
        The run folder.

    Returns
    -------
    Run
        Everything checked against the schema; keys that it does not know are kept.

    Raises
    ------
    RunError
        It is no such folder, the run has not ended, a file is damaged, or a newer version
        of fednids has written it.
    """
    folder = Path(path)
    with _reading(folder):
        result = _read_result(folder / RESULT)
        settings = Config.resolve(file=folder / CONFIG)
        gateways = pq.read_table(folder / GATEWAYS).to_pandas()
        missing = [name for name in _COLUMNS if name not in gateways.columns]
        if missing:
            raise ValueError(f"{GATEWAYS} has no column {missing[0]}")
    return Run(folder, settings, result, gateways)


def frame_of(entries: list[dict[str, Any]]) -> pd.DataFrame:
    """Arrange nested records as a table whose columns are paths of keys; None is NaN."""
    frame = pd.json_normalize([_without_none(entry) for entry in entries])
    return frame.reindex(columns=_paths(entries)) if len(frame) else frame


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    return value


def _paths(entries: list[dict[str, Any]]) -> list[str]:
    """Give the paths of keys in the order of the records; empty objects have none."""
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


def _read_result(path: Path) -> ResultRecord:
    found = from_json(path.read_bytes())
    if not isinstance(found, dict):
        raise TypeError(f"{path.name} holds no object")
    version = found.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        raise _NewerError(version)
    return ResultRecord.model_validate(found)


class _NewerError(Exception):
    """A result of a schema that is not known yet."""


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with a folder's files."""
    try:
        yield
    except _NewerError as error:
        raise RunError(
            f"expected a result of schema version {SCHEMA_VERSION} in {path}, got version "
            f"{error}; read it with the fednids that wrote it, or a newer one"
        ) from None
    except ValidationError as error:
        raise _damaged(path, _first(error)) from None
    except (OSError, ValueError, TypeError, ConfigError, RecursionError, pa.ArrowException) as e:
        raise _damaged(path, " ".join(str(e).split())[:200]) from None


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in found["loc"]) or "the whole"
    return " ".join(f"{RESULT}: {where}: {found['msg']}".split())[:200]


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(
        f"expected the folder of a finished run, got {path} ({reason}); name one with a "
        "result.json, or finish it with `fednids resume`"
    )
