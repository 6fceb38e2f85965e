"""Two skews at once: mixes of classes from one scheme, sizes from another."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from pydantic import Field, create_model

from fednids.config import Section
from fednids.errors import ConfigError
from fednids.extensions import PARTITIONERS
from partitions.families import LabelScheme, SizeScheme, whole_sizes
from partitions.fitting import fit_table
from partitions.interface import Assignment, Traffic
from partitions.sizes import equal
from partitions.tables import deal_table

_Scheme = TypeVar("_Scheme", LabelScheme, SizeScheme)

_EQUAL = "iid"
"""The size scheme of equal sizes."""


class Settings(Section):
    """Which schemes are joined; their settings stand beside these."""

    label_scheme: str = Field(
        "dirichlet", description="scheme that mixes of classes are of, whose settings it has too"
    )
    size_scheme: str = Field(
        "log-normal", description="scheme that sizes are of, with its settings; iid for equal ones"
    )

    @classmethod
    def declared(cls, values: Mapping[str, object]) -> type[Section]:
        """Return the settings of a pair of schemes: these, and those that the two have.

        Raises
        ------
        ConfigError
            There is no such scheme.
        """
        names = [str(values.get(key, cls.model_fields[key].default)) for key in cls.model_fields]
        return _settings_of_pair(*names)


def mixed(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Assignment:
    """Take sizes from a size scheme, mixes of classes from a label scheme, and fit both.

    1. Sizes are those of ``size_scheme``, the minimum included, exactly.
    2. ``label_scheme`` deals all flows as it would alone, with a minimum of 1; what each
       gateway gets is its mix.
    3. Mixes are fitted to sizes and totals with all odds ratios kept
       (`partitions.fitting.fit_table`): every flow is dealt, every size is right, and where
       both skews do not contradict each other the mixes are close to what they were.

    Where the label scheme keeps classes from gateways, these stay away, and gateways
    change places so that those with much in their mix take the large sizes.

    Raises
    ------
    PartitionError
        When a scheme is unknown, the label scheme refuses, or classes that must stay away
        leave no way to fill the sizes: a gateway with Theft and Benign alone cannot be
        large on NF-BoT-IoT.

    Notes
    -----
    The ``mixed`` of NIID-Bench's code is one pair of schemes, two classes a party and Dirichlet
    shares, and sizes follow from the classes. Here they are exact.

    References
    ----------
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section V. https://arxiv.org/abs/2102.02079
    """
    label = _find("label_scheme", settings.label_scheme, LabelScheme)
    size = _find("size_scheme", settings.size_scheme, SizeScheme)
    sizes = whole_sizes(size.shares(gateways, rng, settings), len(traffic), minimum, rng)
    mixes = label.table(traffic, gateways, rng, settings, 1).astype(np.float64)
    if label.strict:
        matched = np.empty_like(mixes)
        matched[np.argsort(sizes)] = mixes[np.argsort(mixes.sum(axis=1), kind="stable")]
        mixes = matched
    counts = fit_table(mixes, sizes, traffic.totals, rng, strict=label.strict)
    return deal_table(traffic.labels, counts, rng)


@lru_cache(maxsize=64)
def _settings_of_pair(label_scheme: str, size_scheme: str) -> type[Section]:
    found: list[type[Section]] = [
        Settings,
        _find("label_scheme", label_scheme, LabelScheme).Settings,
        _find("size_scheme", size_scheme, SizeScheme).Settings,
    ]
    bases = [
        each
        for each in dict.fromkeys(found)
        if not any(issubclass(other, each) for other in found if other is not each)
    ]
    return create_model("Settings", __base__=tuple(bases), __module__=__name__)


def _find(setting: str, name: str, family: type[_Scheme]) -> _Scheme:
    found = _member(name)
    if isinstance(found, family):
        return found
    known = [each for each in PARTITIONERS.names() if isinstance(_member(each), family)]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
    raise ConfigError(f"expected {setting} among {', '.join(known)}, got {name!r}; {hint}")


def _member(name: str) -> Any:
    if name == _EQUAL:
        return equal
    return PARTITIONERS.find(name) if name in PARTITIONERS.names() else None
