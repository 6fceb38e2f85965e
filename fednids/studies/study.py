"""A study: what to run over which settings and seeds, its cells, and the runs that differ."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import tomli_w
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from fednids.config import Config, Section, setting_names, short_name, unknown_setting
from fednids.datasets.federated import checksum
from fednids.errors import ConfigError, FednidsError
from fednids.studies.relevance import canonical, irrelevant, is_attacked
from partitions import Skew

_DECIDED = {
    "run.seed": "list seeds = [1, 2, 3] instead",
    "run.engine": "a sweep runs whole cells side by side",
    "run.workers": "give --workers to the sweep",
}
_PATHS = ("data.path", "partition.plan")

ARM = "arm"
"""Name of the arm beside those of settings and axes: in ``[[exclude]]``, and in comparisons."""


def flatten(value: object) -> object:
    """Read ``train.epochs = 2``, which TOML nests, like ``"train.epochs" = 2``."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, object] = {}
    for name, entry in value.items():
        if isinstance(entry, dict) and "." not in name:
            flat.update({f"{name}.{key}": each for key, each in entry.items()})
        else:
            flat[name] = entry
    return flat


def check_settings_of_study(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse unknown settings, and those that the sweep decides.

    Files are named from the root, so that a kept study is good in any folder.
    """
    known = setting_names()
    for name in values:
        if name not in known:
            raise ValueError(unknown_setting(name))
        if name in _DECIDED:
            raise ValueError(f"expected no {name} in a study, got one; {_DECIDED[name]}")
    return {name: _whole(value) if name in _PATHS else value for name, value in values.items()}


def _whole(path: object) -> object:
    if isinstance(path, list):
        return [_whole(each) for each in path]
    return str(Path(path).absolute()) if isinstance(path, str) and path else path


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Return which known name may have been meant."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known[:12])}"


def refuse_twice(name: str, values: Iterable[object]) -> None:
    """Refuse a value that is there twice.

    Raises
    ------
    ValueError
        As pydantic wants it.
    """
    seen: list[object] = []
    for value in values:
        if value in seen:
            raise ValueError(f"expected {name} without repeats, got {value!r} twice; remove one")
        seen.append(value)


FlatSettings = Annotated[dict[str, Any], BeforeValidator(flatten)]
"""Settings by ``section.key``, as `flatten` reads them."""


VARIANT = "variant"
"""Name of the axis that ``[[variants]]`` make."""

_COLUMNS = ("arm", "seed", "run", "finished", VARIANT)
"""Names that a table of cells has already."""


class Variant(Section):
    """A named set of settings that go together.

    Attributes
    ----------
    name : str
        Stands in tables under the name of its axis.
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

    _known = field_validator("settings")(check_settings_of_study)


class ReportWish(Section):
    """What the report shows.

    Attributes
    ----------
    target : float
        Macro-F1 whose first round, bytes and virtual seconds are reported.
    of_best : bool
        `target` is a share of the best mean macro-F1 of the study instead.
    compare : str
        A name that the study varies: its values are compared in pairs.
    along : str
        Another such name: tables and pictures show the values of `compare` along it.
    skew : str
        Measure of the figures' x axis, a field of `partitions.Skew`.
    rare : tuple of str
        Classes with so few test flows that a macro-F1 without them is given as well.
    cross : bool
        Score every gateway's detector on every gateway's test flows as well.
    """

    target: float = Field(0.6, gt=0, le=1)
    of_best: bool = False
    compare: str = ""
    along: str = ""
    skew: str = "jensen_shannon"
    rare: tuple[str, ...] = ()
    cross: bool = True

    @field_validator("skew")
    @classmethod
    def _measure(cls, name: str) -> str:
        known = tuple(field.name for field in fields(Skew))
        if name not in known:
            raise ValueError(f"expected a measure of skew, got {name!r}; {nearest(name, known)}")
        return name


SHIPPED = Path(__file__).parent
"""Folder of the studies that come with fednids."""

ArmName = Literal["centralised", "local", "federated"]
_Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]


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
        Cells to leave out: those that have, of every setting or axis named in one of these, or
        of the arm, its value, or one of a list.
    report : ReportWish
        What the report shows.
    """

    title: str = Field(min_length=1)
    arms: tuple[ArmName, ...] = Field(("centralised", "local", "federated"), min_length=1)
    seeds: tuple[_Seed, ...] = Field((1, 2, 3), min_length=1)
    settings: FlatSettings = Field(default_factory=dict)
    grid: FlatSettings = Field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    axes: dict[str, Annotated[tuple[Variant, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    exclude: tuple[FlatSettings, ...] = ()
    report: ReportWish = ReportWish()

    _known = field_validator("settings", "grid")(check_settings_of_study)

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

    @field_validator("axes")
    @classmethod
    def _axes(cls, axes: dict[str, Any]) -> dict[str, Any]:
        for name in axes:
            if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or name in _COLUMNS:
                raise ValueError(
                    f"expected an axis named by a small word other than {', '.join(_COLUMNS)}, got "
                    f"{name!r}; rename [[axes.{name}]]"
                )
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
        for name in {name for rule in self.exclude for name in rule} - {ARM, *self.linked}:
            check_settings_of_study({name: None})
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
        """Return the study with other shared settings, and other seeds where some are given.

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
    if not path.is_file() and path.name == name and not path.suffix:
        path = SHIPPED / f"{name}.toml"
    if not path.is_file():
        shipped = ", ".join(shipped_studies())
        raise ConfigError(
            f"expected a study file or one of {shipped}, got {name!r}; `fednids sweep --list` "
            "shows the shipped ones"
        )
    return make_study(read_toml(path), str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises
    ------
    ConfigError
        It cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"expected a readable TOML file, got {path} ({reason}); correct it or name another"
        ) from None


