"""Every setting of a run: typed, documented once, checked before time is spent.

A setting is named ``section.key`` everywhere: on the command line, in a TOML file, in
Flower's run config. `Config.resolve` is the only parser; the defaults here are the only
defaults.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import tomli_w
from pydantic import Field, ValidationError

from fednids.config.deploy import DeployConfig
from fednids.config.federation import FederationConfig
from fednids.config.implied import implied
from fednids.config.section import OpenSection, Scalar, Section, describe_fault
from fednids.config.training import (
    DataConfig,
    ModelConfig,
    PartitionConfig,
    RunConfig,
    TrainConfig,
)
from fednids.config.world import AttackConfig, AvailabilityConfig, ClockConfig, WireConfig
from fednids.errors import ConfigError

__all__ = [
    "AttackConfig",
    "AvailabilityConfig",
    "ClockConfig",
    "Config",
    "DataConfig",
    "DeployConfig",
    "FederationConfig",
    "ModelConfig",
    "OpenSection",
    "PartitionConfig",
    "RunConfig",
    "Scalar",
    "Section",
    "Setting",
    "TrainConfig",
    "WireConfig",
    "describe_settings",
    "parse_settings",
    "setting_names",
]


class Config(Section):
    """All settings of one run."""

    data: DataConfig = DataConfig()
    partition: PartitionConfig = PartitionConfig()
    model: ModelConfig = Field(default_factory=ModelConfig)
    train: TrainConfig = TrainConfig()
    federation: FederationConfig = FederationConfig()
    availability: AvailabilityConfig = AvailabilityConfig()
    clock: ClockConfig = ClockConfig()
    attack: AttackConfig = AttackConfig()
    wire: WireConfig = WireConfig()
    deploy: DeployConfig = DeployConfig()
    run: RunConfig = RunConfig()

    @classmethod
    def resolve(
        cls, settings: Mapping[str, object] | None = None, *, file: Path | None = None
    ) -> Config:
        """Return defaults, a file and single settings together; later ones replace earlier ones.

        A folder of flow files and a deployment imply scheme and number of gateways, and a
        network's preset more than its sizes, `Section.proposed`, where they are not given.

        Parameters
        ----------
        settings : Mapping[str, object], optional
            Values by ``section.key``; texts are read as the setting's type.
        file : Path, optional
            TOML file with the sections as tables.

        Raises
        ------
        ConfigError
            An unknown setting, with the nearest known one, or a value out of range.
        """
        given = dict([*_from_file(file), *(settings or {}).items()])
        config = cls._implied(given)
        opened = [getattr(config, name) for name in _open_sections()]
        proposed = {k: v for each in opened for k, v in each.settings.proposed().items()}
        more = {name: value for name, value in proposed.items() if name not in given}
        return cls._implied({**given, **more}) if more else config

    @classmethod
    def recorded(cls, file: Path) -> Config:
        """Return the settings that a run folder records, old names and values as the new ones.

        Raises
        ------
        ConfigError
            As from `resolve`.
        """
        given = {RENAMED.get(name, name): value for name, value in _from_file(file)}
        return cls.resolve(
            {name: REVALUED.get(name, {}).get(str(v), v) for name, v in given.items()}
        )

    @classmethod
    def of_run(cls, run_config: Mapping[str, object]) -> Config:
        """Return the settings of Flower's run config, without its ``out``.

        It contains every setting of fednids' own, and those of algorithms, networks and
        partitioners as empty texts: so an empty one, and one with its default, counts as not
        given. A preset sets nothing but its sizes here: with `flwr run` alone a default may be
        intended.

        Raises
        ------
        ConfigError
            As from `resolve`.
        """
        left_out = {
            "out": run_config.get("out"),
            **Config().flat(),
            **dict.fromkeys(_member_names(), ""),
        }
        return cls._implied({k: v for k, v in run_config.items() if v != left_out.get(k)})

    @classmethod
    def _implied(cls, given: Mapping[str, object]) -> Config:
        """Check settings, and those that flows which come dealt imply."""
        for name, value in given.items():
            if not _is_known(name):
                raise ConfigError(_unknown(name))
            if str(value) in REVALUED.get(name, {}):
                new = REVALUED[name][str(value)]
                raise ConfigError(
                    f"expected {name}={new}, got its old value {value}; use the new one"
                )
        config = cls._checked(given)
        more = implied(config.data, config.deploy, given)
        return cls._checked({**given, **more}) if more else config

    @classmethod
    def _checked(cls, settings: Mapping[str, object]) -> Config:
        nested: dict[str, dict[str, object]] = {}
        for name, value in settings.items():
            section, _, key = name.partition(".")
            nested.setdefault(section, {})[key] = value
        sections: dict[str, object] = {**nested}
        for name, group in _open_sections().items():
            sections[name] = group.read(nested.get(name, {}))
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise ConfigError(describe_fault(error)) from None

    def flat(self) -> dict[str, Scalar]:
        """Return every setting by ``section.key`` in the form of Flower's run config.

        Settings left to the preset are empty texts, several sizes a text ``"16,32"``.
        """
        return {name: _scalar(value) for name, value in _settings(self)}

    def to_toml(self) -> str:
        """Return all settings as TOML; reading it back gives an equal `Config`."""
        nested: dict[str, dict[str, object]] = {}
        for name, value in _settings(self):
            section, _, key = name.partition(".")
            if value is not None:
                nested.setdefault(section, {})[key] = value
        return tomli_w.dumps(nested)

    @classmethod
    @lru_cache(maxsize=8)
    def from_json(cls, text: str) -> Config:
        """Return the settings that `to_json` wrote; the same text is read once a process."""
        return cls._checked({k: v for k, v in json.loads(text).items() if v is not None})

    def to_json(self) -> str:
        """Return all settings by ``section.key`` as one JSON object, the form in which they travel.

        Flower refuses a run config with keys that its app has not declared, and an algorithm from
        outside has settings that no app has declared.
        """
        return json.dumps(dict(_settings(self)))


def parse_settings(arguments: Sequence[str]) -> dict[str, str]:
    """Split arguments ``section.key=value``.

    Raises
    ------
    ConfigError
        An argument without ``=``.
    """
    settings = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise ConfigError(
                f"expected settings as section.key=value, got {argument!r}; "
                "`fednids config` lists them"
            )
        settings[name.strip()] = value.strip()
    return settings


@dataclass(frozen=True)
class Setting:
    """What is known of one setting.

    Attributes
    ----------
    name : str
        ``section.key``.
    default : object
        None where it is left to a preset, which has its own.
    meaning : str
        One line.
    member : str
        Whose setting it is: the algorithm, network or partitioner that declares it; empty for
        those of every run.
    """

    name: str
    default: object
    meaning: str
    member: str = ""


def describe_settings() -> Iterator[Setting]:
    """Return every setting, those of all members of the registries among them."""
    for section, group in _groups().items():
        own = group.own_fields() if issubclass(group, OpenSection) else tuple(group.model_fields)
        for key in own:
            field = group.model_fields[key]
            yield Setting(f"{section}.{key}", field.default, field.description or "")
        if issubclass(group, OpenSection):
            for member in group.registry.names():
                for key, field in group.member_settings(member).model_fields.items():
                    name, default = f"{section}.{key}", field.default
                    yield Setting(name, default, field.description or "", member)


def setting_names() -> tuple[str, ...]:
    """Return the names of all settings, each once."""
    return tuple(dict.fromkeys(each.name for each in describe_settings()))


def _member_names() -> tuple[str, ...]:
    """Return the names of the settings that members of the registries declare, each once."""
    return tuple(
        f"{section}.{key}"
        for section, group in _open_sections().items()
        for key in group.member_fields()
    )


def _open_sections() -> dict[str, type[OpenSection]]:
    return {k: v for k, v in _groups().items() if issubclass(v, OpenSection)}


def _groups() -> dict[str, type[Section]]:
    """Return the class of each section."""
    return {k: cast(type[Section], f.annotation) for k, f in Config.model_fields.items()}


def _is_known(name: str) -> bool:
    """Check a setting's section, and its key where the section is not open."""
    section, _, key = name.partition(".")
    group = _groups().get(section)
    if group is None or not key:
        return False
    return issubclass(group, OpenSection) or key in group.model_fields


