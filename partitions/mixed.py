"""Two skews at once: mixes of classes from one scheme, sizes from another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from fednids.errors import PartitionError
from partitions.families import LABEL_SCHEMES, SIZE_SCHEMES, whole_sizes
from partitions.fitting import fit_table
from partitions.interface import Assignment, Traffic
from partitions.parameters import PartitionParameters
from partitions.tables import deal_table

_STRICT = ("pathological", "extended-dirichlet", "withheld")
"""Label schemes that promise that a gateway does not see a class."""


def mixed(
    traffic: Traffic,
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Assignment:
    """Take sizes from a size scheme, mixes of classes from a label scheme, and fit both.

    1. Sizes are those of ``size_scheme``, the minimum included, exactly.
    2. ``label_scheme`` deals all flows as it would alone, with a minimum of 1; what each
       gateway gets is its mix.
    3. Mixes are bent to sizes and totals with all odds ratios kept
       (`partitions.fitting.fit_table`): every flow is dealt, every size is right, and where
       both skews do not contradict each other the mixes are close to what they were.

    Where the label scheme keeps classes from gateways, these stay away, and gateways
    change places so that those with much in their mix take the large sizes.

    Parameters
    ----------
    traffic : Traffic
        Labels are enough.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source for both schemes and for the fit.
    parameters : PartitionParameters
        Uses ``label_scheme``, ``size_scheme``, what these use, and ``minimum``. An alpha is
        the same for both.

    Returns
    -------
    ndarray
        ``(N,) int32``, gateway of each flow.

    Raises
    ------
    PartitionError
        When a scheme is unknown, the label scheme refuses, or classes that must stay away
        leave no way to fill the sizes: a gateway with Theft and Benign alone cannot be
        large on NF-BoT-IoT.

    Notes
    -----
    The ``mixed`` of NIID-Bench's code gives each party two classes and splits each class
    among its holders by one Dirichlet draw for all parties, drawn until no share is too
    small. So it is one pair of schemes, and sizes are what the classes make of them. Here
    they are exact.

    References
    ----------
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section V. https://arxiv.org/abs/2102.02079
    """
    label_scheme, size_scheme = parameters.label_scheme, parameters.size_scheme
    _check_known("label_scheme", label_scheme, LABEL_SCHEMES)
    _check_known("size_scheme", size_scheme, SIZE_SCHEMES)
    totals, strict = np.bincount(traffic.labels), label_scheme in _STRICT
    shares = SIZE_SCHEMES[size_scheme](gateways, rng, parameters)
    sizes = whole_sizes(shares, len(traffic), parameters.minimum, rng)
    each = replace(parameters, minimum=1)
    mixes = LABEL_SCHEMES[label_scheme](totals, gateways, rng, each).astype(np.float64)
    if strict:
        matched = np.empty_like(mixes)
        matched[np.argsort(sizes)] = mixes[np.argsort(mixes.sum(axis=1), kind="stable")]
        mixes = matched
    return deal_table(traffic.labels, fit_table(mixes, sizes, totals, rng, strict=strict), rng)


def _check_known(setting: str, scheme: str, known: Iterable[str]) -> None:
    if scheme not in known:
        near = difflib.get_close_matches(scheme.lower(), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
        raise PartitionError(
            f"expected {setting} among {', '.join(known)}, found {scheme!r}; {hint}"
        )
