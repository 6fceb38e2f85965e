"""What every group of settings is made of."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from fednids.errors import ConfigError
from fednids.extensions import Registry

Scalar = bool | int | float | str


def _listed(value: object) -> object:
    """Read ``"16,32"`` as two numbers; from TOML and Python it is a list already."""
    if isinstance(value, str) and value.strip():
        return [part.strip() for part in value.split(",")]
    return value


Sizes = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), BeforeValidator(_listed)
]
OfPreset = BeforeValidator(lambda value: None if value == "" else value)
"""An empty text is a setting left to the preset."""


class Section(BaseModel):
    """Settings that belong together; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def proposed(self) -> Mapping[str, Scalar]:
        """Return settings of other sections, by name, that these imply where they are not given."""
        return {}

    @classmethod
    def own_fields(cls) -> tuple[str, ...]:
        """Return the names of the settings that do not depend on a member of a registry."""
        return tuple(key for key in cls.model_fields if key != "settings")

    @classmethod
    def declared(cls, values: Mapping[str, object]) -> type[Section]:
        """Return the class that declares all settings, where the given values imply others."""
        return cls


class OpenSection(Section):
    """A section in which one setting names a member of a registry, whose settings stand beside it.

    ``[strategy]`` with ``name = "scaffold"`` and ``server_learning_rate = 0.5`` is one: the second
    setting is declared by the class ``Settings`` in SCAFFOLD's own file.

    Attributes
    ----------
    settings : Section
        The member's own settings, an instance of its ``Settings``.
    """

    registry: ClassVar[Registry[Any]]
    title: ClassVar[str]
    """Name of the section."""
    choice: ClassVar[str]
    """Name of the field that names the member."""

    settings: SerializeAsAny[Section] = Section()

    @model_validator(mode="before")
    @classmethod
    def _with_settings(cls, values: Any) -> Any:
        """Add the member's settings with their defaults where none are given."""
        if not isinstance(values, dict) or "settings" in values:
            return values
        name = str(values.get(cls.choice, cls.model_fields[cls.choice].default))
        return {**values, "settings": cls.member_settings(name).declared({})()}

    @classmethod
    def read(cls, values: Mapping[str, object], *, lenient: bool = False) -> Self:
        """Return the section from its values by key, the member's own among them.

        Where it is `lenient`, settings of other members are left out instead of refused.

        Raises
        ------
        ConfigError
            There is no such member, it has no such setting, or a value is out of range.
        """
        shared = {key: value for key, value in values.items() if key in cls.own_fields()}
        own = {key: value for key, value in values.items() if key not in shared}
        name = str(shared.get(cls.choice, cls.model_fields[cls.choice].default))
        declared = cls.member_settings(name).declared(own)
        for key in [each for each in own if each not in declared.model_fields]:
            if not (lenient and cls._members_with(key)):
                raise ConfigError(cls._unknown(name, key, declared))
            del own[key]
        try:
            return cls.model_validate({**shared, "settings": declared.model_validate(own)})
        except ValidationError as error:
            raise ConfigError(describe_fault(error, cls.title)) from None

    @classmethod
    def member_settings(cls, name: str) -> type[Section]:
        """Return the ``Settings`` of a member; a member without any has an empty section."""
        return settings_of(cls.registry.find(name))

    @classmethod
    def _members_with(cls, key: str) -> list[str]:
        names = cls.registry.names()
        return [name for name in names if key in cls.member_settings(name).model_fields]

    @classmethod
    def _unknown(cls, name: str, key: str, declared: type[Section]) -> str:
        known = [f"{cls.title}.{each}" for each in declared.model_fields]
        has = f"which has {', '.join(known)}" if known else "which has none of its own"
        near = difflib.get_close_matches(
            key, [*declared.model_fields, *cls.own_fields()], n=1, cutoff=0.5
        )
        hint = "`fednids config` lists all settings"
        if others := cls._members_with(key):
            hint = f"it belongs to {', '.join(others)}"
        elif near:
            hint = f"did you mean {cls.title}.{near[0]}?"
        return (
            f"expected a setting of {cls.title}.{cls.choice}={name}, {has}, got "
            f"{cls.title + '.' + key!r}; {hint}"
        )


def settings_of(member: object) -> type[Section]:
    """Return the settings that a member of a registry declares; an empty section if none.

    They are its attribute ``Settings``, or, of a function, the type of its argument ``settings``.
    """
    declared = getattr(member, "Settings", None)
    if declared is None and inspect.isfunction(member):
        argument = inspect.signature(member).parameters.get("settings")
        declared = argument and argument.annotation
        if isinstance(declared, str):
            declared = eval(declared, member.__globals__)  # what typing.get_type_hints does
    is_section = isinstance(declared, type) and issubclass(declared, Section)
    return cast(type[Section], declared) if is_section else Section


def settings_fault(member: object, group: type[OpenSection]) -> str | None:
    """Return what is wrong with the settings that a member from outside declares, or None."""
    for key, field in settings_of(member).model_fields.items():
        name = f"{group.title}.{key}"
        if key in group.model_fields:
            return f"expected settings of other names than fednids', got {name}; rename it"
        if field.is_required() or not field.description:
            return f"expected {name} with a default and a description, got none; give it both"
    return None


def describe_fault(error: ValidationError, section: str = "") -> str:
    """Return the first thing that is wrong with some settings, in one line."""
    first = error.errors()[0]
    place = [section, *first["loc"]] if section else [*first["loc"]]
    name = ".".join(str(part) for part in place[:2])
    rule = first["msg"].replace("Input should", "should").replace("String should", "should")
    return f"setting {name} {rule}, got {first['input']!r}; see `fednids config`"
