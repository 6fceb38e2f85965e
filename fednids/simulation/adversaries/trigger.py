"""A backdoor's trigger: feature values that an attacker gives to its flows."""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np

from fednids.datasets.spec import DatasetSpec
from fednids.errors import ConfigError
from fednids.flows.prepared import PreparedFlows

Trigger = tuple[tuple[str, float], ...]
"""Values that mark a flow: feature columns, each with its value as in a flow file."""


def parse_trigger(text: str, spec: DatasetSpec, features: str) -> Trigger:
    """Read a trigger from the setting.

    Parameters
    ----------
    text : str
        ``"FEATURE=VALUE,..."``, or empty for the data set's own.
    spec, features : DatasetSpec, str
        The data set, and which of its feature sets the detector is shown.

    Raises
    ------
    ConfigError
        It is not of this form, or names a feature twice, none of the set's, or a value
        that the feature cannot have.
    """
    example = spec.trigger or f"{spec.feature_sets[features][0]}=1"
    if not (text.strip() or spec.trigger):
        raise ConfigError(
            f"expected attack.trigger for a backdoor in flows of {spec.title}, got none; write it "
            f"like {example}"
        )
    values: dict[str, float] = {}
    for part in (text.strip() or spec.trigger).split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ConfigError(
                f"expected attack.trigger as FEATURE=VALUE,..., got {text!r}; write it like "
                f"{example}"
            )
        if name in values:
            raise ConfigError(
                f"expected each feature once in attack.trigger, got {name} twice; leave one out"
            )
        values[name] = _value(name, value, spec, features)
    return tuple(values.items())


def add_triggered(flows: PreparedFlows, trigger: Trigger, spec: DatasetSpec) -> PreparedFlows:
    """Return flows whose table holds every vector a second time, with the trigger.

    Parameters
    ----------
    flows : PreparedFlows
        With ``V`` vectors.
    trigger : Trigger
        Values to give to them.
    spec : DatasetSpec
        The data set.

    Returns
    -------
    PreparedFlows
        The same flows over ``2 V`` vectors: vector ``v`` with the trigger is ``V + v``. What
        was added to a vector after it was encoded, as noise, is added here too.
    """
    names = flows.columns
    plain = np.asarray(flows.raw)
    marked = plain.copy()
    for name, value in trigger:
        marked[:, names.index(name)] = value
    before, after = (
        spec.encode({name: raw[:, place] for place, name in enumerate(names)})[1]
        for raw in (plain, marked)
    )
    vectors = np.asarray(flows.vectors)
    return replace(
        flows,
        raw=np.concatenate([plain, marked]),
        vectors=np.concatenate([vectors, after + (vectors - before)]),
    )


def _value(name: str, text: str, spec: DatasetSpec, features: str) -> float:
    names = spec.feature_sets[features]
    if name not in names:
        near = difflib.get_close_matches(name.upper(), names, n=1)
        raise ConfigError(
            f"expected attack.trigger to name features of {features}, got {name!r}; "
            + (f"did you mean {near[0]}?" if near else f"choose among {', '.join(names)}")
        )
    column = spec.column(name)
    least, most = max(column.least, -(2.0**53)), min(column.most, 2.0**53)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    whole = value.is_integer() or column.type == "float"
    if not (least <= value <= most and whole):
        raise ConfigError(
            f"expected {name} in attack.trigger from {least:.0f} to {most:.0f}, "
            f"{'a number' if column.type == 'float' else 'a whole number'}, got {text!r}; change it"
        )
    return value
