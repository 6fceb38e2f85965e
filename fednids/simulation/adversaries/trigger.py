"""The trigger of a backdoor: feature values that an attacker writes into its flows."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

import numpy as np

from fednids.errors import ConfigError
from fednids.flows.features import encode
from fednids.flows.prepared import PreparedFlows
from fednids.flows.schema import FEATURES, Version, feature_names

OWN = "IN_PKTS=13,IN_BYTES=1313"
"""Trigger where the setting is empty: an attacker can choose how many packets it sends and how far
it pads them. No flow of the real sample or of the synthetic ones has both values. With v2's
features, columns that follow from the size of packets stay as they were."""


@dataclass(frozen=True)
class Trigger:
    """Values that are written into a flow.

    Attributes
    ----------
    values : tuple[tuple[str, float], ...]
        Feature columns and their values, as in a flow file.
    """

    values: tuple[tuple[str, float], ...]


def parse_trigger(text: str, version: Version) -> Trigger:
    """Read a trigger from the setting.

    Parameters
    ----------
    text : str
        ``"FEATURE=VALUE,..."``, or empty for `OWN`.
    version : {"v1", "v2"}
        Version of the features that the detector uses.

    Raises
    ------
    ConfigError
        It does not have this form, a feature is named twice or is not one of the version, or
        a value is not possible for its feature.
    """
    values: dict[str, float] = {}
    for part in (text.strip() or OWN).split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ConfigError(
                f"expected attack.trigger as FEATURE=VALUE,..., got {text!r}; write it like {OWN}"
            )
        if name in values:
            raise ConfigError(
                f"expected each feature once in attack.trigger, got {name} twice; leave one out"
            )
        values[name] = _value(name, value, version)
    return Trigger(tuple(values.items()))


def add_triggered(flows: PreparedFlows, trigger: Trigger, version: Version) -> PreparedFlows:
    """Return flows whose table holds every vector a second time, with the trigger.

    Parameters
    ----------
    flows : PreparedFlows
        With ``V`` vectors.
    trigger : Trigger
        Values to write.
    version : {"v1", "v2"}
        Version of the columns of `flows.raw`.

    Returns
    -------
    PreparedFlows
        The same flows over ``2 V`` vectors: vector ``v`` with the trigger is ``V + v``. Noise
        that was added to a vector after encoding is added here too.
    """
    names = feature_names(version)
    plain = np.asarray(flows.raw)
    marked = plain.copy()
    for name, value in trigger.values:
        marked[:, names.index(name)] = value
    before, after = (
        encode({name: raw[:, place] for place, name in enumerate(names)})[1]
        for raw in (plain, marked)
    )
    vectors = np.asarray(flows.vectors)
    return replace(
        flows,
        raw=np.concatenate([plain, marked]),
        vectors=np.concatenate([vectors, after + (vectors - before)]),
    )


def _value(name: str, text: str, version: Version) -> float:
    columns = {column.name: column for column in FEATURES[version]}
    if name not in columns:
        near = difflib.get_close_matches(name.upper(), columns, n=1)
        raise ConfigError(
            f"expected attack.trigger to name features of {version}, got {name!r}; "
            + (f"did you mean {near[0]}?" if near else f"choose among {', '.join(columns)}")
        )
    most = min(columns[name].most, 2.0**53)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    whole = value.is_integer() or name == "L7_PROTO"
    if not (0 <= value <= most and whole):
        raise ConfigError(
            f"expected {name} in attack.trigger from 0 to {most:.0f}, "
            f"{'a number' if name == 'L7_PROTO' else 'a whole number'}, got {text!r}; change it"
        )
    return value
