"""The study file: what to run, over which settings and seeds, and what to tell of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from fednids.config import Section
from fednids.errors import ConfigError
from fednids.studies.parts import VARIANT, ReportWish, Variant, check_axis
from fednids.studies.settings import Values, check_names, check_values, nearest, refuse_twice

SHIPPED = Path(__file__).parent
"""Folder of the studies that come with fednids."""

_PATHS = ("data.path", "partition.plan")


ArmName = Literal["centralised", "local", "federated"]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]


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
    axes : dict
        More such lists by the name of their axis, ``[[axes.strategy]]`` in a file: settings
        that change together. All axes are combined with each other.
    exclude : tuple of dict
        Cells to leave out: those that have, of every setting or axis named in one of these,
        its value, or one of a list.
    report : ReportWish
        What to tell.
    """

    title: str = Field(min_length=1)
    arms: tuple[ArmName, ...] = Field(("centralised", "local", "federated"), min_length=1)
    seeds: tuple[Seed, ...] = Field((1, 2, 3), min_length=1)
    settings: Values = Field(default_factory=dict)
    grid: Values = Field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    axes: dict[str, Annotated[tuple[Variant, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    exclude: tuple[Values, ...] = ()
    report: ReportWish = ReportWish()

    _known = field_validator("settings", "grid")(check_names)
    _lists = field_validator("grid")(check_values)

    @field_validator("arms", "seeds")
    @classmethod
    def _once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        refuse_twice("a list", values)
        return values

    @field_validator("axes")
    @classmethod
    def _axes(cls, axes: dict[str, Any]) -> dict[str, Any]:
        for name in axes:
            check_axis(name)
        return axes

    @model_validator(mode="after")
    def _fit(self) -> Self:
        """Refuse a setting that has its value from two places."""
        taken = dict.fromkeys(self.settings, "[settings]")
        for axis, variants in self.linked.items():
            refuse_twice("[[variants]]" if axis == VARIANT else axis, [v.name for v in variants])
            inside = {name: _place(axis) for v in variants for name in v.settings}
            self._refuse_shared(inside, {n: w for n, w in taken.items() if w != "[settings]"})
            taken |= inside
        self._refuse_shared(dict.fromkeys(self.grid, "[grid]"), taken)
        for name in {name for rule in self.exclude for name in rule} - set(self.linked):
            check_names({name: None})
        for wish in ("compare", "along"):
            name = getattr(self.report, wish)
            if name and name not in self.varied:
                raise ValueError(
                    f"expected report.{wish} to be one of {', '.join(self.varied) or 'the grid'}, "
                    f"got {name!r}; {wish} what the study varies"
                )
        if self.report.along and self.report.along == self.report.compare:
            raise ValueError(
                "expected report.along to be another name than report.compare, got "
                f"{self.report.along!r} for both; change one"
            )
        return self

    @staticmethod
    def _refuse_shared(ours: Mapping[str, str], taken: Mapping[str, str]) -> None:
        for name in ours.keys() & taken.keys():
            raise ValueError(
                f"expected {name} in one place, got it in {ours[name]} and in {taken[name]}; "
                "keep one"
            )

    @property
    def linked(self) -> dict[str, tuple[Variant, ...]]:
        """Axes of named settings, the variants first."""
        return {**({VARIANT: self.variants} if self.variants else {}), **self.axes}

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of what differs between cells, the linked axes first."""
        return (*self.linked, *self.grid)

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
        return make_study({**self.model_dump(), **changes}, "the command line")

    def to_toml(self) -> str:
        """Write the study; reading it back gives an equal one."""
        whole = self.model_dump()
        variants, axes = whole.pop("variants"), whole.pop("axes")
        parts = {
            "variants": _tables(variants),
            "axes": {name: _tables(each) for name, each in axes.items()},
            "exclude": whole.pop("exclude"),
        }
        return tomli_w.dumps({**whole, **{name: part for name, part in parts.items() if part}})


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
    return make_study(tables, str(path))


def shipped_studies() -> dict[str, str]:
    """Give name and title of every shipped study."""
    files = sorted(SHIPPED.glob("*.toml"))
    return {file.stem: tomllib.loads(file.read_text(encoding="utf-8"))["title"] for file in files}


def make_study(tables: Mapping[str, Any], place: str) -> Study:
    """Check a study that is given as the tables of a file.

    Parameters
    ----------
    tables : Mapping
        What stands in the file.
    place : str
        Where it comes from, for messages.

    Raises
    ------
    ConfigError
        Something in it is wrong; the message says where.
    """
    try:
        study = Study.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{_fault(error)} (in {place})") from None
    return _with_whole_paths(study)


def _with_whole_paths(study: Study) -> Study:
    """Name files from the root, so that a kept study is good in any folder."""

    def whole(values: dict[str, Any]) -> dict[str, Any]:
        return {name: _whole(value) if name in _PATHS else value for name, value in values.items()}

    def each(variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
        return tuple(v.model_copy(update={"settings": whole(v.settings)}) for v in variants)

    changes = {
        "settings": whole(study.settings),
        "grid": whole(study.grid),
        "variants": each(study.variants),
        "axes": {name: each(variants) for name, variants in study.axes.items()},
    }
    return study.model_copy(update=changes)


def _tables(variants: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [{"name": each["name"], **each["settings"]} for each in variants]


def _place(axis: str) -> str:
    return "[[variants]]" if axis == VARIANT else f"[[axes.{axis}]]"


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
