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
from pathlib import Path
from typing import Any, cast

import tomli_w
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo

from fednids.config.folder import FILES, count_gateway_files
from fednids.config.section import (
    OpenSection,
    Scalar,
    Section,
    describe_fault,
    settings_fault,
    settings_of,
)
from fednids.config.settings import (
    AttackConfig,
    AvailabilityConfig,
    ClockConfig,
    DataConfig,
    DeployConfig,
    FederationConfig,
    ModelConfig,
    PartitionConfig,
    RunConfig,
    StrategyConfig,
    TrainConfig,
    WireConfig,
)
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
    "StrategyConfig",
    "TrainConfig",
    "WireConfig",
    "default_settings",
    "describe_settings",
    "listed_plugins",
    "parse_settings",
    "read_settings",
    "run_config_defaults",
    "setting_names",
    "settings_fault",
    "settings_of",
    "short_name",
    "unknown_setting",
]


class Config(Section):
    """All settings of one run."""

    data: DataConfig = DataConfig()
    partition: PartitionConfig = Field(default_factory=PartitionConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    train: TrainConfig = TrainConfig()
    federation: FederationConfig = FederationConfig()
    strategy: StrategyConfig = Field(default_factory=StrategyConfig)
    availability: AvailabilityConfig = AvailabilityConfig()
    clock: ClockConfig = ClockConfig()
    attack: AttackConfig = AttackConfig()
    wire: WireConfig = WireConfig()
    deploy: DeployConfig = DeployConfig()
    run: RunConfig = RunConfig()

    @classmethod
    def resolve(
        cls,
        settings: Mapping[str, object] | None = None,
        *,
        file: Path | None = None,
        lenient: bool = False,
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
        lenient : bool
            Leave out settings of other partitioners, algorithms, networks than those chosen,
            rather than refuse them: what several runs share need not fit each.

        Raises
        ------
        ConfigError
            An unknown setting, with the nearest known one, or a value out of range.
        """
        given = {**(read_settings(file) if file else {}), **(settings or {})}
        config = cls._implied(given, lenient=lenient)
        proposed = [getattr(config, name).settings.proposed() for name in _open_sections()]
        more = {k: v for each in proposed for k, v in each.items() if k not in given}
        return cls._implied({**given, **more}, lenient=lenient) if more else config

    @classmethod
    def recorded(cls, file: Path) -> Config:
        """Return the settings that a run folder records, old names and values as the new ones.

        Settings that belong to another partitioner, algorithm or network than the run's, which
        older runs recorded too, are left out.

        Raises
        ------
        ConfigError
            As from `resolve`.
        """
        given = {RENAMED.get(name, name): value for name, value in read_settings(file).items()}
        return cls.resolve(
            {name: REVALUED.get(name, {}).get(str(v), v) for name, v in given.items()},
            lenient=True,
        )

    @classmethod
    def of_run(cls, run_config: Mapping[str, object]) -> Config:
        """Return the settings in Flower's run config.

        Flower refuses keys that an app has not declared, so all declared settings stand in it with
        their defaults, and one that has its default is taken as not given. Settings of a registry's
        members stand there as empty texts. ``settings`` holds further ones as one JSON object, as
        `to_json` writes it; ``out`` and ``plugins`` are none. A preset implies nothing but its
        sizes here: with `flwr run` alone a default may be meant.

        Raises
        ------
        ConfigError
            As from `resolve`.
        """
        defaults = run_config_defaults()
        given = {k: v for k, v in run_config.items() if k not in ("out", "settings", "plugins")}
        given = {k: v for k, v in given.items() if v != defaults.get(k)}
        try:
            more = json.loads(str(run_config.get("settings") or "{}"))
            given |= {str(k): v for k, v in more.items() if v is not None}
        except (ValueError, AttributeError):
            raise ConfigError(
                "expected `settings` in the run config to be a JSON object of settings by "
                f"section.key, got {run_config['settings']!r}; correct it"
            ) from None
        return cls._implied(given)

    @classmethod
    def _implied(cls, given: Mapping[str, object], *, lenient: bool = False) -> Config:
        """Check settings, with those that flows of one file for each gateway imply."""
        for name, value in given.items():
            section, _, key = name.partition(".")
            group = _groups().get(section)
            if not (
                group and key and (issubclass(group, OpenSection) or key in group.model_fields)
            ):
                raise ConfigError(unknown_setting(name))
            if str(value) in REVALUED.get(name, {}):
                new = REVALUED[name][str(value)]
                raise ConfigError(
                    f"expected {name}={new}, got its old value {value}; use the new one"
                )
        config = cls._checked(given, lenient=lenient)
        count = len(config.deploy.names) or count_gateway_files(config.data.path)
        dealt = {"partition.scheme": FILES, "partition.gateways": count} if count else {}
        more = {name: value for name, value in dealt.items() if name not in given}
        return cls._checked({**given, **more}, lenient=lenient) if more else config

    @classmethod
    def _checked(cls, settings: Mapping[str, object], *, lenient: bool = False) -> Config:
        nested: dict[str, dict[str, object]] = {}
        for name, value in settings.items():
            section, _, key = name.partition(".")
            nested.setdefault(section, {})[key] = value
        sections: dict[str, object] = {**nested}
        for name, group in _open_sections().items():
            sections[name] = group.read(nested.get(name, {}), lenient=lenient)
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise ConfigError(describe_fault(error)) from None

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Travel as JSON: classes of settings that plug-ins define have no place to import from."""
        return Config.from_json, (self.to_json(),)

    def flat(self) -> dict[str, Scalar]:
        """Return every setting by ``section.key`` in the form of Flower's run config.

        Settings left to the preset are empty texts, several sizes a text ``"16,32"``.
        """
        return {name: _scalar(value) for name, _, value in _settings(self)}

    def to_toml(self) -> str:
        """Return all settings as TOML; reading it back gives an equal `Config`."""
        nested: dict[str, dict[str, object]] = {}
        for name, _, value in _settings(self):
            section, _, key = name.partition(".")
            if value is not None:
                nested.setdefault(section, {})[key] = value
        return tomli_w.dumps(nested)

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Return the settings that `to_json` wrote."""
        return cls._checked({k: v for k, v in json.loads(text).items() if v is not None})

    def to_json(self) -> str:
        """Return all settings by ``section.key`` as one JSON object, the form in which they travel.

        Flower refuses a run config with keys that its app has not declared, and an algorithm from
        outside has settings that no app has declared.
        """
        return json.dumps({name: value for name, _, value in _settings(self)})


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
    """One setting and what it means.

    Attributes
    ----------
    name : str
        ``section.key``.
    default : object
        None where it is left to a preset, which has its own.
    meaning : str
        One line.
    member : str
        The algorithm, network or partitioner that declares it; empty for those of every run.
    """

    name: str
    default: object
    meaning: str
    member: str = ""


def describe_settings() -> Iterator[Setting]:
    """Return every setting, those of all members of the registries among them."""
    for section, group in _groups().items():
        holders = {"": group}
        if issubclass(group, OpenSection):
            holders |= {name: group.member_settings(name) for name in group.registry.names()}
        for member, holder in holders.items():
            for key in holder.own_fields():
                field = holder.model_fields[key]
                yield Setting(f"{section}.{key}", field.default, field.description or "", member)


def default_settings(config: Config) -> dict[str, Scalar]:
    """Return the defaults of all settings that `config` has, by ``section.key``."""
    return {name: _scalar(field.default) for name, field, _ in _settings(config)}


def short_name(name: str) -> str:
    """Return a setting's name without its section, as tables show it; ``strategy`` for its name."""
    section, _, key = name.rpartition(".")
    return section if key == "name" and section else key


def run_config_defaults() -> dict[str, Scalar]:
    """Return what Flower's app declares, ``out`` aside: every setting with its default.

    One of a partitioner, an algorithm or a network is an empty text, for the default that the
    chosen one has.
    """
    return {each.name: "" if each.member else _scalar(each.default) for each in describe_settings()}


def setting_names() -> tuple[str, ...]:
    """Return the names of all settings, each once."""
    return tuple(dict.fromkeys(each.name for each in describe_settings()))


def _open_sections() -> dict[str, type[OpenSection]]:
    return {k: v for k, v in _groups().items() if issubclass(v, OpenSection)}


def _groups() -> dict[str, type[Section]]:
    return {k: cast(type[Section], f.annotation) for k, f in Config.model_fields.items()}


def _settings(config: Config) -> Iterator[tuple[str, FieldInfo, Any]]:
    """Yield name, declaration and value of every setting of a run."""
    for section in Config.model_fields:
        group = getattr(config, section)
        for holder in (group, group.settings) if isinstance(group, OpenSection) else (group,):
            for key in holder.own_fields():
                yield f"{section}.{key}", type(holder).model_fields[key], getattr(holder, key)


def _scalar(value: Any) -> Scalar:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return cast(Scalar, value)


def listed_plugins(file: Path) -> tuple[Path, ...]:
    """Return the plug-ins that ``run.plugins`` of a TOML file lists; paths start at its folder.

    Raises
    ------
    ConfigError
        The file cannot be read, or the setting is no list of paths.
    """
    found = _read_tables(file).get("run.plugins", [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ConfigError(
            f"expected run.plugins in {file} to be a list of Python files, got {found!r}; "
            'write plugins = ["mine.py"]'
        )
    return tuple(file.parent / each for each in found)


def read_settings(file: Path) -> dict[str, object]:
    """Return what a TOML file sets, by ``section.key``, unchecked and without its plug-ins.

    Raises
    ------
    ConfigError
        It cannot be read, or is no TOML of tables.
    """
    return {name: value for name, value in _read_tables(file).items() if name != "run.plugins"}


def _read_tables(file: Path) -> dict[str, object]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"expected a readable TOML file, got {file} ({error}); correct it or name "
            "another".replace("\n", " ")
        ) from None
    found: dict[str, object] = {}
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(
                f"expected tables like [train] in {file}, got the bare key {section!r}; move it"
            )
        found |= {f"{section}.{key}": value for key, value in table.items()}
    return found


RENAMED: dict[str, str] = {
    "train.final_rate": "train.final_rate_share",
    "federation.strategy": "strategy.name",
    "federation.proximal_mu": "strategy.mu",
    "federation.dyn_alpha": "strategy.alpha",
    **{
        f"federation.{name}": f"strategy.{name}"
        for name in (
            "server_learning_rate", "server_momentum", "eta", "beta_1", "beta_2", "tau", "beta",
            "malicious", "select", "clip_norm", "smoothing", "iterations", "q", "lipschitz",
            "ditto_lambda", "personal_layers", "clusters", "root_flows",
        )
    },
}  # fmt: skip
"""New names of settings that were renamed, by the old one."""

REVALUED: dict[str, dict[str, str]] = {"model.classes": {"5": "all", "2": "binary"}}
"""New values of settings whose values were renamed, by the old one, by the setting's name."""


def unknown_setting(name: str) -> str:
    """Return what is wrong with a name that no setting has, and the nearest that one has."""
    if name in RENAMED:
        return f"expected {RENAMED[name]}, got its old name {name!r}; use the new one"
    near = difflib.get_close_matches(name, setting_names(), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`fednids config` lists them"
    return f"expected a known setting, got {name!r}; {hint}"
