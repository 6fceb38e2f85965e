"""Every setting of a run: typed, documented once, checked before time is spent.

A setting is named ``section.key`` everywhere: on the command line, in a TOML file, in
Flower's run config. `Config.resolve` is the only parser; the defaults here are the only
defaults.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import tomli_w
from pydantic import ValidationError

from fednids.config.deploy import DeployConfig
from fednids.config.federation import FederationConfig
from fednids.config.implied import implied, proposed
from fednids.config.section import Scalar, Section
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
    "KEYS",
    "AttackConfig",
    "AvailabilityConfig",
    "ClockConfig",
    "Config",
    "DataConfig",
    "DeployConfig",
    "FederationConfig",
    "ModelConfig",
    "PartitionConfig",
    "RunConfig",
    "Scalar",
    "Section",
    "TrainConfig",
    "WireConfig",
    "describe_settings",
    "parse_settings",
]


class Config(Section):
    """All settings of one run."""

    data: DataConfig = DataConfig()
    partition: PartitionConfig = PartitionConfig()
    model: ModelConfig = ModelConfig()
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
        """Put defaults, a file and single settings together, later ones winning.

        A folder of flow files and a deployment imply scheme and number of gateways, and a
        preset what it brings beside its sizes, where they are not given.

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
        more = proposed(config.model.preset, given)
        return cls._implied({**given, **more}) if more else config

    @classmethod
    def of_run(cls, run_config: Mapping[str, object]) -> Config:
        """Read Flower's run config, but for its ``out``.

        Every setting stands in it, so one that has its default is taken as not given. A preset
        brings nothing but its sizes here: with `flwr run` alone a default may be meant.

        Raises
        ------
        ConfigError
            As from `resolve`.
        """
        defaults = cls().flat()
        settings = {k: v for k, v in run_config.items() if k != "out"}
        return cls._implied({k: v for k, v in settings.items() if v != defaults.get(k)})

    @classmethod
    def _implied(cls, given: Mapping[str, object]) -> Config:
        """Check settings, and those that flows which come dealt imply."""
        for name in given:
            if name not in KEYS:
                raise ConfigError(_unknown(name))
        config = cls._checked(given)
        more = implied(config.data, config.deploy, given)
        return cls._checked({**given, **more}) if more else config

    @classmethod
    def _checked(cls, settings: Mapping[str, object]) -> Config:
        nested: dict[str, dict[str, object]] = {}
        for name, value in settings.items():
            section, _, key = name.partition(".")
            nested.setdefault(section, {})[key] = value
        try:
            return cls.model_validate(nested)
        except ValidationError as error:
            raise ConfigError(_fault(error)) from None

    def flat(self) -> dict[str, Scalar]:
        """Give every setting by ``section.key`` as Flower's run config wants it.

        Settings left to the preset are empty texts, several sizes a text ``"16,32"``.
        """
        return {name: _scalar(value) for name, value in _settings(self)}

    def to_toml(self) -> str:
        """Write all settings as TOML; reading it back gives an equal `Config`."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


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


def describe_settings() -> Iterator[tuple[str, str, str]]:
    """Give name, default and meaning of every setting."""
    defaults = dict(_settings(Config()))
    for section, field in Config.model_fields.items():
        group = cast(type[Section], field.annotation)
        for key, setting in group.model_fields.items():
            default = defaults[f"{section}.{key}"]
            shown = "of the preset" if default is None else str(default)
            yield f"{section}.{key}", shown, setting.description or ""


def _settings(config: Config) -> Iterator[tuple[str, Any]]:
    for section in Config.model_fields:
        group = getattr(config, section)
        for key in type(group).model_fields:
            yield f"{section}.{key}", getattr(group, key)


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


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`fednids config` lists them"
    return f"expected a known setting, got {name!r}; {hint}"


def _fault(error: ValidationError) -> str:
    """Tell the first thing wrong in one line."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][:2])
    rule = first["msg"].replace("Input should", "should").replace("String should", "should")
    return f"setting {name} {rule}, got {first['input']!r}; see `fednids config`"


KEYS: tuple[str, ...] = tuple(name for name, _ in _settings(Config()))
"""Names of all settings."""
