"""Values as JSON has them, and numbers back from it: what is undefined is NaN here, null there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def as_json(value: Any) -> Any:
    """Return a value as dicts, lists, texts, numbers and None, NaN as None.

    Parameters
    ----------
    value : Any
        Numbers, numpy arrays and scalars, mappings, sequences and dataclasses, nested. What has
        a method ``to_json`` is what that returns.
    """
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    return {k: as_json(each) for k, each in value.items()} if isinstance(value, Mapping) else value


def number(value: float | None) -> float:
    """Return a number as it stands in JSON, NaN for null."""
    return math.nan if value is None else float(value)
