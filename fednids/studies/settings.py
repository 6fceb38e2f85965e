"""Settings inside a study file: how they are written, and which are refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator

from fednids.config import KEYS

_DECIDED = {
    "run.seed": "list seeds = [1, 2, 3] instead",
    "run.engine": "a sweep runs whole cells side by side",
    "run.workers": "give --workers to the sweep",
}


def flatten(value: object) -> object:
    """Read ``train.epochs = 2``, which TOML nests, like ``"train.epochs" = 2``."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, object] = {}
    for name, entry in value.items():
        if isinstance(entry, dict):
            flat.update({f"{name}.{key}": each for key, each in entry.items()})
        else:
            flat[name] = entry
    return flat


def check_names(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse unknown settings, and those that the sweep decides."""
    for name in values:
        if name not in KEYS:
            raise ValueError(f"expected a known setting, got {name!r}; {nearest(name, KEYS)}")
        if name in _DECIDED:
            raise ValueError(f"expected no {name} in a study, got one; {_DECIDED[name]}")
    return values


def check_values(grid: dict[str, Any]) -> dict[str, Any]:
    """Refuse anything but lists of different values."""
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(
                f"expected a list of values for {name}, got {values!r}; write {name} = [...]"
            )
        refuse_twice(name, values)
    return grid


def nearest(name: str, known: tuple[str, ...]) -> str:
    """Say which known name may have been meant."""
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


Values = Annotated[dict[str, Any], BeforeValidator(flatten)]
"""Settings by ``section.key``, as `flatten` reads them."""