def _settings(config: Config) -> Iterator[tuple[str, Any]]:
    for section in Config.model_fields:
        group = getattr(config, section)
        opened = isinstance(group, OpenSection)
        for key in group.own_fields() if opened else type(group).model_fields:
            yield f"{section}.{key}", getattr(group, key)
        for key in type(group.settings).model_fields if opened else ():
            yield f"{section}.{key}", getattr(group.settings, key)


def _scalar(value: Any) -> Scalar:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return cast(Scalar, value)


def _from_file(file: Path | None) -> Iterator[tuple[str, object]]:
    if file is None:
        return
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"expected a readable TOML file, got {file} ({error}); correct it or name "
            "another".replace("\n", " ")
        ) from None
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(
                f"expected tables like [train] in {file}, got the bare key {section!r}; move it"
            )
        for key, value in table.items():
            yield f"{section}.{key}", value


RENAMED: dict[str, str] = {"train.final_rate": "train.final_rate_share"}
"""New names of settings that were renamed, by the old one; empty where a setting is gone."""


REVALUED: dict[str, dict[str, str]] = {"model.classes": {"5": "all", "2": "binary"}}
"""New values of settings whose values were renamed, by the old one, by the setting's name."""


def _unknown(name: str) -> str:
    if name in RENAMED:
        return f"expected {RENAMED[name]}, got its old name {name!r}; use the new one"
    near = difflib.get_close_matches(name, setting_names(), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`fednids config` lists them"
    return f"expected a known setting, got {name!r}; {hint}"
