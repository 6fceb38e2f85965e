"""Parts of a study: named settings that go together, and what the report is to tell."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from pydantic import Field, field_validator, model_validator

from fednids.config import Section
from fednids.studies.settings import check_names, flatten, nearest
from partitions import Skew

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

    _known = field_validator("settings")(check_names)


class ReportWish(Section):
    """What the report is to tell.

    Attributes
    ----------
    target : float
        Macro-F1 whose first round, bytes and virtual seconds are told.
    of_best : bool
        `target` is a share of the best mean macro-F1 of the study instead.
    compare : str
        A name that the study varies: its values are compared in pairs.
    along : str
        Another such name: tables and pictures show the values of `compare` along it.
    skew : str
        Measure of the figures' x axis, a field of `partitions.Skew`.
    cross : bool
        Score every gateway's detector on every gateway's test flows as well.
    """

    target: float = Field(0.6, gt=0, le=1)
    of_best: bool = False
    compare: str = ""
    along: str = ""
    skew: str = "jensen_shannon"
    cross: bool = True

    @field_validator("skew")
    @classmethod
    def _measure(cls, name: str) -> str:
        known = tuple(field.name for field in fields(Skew))
        if name not in known:
            raise ValueError(f"expected a measure of skew, got {name!r}; {nearest(name, known)}")
        return name


def check_axis(name: str) -> None:
    """Refuse a name for an axis that tables have already, or that looks like a setting.

    Raises
    ------
    ValueError
        As pydantic wants it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or name in _COLUMNS:
        raise ValueError(
            f"expected an axis named by a small word other than {', '.join(_COLUMNS)}, got "
            f"{name!r}; rename [[axes.{name}]]"
        )
