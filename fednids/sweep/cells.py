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
from fednids.errors import FednidsError
from fednids.flows.files.checksum import file_sha256
from fednids.sweep.relevance import canonical, irrelevant, scheme_dials
from fednids.sweep.study import VARIANT, Study, Variant


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
        Name and value of all that the study varies, `VARIANT` included.
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


def expand(study: Study) -> tuple[Cell, ...]:
    """Give all cells of a study, every setting of every cell checked.

    Raises
    ------
    ConfigError
        A value is out of range; the message names the cell.
    DataError
        A flow file cannot be read.
    """
    return tuple(
        _cell(study, arm, seed, place)
        for place in _places(study)
        for arm in study.arms
        for seed in study.seeds
    )


def runs_of(cells: tuple[Cell, ...]) -> tuple[Run, ...]:
    """Give the runs that cells need, each once, in the order of the cells."""
    return tuple({cell.run.name: cell.run for cell in cells}.values())


def _places(study: Study) -> Iterator[tuple[Variant | None, Mapping[str, Any]]]:
    variants: tuple[Variant | None, ...] = study.variants or (None,)
    for variant, *values in itertools.product(variants, *study.grid.values()):
        yield variant, dict(zip(study.grid, values, strict=True))


def _cell(
    study: Study, arm: str, seed: int, place: tuple[Variant | None, Mapping[str, Any]]
) -> Cell:
    variant, values = place
    inside = variant.settings if variant else {}
    named = {VARIANT: variant.name} if variant else {}
    shown = tuple({**named, **{name: _plain(value) for name, value in values.items()}}.items())
    try:
        config = Config.resolve({**study.settings, **inside, **values, "run.seed": seed})
    except FednidsError as error:
        where = ", ".join(f"{name}={value}" for name, value in shown) or "[settings]"
        raise type(error)(f"{error} (in the cell {where})") from None
    run = Run(arm, canonical(arm, _with_checksum(config)))
    skipped = irrelevant(arm, config)
    unread = {name for name in values if name in skipped}
    if variant and all(_same_run(arm, config, study, other, values) for other in study.variants):
        unread.add(VARIANT)
    return Cell(arm, seed, shown, frozenset(unread), run)


def _same_run(
    arm: str, config: Config, study: Study, other: Variant, values: Mapping[str, Any]
) -> bool:
    """Say whether another variant would be the same run here."""
    changed = {**study.settings, **other.settings, **values, "run.seed": config.run.seed}
    return canonical(arm, Config.resolve(changed)) == canonical(arm, config)


def _with_checksum(config: Config) -> Config:
    """Pin the flow file by its content, so that a changed file is another run."""
    if not config.data.path or config.data.sha256:
        return config
    data = config.data.model_copy(update={"sha256": _checksum(config.data.path)})
    return config.model_copy(update={"data": data})


@lru_cache(maxsize=64)
def _checksum(path: str) -> str:
    return file_sha256(Path(path))


def _plain(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _name(arm: str, config: Config) -> str:
    """Join what people look for, and a hash of everything but where the flow file lies."""
    parts, partition = [arm], config.partition
    if arm == "federated":
        parts += _strategy(config)
    if arm != "centralised":
        parts += _deal(config)
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
