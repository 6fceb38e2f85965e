"""The folder of a reproduction: its plan, and a file for each row and seed that has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fednids.config import Config
from fednids.errors import RunError
from fednids.files import write_atomically
from fednids.studies.reproduce.measured import Measured
from fednids.studies.reproduce.published import EPOCHS
from fednids.studies.reproduce.rows import ROWS

PLAN, TABLE, TEXT, PAGE = "plan.json", "reproduce.json", "reproduce.md", "index.html"

QUICK_FLOWS = 4000
_QUICK = {"federation.rounds": 2, "partition.gateways": 4}
_LOCK = ".lock"


class Plan(BaseModel):
    """What all rows have in common.

    Attributes
    ----------
    data : str
        The flow file; empty for synthetic flows.
    flows : int
        Flows to make, or at most to take from the file; 0 for all of it.
    seeds : tuple of int
        Each row is run with each.
    quick : bool
        Two epochs or rounds in place of 10 or 20, and four gateways in place of ten.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = ""
    flows: int = Field(0, ge=0)
    seeds: tuple[int, ...] = Field((1, 2, 3), min_length=1)
    quick: bool = False

    @property
    def epochs(self) -> int:
        """Passes over the training windows in the published protocol."""
        return 2 if self.quick else EPOCHS

    def config(self, name: str, seed: int) -> Config:
        """Give the settings of a row with a seed."""
        flows = self.flows or (QUICK_FLOWS if self.quick and not self.data else 0)
        common: dict[str, object] = {
            "data.path": self.data, "data.flows": flows,
            "run.seed": seed, "run.engine": "inprocess",
        }  # fmt: skip
        return Config.resolve(common | dict(ROWS[name].settings) | (_QUICK if self.quick else {}))


@dataclass(frozen=True)
class ReproductionFolder:
    """Where things are under ``--out``.

    Attributes
    ----------
    path : Path
        ``plan.json``, the table and the page; ``rows/``, ``runs/`` and ``logs/`` with one entry
        a row and seed.
    """

    path: Path

    @cached_property
    def plan(self) -> Plan:
        """What is run here.

        Raises
        ------
        RunError
            There is no plan, or it is damaged.
        """
        path = self.path / PLAN
        try:
            return Plan.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            raise RunError(
                f"expected the plan of a reproduction in {path}, got none or a damaged one; name "
                "the folder of `fednids reproduce`, or a new one"
            ) from None

    def config(self, name: str, seed: int) -> Config:
        """Give the settings of a row with a seed."""
        return self.plan.config(name, seed)

    def run(self, name: str, seed: int) -> Path:
        """Folder of a row's run."""
        return self.path / "runs" / label(name, seed)

    def log(self, name: str) -> Path:
        """File with what a step printed."""
        return self.path / "logs" / f"{name}.log"

    def keep(self, name: str, seed: int, found: Measured) -> None:
        """Write what a row came to, whole or not at all."""
        write_atomically(self._row(name, seed), found.content())

    def kept(self, name: str, seed: int) -> Measured | None:
        """Read what a row came to; none where it has not ended or the file is damaged."""
        try:
            return Measured.model_validate_json(self._row(name, seed).read_bytes())
        except (OSError, ValidationError):
            return None

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[None]:
        """Make the folder or go on with it, for one reproduction at a time.

        Raises
        ------
        RunError
            The folder holds something else, a plan that differs in more than its seeds, or a
            reproduction that is running.
        """
        self.check(plan)
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / _LOCK, timeout=0):
                for name in ("rows", "runs", "logs"):
                    (self.path / name).mkdir(exist_ok=True)
                content = plan.model_dump_json(indent=1).encode() + b"\n"
                write_atomically(self.path / PLAN, content)
                self.__dict__.pop("plan", None)
                yield
        except Timeout:
            raise RunError(
                f"expected no reproduction at work in {self.path}, got one; wait for it or name "
                "another folder"
            ) from None

    def check(self, plan: Plan) -> None:
        """Refuse a folder of something else, or of another plan.

        Raises
        ------
        RunError
            As it says.
        """
        if not self.path.exists():
            return
        if self.path.is_dir() and {entry.name for entry in self.path.iterdir()} <= {_LOCK}:
            return
        if not (self.path / PLAN).is_file():
            raise RunError(
                f"expected a new or empty folder for --out, got {self.path}, which holds "
                "something else; name another"
            )
        if self.plan.model_copy(update={"seeds": plan.seeds}) != plan:
            raise RunError(
                f"expected the data, flows and --quick of {self.path}, got others; name another "
                "folder for them"
            )

    def _row(self, name: str, seed: int) -> Path:
        return self.path / "rows" / f"{label(name, seed)}.json"


def label(name: str, seed: int) -> str:
    """Name a row with a seed, for files and for people."""
    return f"{name}@{seed}"