def shipped_studies() -> dict[str, str]:
    """Return name and title of every shipped study."""
    files = sorted(SHIPPED.glob("*.toml"))
    return {file.stem: tomllib.loads(file.read_text(encoding="utf-8"))["title"] for file in files}


def make_study(tables: Mapping[str, Any], place: str) -> Study:
    """Check a study that is given as the tables of a file, as `checked` does."""
    return checked(Study, tables, place)


Definition = TypeVar("Definition", bound=Section)


def checked(kind: type[Definition], tables: Mapping[str, Any], place: str) -> Definition:
    """Check a study, or another definition, that is given as the tables of a file.

    Parameters
    ----------
    kind : type[Section]
        What they are to be.
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
        return kind.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(f"{_fault(error, kind)} (in {place})") from None


def _tables(variants: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [{"name": each["name"], **each["settings"]} for each in variants]


def _place(axis: str) -> str:
    return "[[variants]]" if axis == VARIANT else f"[[axes.{axis}]]"


def _fault(error: ValidationError, kind: type[Section]) -> str:
    """Return the first thing wrong, and where, in one line of three parts."""
    first = error.errors()[0]
    named = f"a {kind.__name__.lower()}"
    place = ".".join(str(part) for part in first["loc"]) or named
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return f"{message} (at {place})" if first["loc"] else message
    if first["type"] == "extra_forbidden":
        group = ReportWish if first["loc"][0] == "report" else kind
        known = tuple(group.model_fields)
        hint = nearest(str(first["loc"][-1]), known)
        return f"expected a key of {named}, got {place!r}; {hint}"
    if first["type"] == "missing":
        return f"expected {place} in {named}, got none; add it"
    rule = first["msg"].replace("Input should", "should")
    shown = repr(first["input"])[:60]
    return f"expected {place}, which {rule}, got {shown}; correct it"


@dataclass(frozen=True)
class StudyRun:
    """One execution.

    Attributes
    ----------
    arm : str
        Way to train, or another of `fednids.studies.child.RUN_KINDS`.
    config : Config
        Its settings, those that do not matter to the arm at their fixed values.
    name : str
        Of its folder. Without one it is named by what it is: readable, and the same in every
        study.
    """

    arm: str
    config: Config
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", _name(self.arm, self.config))


@dataclass(frozen=True)
class StudyCell:
    """One arm at one place of the grid with one seed.

    Attributes
    ----------
    arm, seed
        Way to train, and seed of everything drawn.
    place : tuple of (str, object)
        Name and value of all that the study varies, the linked axes first.
    unread : frozenset of str
        Those names among them that this arm does not read.
    run : StudyRun
        What answers for it; cells that are the same run share it.
    """

    arm: str
    seed: int
    place: tuple[tuple[str, Any], ...]
    unread: frozenset[str]
    run: StudyRun

    @property
    def label(self) -> str:
        """Its arm and the settings that matter to it, for people."""
        settings = [f"{short_name(k)}={v}" for k, v in self.place if k not in self.unread]
        return " ".join([self.arm, *settings, f"seed={self.seed}"])


def expand(study: Study) -> tuple[StudyCell, ...]:
    """Return all cells of a study, every setting of every cell checked.

    Raises
    ------
    ConfigError
        A value is out of range, and the message names the cell; or no cell is left.
    DataError
        A flow file cannot be read.
    """
    cells = (
        _cell(study, arm, seed, place)
        for place in _places(study)
        for arm in study.arms
        for seed in study.seeds
    )
    kept = tuple(cell for cell in cells if cell is not None)
    if not kept:
        raise ConfigError(
            "expected a study with cells, got one that excludes them all; shorten [[exclude]]"
        )
    _check_had(study)
    return kept


def _check_had(study: Study) -> None:
    """Refuse a setting of a partitioner, algorithm or network that none of the cells has."""
    places, seed = list(_places(study)), study.seeds[0]
    given = {name: value for each in places for name, value in _given(study, each).items()}
    first = _resolve(study, places[0], seed).flat().keys()
    left = given.keys() - first
    for place in places:
        if not left:
            return
        left -= _resolve(study, place, seed).flat().keys()
    given |= _given(study, places[0])
    Config.resolve({name: given[name] for name in given if name in first or name in left})


def runs_of(cells: tuple[StudyCell, ...]) -> tuple[StudyRun, ...]:
    """Return the runs that cells need, each once, in the order of the cells."""
    return tuple({cell.run.name: cell.run for cell in cells}.values())


_Place = Mapping[str, Any]
"""A point of the grid: a variant by each linked axis, and values by ``section.key``."""


def _places(study: Study) -> Iterator[_Place]:
    axes = {**study.linked, **study.grid}
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _given(study: Study, place: _Place) -> dict[str, Any]:
    settings = dict(study.settings)
    for name, value in place.items():
        settings |= value.settings if isinstance(value, Variant) else {name: value}
    return settings


def _resolve(study: Study, place: _Place, seed: int) -> Config:
    """Resolve the settings of a cell; those that only other cells have are left out."""
    return Config.resolve({**_given(study, place), "run.seed": seed}, lenient=True)


def _cell(study: Study, arm: str, seed: int, place: _Place) -> StudyCell | None:
    """Make a cell; none where the study leaves it out."""
    shown = tuple((name, _plain(value)) for name, value in place.items())
    try:
        config = _resolve(study, place, seed)
    except FednidsError as error:
        where = ", ".join(f"{name}={value}" for name, value in shown) or "[settings]"
        raise type(error)(f"{error} (in the cell {where})") from None
    if _is_excluded(study, {**config.flat(), **dict(shown), ARM: arm}):
        return None
    standing = canonical(arm, config)
    unread = study.grid.keys() - (config.flat().keys() - irrelevant(arm, config))
    for axis, variants in study.linked.items():
        others = (_resolve(study, {**place, axis: other}, seed) for other in variants)
        if all(canonical(arm, other) == standing for other in others):
            unread |= {axis}
    run = StudyRun(arm, canonical(arm, _pinned(config)))
    return StudyCell(arm, seed, shown, frozenset(unread), run)


def _is_excluded(study: Study, values: Mapping[str, Any]) -> bool:
    return any(
        all(name in values and values[name] in (wanted if isinstance(wanted, list) else [wanted])
            for name, wanted in rule.items())
        for rule in study.exclude
    )  # fmt: skip


def _pinned(config: Config) -> Config:
    """Pin the flow file by its content, so that a changed file is another run."""
    if not config.data.path or config.data.sha256:
        return config
    data = config.data.model_copy(update={"sha256": _checksum(Path(config.data.path))})
    return config.model_copy(update={"data": data})


_checksum = lru_cache(maxsize=64)(checksum)


def _plain(value: Any) -> Any:
    if isinstance(value, Variant):
        return value.name
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _name(arm: str, config: Config) -> str:
    """Join what people look for, and a hash of everything but where the flow file lies."""
    parts, partition = [arm], config.partition
    if arm == "federated":
        own = config.strategy.settings
        defaults = dict(type(own)())
        parts.append(config.strategy.name)
        parts += [f"{key}{value}" for key, value in own if value != defaults[key]]
    if arm != "centralised" and partition.plan:
        parts.append(Path(partition.plan).stem)
    elif arm != "centralised":
        shown = [f"{name}{value}" for name, value in partition.settings if value != ""]
        parts += [partition.scheme, f"k{partition.gateways}", *shown]
    if is_attacked(config):
        parts.append(f"{config.attack.kind}{config.attack.share}")
    parts.append(f"seed{config.run.seed}")
    settings = {name: value for name, value in config.flat().items() if name != "data.path"}
    if partition.plan:
        settings["partition.plan"] = _digest(partition.plan)
    text = json.dumps([arm, settings], sort_keys=True)
    parts.append(hashlib.sha256(text.encode()).hexdigest()[:8])
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part) for part in parts)


def _digest(path: str) -> str:
    """Hash a plan file; the name of one that is missing, which the run's check refuses."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return path
