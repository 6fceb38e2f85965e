"""The study file: what to run, over which settings and seeds, and what to tell of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from fednids.config import Section
from fednids.errors import ConfigError
from fednids.sweep.settings import Values, check_names, flatten, nearest, refuse_twice
from partitions import Skew

VARIANT = "variant"
"""Key under which the name of a variant stands beside the settings that vary."""

SHIPPED = Path(__file__).parents[1] / "studies"
"""Folder of the studies that come with fednids."""

_PATHS = ("data.path", "partition.plan")


ArmName = Literal["centralised", "local", "federated"]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]


class Variant(Section):
    """A named set of settings that go together.

    Attributes
    ----------
    name : str
        Stands in tables under `VARIANT`.
    settings : dict
        Values by ``section.key``; they win over those of the study.
    """

    name: str = Field(min_length=1)
    settings: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, given: object) -> object:
        """Take everything but the name for settings, as in ``[[variants]]`` of a file."""
        if not isinstance(given, dict) or "settings" in given:
            return given
        flat = dict(flatten({k: v for k, v in given.items() if k != "name"}) or {})  # type: ignore[call-overload]
        return {"name": given.get("name", ""), "settings": flat}

    _known = field_validator("settings")(check_names)


class ReportWish(Section):
    """What the report is to tell.

    Attributes
    ----------
    target : float
        Macro-F1 whose first round and bytes are told.
    compare : str
        A setting of the grid, or ``variant``: its values are compared in pairs.
    skew : str
        Measure of the figures' x axis, a field of `partitions.Skew`.
    cross : bool
        Score every gateway's detector on every gateway's test flows as well.
    """

    target: float = Field(0.6, gt=0, le=1)
    compare: str = ""
    skew: str = "jensen_shannon"
    cross: bool = True

    @field_validator("skew")
    @classmethod
    def _measure(cls, name: str) -> str:
        known = tuple(field.name for field in fields(Skew))
        if name not in known:
            raise ValueError(f"expected a measure of skew, got {name!r}; {nearest(name, known)}")
        return name


class Study(Section):
    """Arms, seeds and settings to be run, as in a study file.

    Attributes
    ----------
    title : str
        One line.
    arms, seeds
        Every combination of settings is run for each.
    settings : dict
        Shared values by ``section.key``.
    grid : dict
        Lists of values by ``section.key``; all their combinations are run.
    variants : tuple of Variant
        Each is combined with the grid; none is one without a name.
    report : ReportWish
        What to tell.
    """

    title: str = Field(min_length=1)
    arms: tuple[ArmName, ...] = Field(("centralised", "local", "federated"), min_length=1)
    seeds: tuple[Seed, ...] = Field((1, 2, 3), min_length=1)
    settings: Values = Field(default_factory=dict)
    grid: Values = Field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    report: ReportWish = ReportWish()

    _known = field_validator("settings", "grid")(check_names)

    @field_validator("grid")
    @classmethod
    def _lists(cls, grid: dict[str, Any]) -> dict[str, Any]:
        for name, values in grid.items():
            if not isinstance(values, list) or not values:
                raise ValueError(
                    f"expected a list of values for {name}, got {values!r}; write {name} = [...]"
                )
            refuse_twice(name, values)
        return grid

    @field_validator("arms", "seeds")
    @classmethod
    def _once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        refuse_twice("a list", values)
        return values

    @model_validator(mode="after")
    def _fit(self) -> Self:
        """Refuse a setting that has its value from two places."""
        refuse_twice("variants", [variant.name for variant in self.variants])
        inside = {name for variant in self.variants for name in variant.settings}
        for name in self.grid:
            if name in self.settings or name in inside:
                where = "[settings]" if name in self.settings else "[[variants]]"
                raise ValueError(
                    f"expected {name} in one place, got it in [grid] and in {where}; keep one"
                )
        varied = (*self.grid, *((VARIANT,) if self.variants else ()))
        if self.report.compare and self.report.compare not in varied:
            raise ValueError(
                f"expected report.compare to be one of {', '.join(varied) or 'the grid'}, got "
                f"{self.report.compare!r}; compare what the study varies"
            )
        return self

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of what differs between cells, the variant first."""
        return (*((VARIANT,) if self.variants else ()), *self.grid)

    def changed(
        self, settings: Mapping[str, object], *, seeds: tuple[int, ...] | None = None
    ) -> Study:
        """Give the study with other shared settings, and other seeds where some are given.

        Raises
        ------
        ConfigError
            A setting is unknown or stands in the grid.
        """
        changes: dict[str, object] = {"settings": {**self.settings, **settings}}
        if seeds is not None:
            changes["seeds"] = seeds
        return _validated({**self.model_dump(), **changes}, "the command line")

    def to_toml(self) -> str:
        """Write the study; reading it back gives an equal one."""
        whole = self.model_dump()
        variants = [{"name": v["name"], **v["settings"]} for v in whole.pop("variants")]
        return tomli_w.dumps({**whole, **({"variants": variants} if variants else {})})


def read_study(name: str) -> Study:
    """Read a study file, or a shipped study by its name.

    Raises
    ------
    ConfigError
        There is none, or something in it is wrong; the message says where.
    """
    path = Path(name)
    if not path.exists() and path.name == name and not path.suffix:
        path = SHIPPED / f"{name}.toml"
    if not path.is_file():
        shipped = ", ".join(shipped_studies())
        raise ConfigError(
            f"expected a study file or one of {shipped}, got {name!r}; `fednids sweep --list` "
            "shows the shipped ones"
        )
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"expected a readable TOML file, got {path} ({reason}); correct it or name another"
        ) from None
    return _validated(tables, str(path))


def shipped_studies() -> dict[str, str]:
    """Give name and title of every shipped study."""
    files = sorted(SHIPPED.glob("*.toml"))
    return {file.stem: tomllib.loads(file.read_text(encoding="utf-8"))["title"] for file in files}


def _validated(tables: Mapping[str, Any], place: str) -> Study:
    try:
        study = Study.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{_fault(error)} (in {place})") from None
    return _with_whole_paths(study)


def _with_whole_paths(study: Study) -> Study:
    """Name files from the root, so that a kept study is good in any folder."""

    def whole(values: dict[str, Any]) -> dict[str, Any]:
        return {name: _whole(value) if name in _PATHS else value for name, value in values.items()}

    variants = tuple(v.model_copy(update={"settings": whole(v.settings)}) for v in study.variants)
    changes = {"settings": whole(study.settings), "grid": whole(study.grid), "variants": variants}
    return study.model_copy(update=changes)


def _whole(path: object) -> object:
    if isinstance(path, list):
        return [_whole(each) for each in path]
    return str(Path(path).absolute()) if isinstance(path, str) and path else path


def _fault(error: ValidationError) -> str:
    """Tell the first thing wrong, and where, in one line of three parts."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the study"
    if first["type"] == "value_error":
        return (
            f"{first['ctx']['error']} (at {place})" if first["loc"] else str(first["ctx"]["error"])
        )
    if first["type"] == "extra_forbidden":
        group = ReportWish if first["loc"][0] == "report" else Study
        known = tuple(group.model_fields)
        hint = nearest(str(first["loc"][-1]), known)
        return f"expected a key of a study, got {place!r}; {hint}"
    if first["type"] == "missing":
        return f"expected {place} in a study, got none; add it"
    rule = first["msg"].replace("Input should", "should")
    shown = repr(first["input"])[:60]
    return f"expected {place}, which {rule}, got {shown}; correct it"
