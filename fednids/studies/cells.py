"""Cells of a study, and the runs that they need: fewer, where cells are the same run."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from fednids.config import Config
from fednids.datasets.dealt import checksum
from fednids.errors import ConfigError, FednidsError
from fednids.studies.parts import Variant
from fednids.studies.relevance import canonical, irrelevant, is_attacked, scheme_dials
from fednids.studies.study import Study


@dataclass(frozen=True)
class Run:
    """One execution.

    Attributes
    ----------
    arm : str
        Way to train.
    config : Config
        Its settings, those that do not matter to the arm at their fixed values.
    """

    arm: str
    config: Config
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Name the run by what it is: readable, and the same in every study."""
        object.__setattr__(self, "name", _name(self.arm, self.config))


@dataclass(frozen=True)
class Cell:
    """One arm at one place of the grid with one seed.

    Attributes
    ----------
    arm, seed
        Way to train, and seed of everything drawn.
    place : tuple of (str, object)
        Name and value of all that the study varies, the linked axes first.
    unread : frozenset of str
        Those names among them that this arm does not read.
    run : Run
        What answers for it; cells that are the same run share it.
    """

    arm: str
    seed: int
    place: tuple[tuple[str, Any], ...]
    unread: frozenset[str]
    run: Run

    @property
    def label(self) -> str:
        """Its arm and the settings that matter to it, for people."""
        settings = [f"{k.rpartition('.')[2]}={v}" for k, v in self.place if k not in self.unread]
        return " ".join([self.arm, *settings, f"seed={self.seed}"])


@dataclass(frozen=True)
class _Place:
    """A point of the grid: the chosen of each linked axis, and values by ``section.key``."""

    chosen: Mapping[str, Variant]
    values: Mapping[str, Any]

    @property
    def shown(self) -> tuple[tuple[str, Any], ...]:
        named = [(axis, variant.name) for axis, variant in self.chosen.items()]
        return (*named, *((name, _plain(value)) for name, value in self.values.items()))

    def with_variant(self, axis: str, variant: Variant) -> _Place:
        return _Place({**self.chosen, axis: variant}, self.values)

    def resolve(self, study: Study, seed: int) -> Config:
        inside = {k: v for each in self.chosen.values() for k, v in each.settings.items()}
        return Config.resolve({**study.settings, **inside, **self.values, "run.seed": seed})


def expand(study: Study) -> tuple[Cell, ...]:
    """Give all cells of a study, every setting of every cell checked.

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
    return kept


def runs_of(cells: tuple[Cell, ...]) -> tuple[Run, ...]:
    """Give the runs that cells need, each once, in the order of the cells."""
    return tuple({cell.run.name: cell.run for cell in cells}.values())


def _places(study: Study) -> Iterator[_Place]:
    count = len(study.linked)
    for values in itertools.product(*study.linked.values(), *study.grid.values()):
        chosen = dict(zip(study.linked, values[:count], strict=True))
        yield _Place(chosen, dict(zip(study.grid, values[count:], strict=True)))


def _cell(study: Study, arm: str, seed: int, place: _Place) -> Cell | None:
    """Make a cell; none where the study leaves it out."""
    shown = place.shown
    try:
        config = place.resolve(study, seed)
    except FednidsError as error:
        where = ", ".join(f"{name}={value}" for name, value in shown) or "[settings]"
        raise type(error)(f"{error} (in the cell {where})") from None
    if _is_excluded(study, {**config.flat(), **dict(shown)}):
        return None
    standing = canonical(arm, config)
    skipped = irrelevant(arm, config)
    unread = {name for name in place.values if name in skipped}
    for axis, variants in study.linked.items():
        others = (place.with_variant(axis, other).resolve(study, seed) for other in variants)
        if all(canonical(arm, other) == standing for other in others):
            unread.add(axis)
    return Cell(arm, seed, shown, frozenset(unread), Run(arm, canonical(arm, _pinned(config))))


def _is_excluded(study: Study, values: Mapping[str, Any]) -> bool:
    return any(
        all(values[name] in (wanted if isinstance(wanted, list) else [wanted])
            for name, wanted in rule.items())
        for rule in study.exclude
    )  # fmt: skip


def _pinned(config: Config) -> Config:
    """Pin the flow file by its content, so that a changed file is another run."""
    if not config.data.path or config.data.sha256:
        return config
    data = config.data.model_copy(update={"sha256": _checksum(config.data.path)})
    return config.model_copy(update={"data": data})


@lru_cache(maxsize=64)
def _checksum(path: str) -> str:
    return checksum(Path(path))


def _plain(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _name(arm: str, config: Config) -> str:
    """Join what people look for, and a hash of everything but where the flow file lies."""
    parts, partition = [arm], config.partition
    if arm == "federated":
        parts += _strategy(config)
    if arm != "centralised":
        parts += _deal(config)
    if is_attacked(config):
        parts.append(f"{config.attack.kind}{config.attack.share}")
    parts.append(f"seed{config.run.seed}")
    settings = {name: value for name, value in config.flat().items() if name != "data.path"}
    if partition.plan:
        settings["partition.plan"] = _digest(partition.plan)
    text = json.dumps([arm, settings], sort_keys=True)
    parts.append(hashlib.sha256(text.encode()).hexdigest()[:8])
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part) for part in parts)


def _deal(config: Config) -> list[str]:
    """Say how flows are dealt: a plan file, or a scheme with the dials that it reads."""
    partition = config.partition
    if partition.plan:
        return [Path(partition.plan).stem]
    dials = {dial: getattr(partition, dial) for dial in scheme_dials(config)}
    shown = [f"{dial}{value}" for dial, value in dials.items() if value != ""]
    return [partition.scheme, f"k{partition.gateways}", *shown]


def _strategy(config: Config) -> list[str]:
    federation = config.federation
    mu = [f"mu{federation.proximal_mu}"] if federation.strategy == "fedprox" else []
    return [federation.strategy, *mu]


def _digest(path: str) -> str:
    """Hash a plan file; the name of one that is missing, which the run's check refuses."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return path
