"""Synthetic flows with the published statistics of NF-BoT-IoT v1.

What is known and kept: the class counts; for every class its 40 commonest kinds of flow
(`fednids.flows.synthetic.statistics.Template`) with their shares, and smallest, median and largest
bytes, duration and source port of each; the codes and ports of the few other flows, here
called strays; wrapped durations; that DDoS and DoS are one distribution; that nearly half
of the benign flows have feature vectors that scans have too; and roughly the order in the
file: benign and Theft flows at both ends, scans in the middle, web floods in two blocks
around them.

What is invented, because nothing was published: how values lie between their three
figures, independently of each other, and at how few levels they recur
(`fednids.flows.synthetic.values`); how many ports scans come back to
(`fednids.flows.synthetic.ports`); the sizes of strays (`fednids.flows.synthetic.strays`);
the shares of hosts, the campaigns within a block and the place of a fifth of the benign
flows (`fednids.flows.synthetic.campaigns`).

What is missed: the few Theft transfers of 40 to 218 MB to the attacker, which no published
template has, so that the standard deviation of ``IN_BYTES`` is about 0.4 of the real one;
flags that strays alone have; most of the 131 hosts, as there are 17 here. A few flows in a
thousand agree in all columns, which in the published file none do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.netflow import DESTINATION_PORT, SOURCE_PORT
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import DataError
from fednids.flows.synthetic.campaigns import addresses, draw_campaigns, draw_ends
from fednids.flows.synthetic.statistics import ClassStatistics, published_statistics
from fednids.flows.synthetic.values import draw_values
from fednids.flows.table import FlowTable

MINIMUM_FLOWS = 5
"""Fewest flows that can be made: one of every class."""

_HANDFUL = 10
_COLUMNS = (SOURCE_PORT, DESTINATION_PORT, *NF_BOT_IOT.feature_sets["v1"])


def synthesise(flows: int, rng: np.random.Generator) -> FlowTable:
    """Make flows with the published statistics of NF-BoT-IoT v1.

    Parameters
    ----------
    flows : int
        How many, at least `MINIMUM_FLOWS`; 600,100 is the size of the published data.
    rng : numpy.random.Generator
        Source of all randomness: one state, one table, byte for byte.

    Returns
    -------
    FlowTable
        Version ``"v1"``, ``flows`` rows, `class_counts` of each class. Consecutive flows
        mostly belong to one campaign or to two that overlap. Only hosts that occur are
        listed.

    Raises
    ------
    DataError
        If ``flows`` is below `MINIMUM_FLOWS`.

    Notes
    -----
    The module's docstring says what is known of the real flows and what is invented.
    """
    counts = class_counts(flows)
    classes = published_statistics().classes
    drafts = [_draft(each, n, rng) for each, n in zip(classes, counts.tolist(), strict=True)]
    order = np.argsort(np.concatenate([draft.when for draft in drafts]), kind="stable")
    values = [draft.values for draft in drafts]
    numbers = {
        name: np.concatenate([each[place] for each in values])[order]
        for place, name in enumerate(_COLUMNS)
    }
    ends = np.concatenate([draft.ends for draft in drafts], axis=1)[:, order]
    used = np.flatnonzero(np.bincount(ends.ravel()))
    source, destination = np.searchsorted(used, ends).astype(np.int32)
    attack = np.repeat(np.arange(len(NF_BOT_IOT.classes), dtype=np.uint8), counts)[order]
    hosts = tuple(addresses()[host] for host in used)
    return FlowTable(NF_BOT_IOT, "v1", numbers, hosts, source, destination, attack)


def class_counts(flows: int) -> NDArray[np.int64]:
    """Return the number of flows of each class among ``flows`` synthetic ones.

    The published shares are scaled by largest remainder, but no class gets fewer than a
    handful: a twentieth of all flows, at least 1 and at most 10.

    Parameters
    ----------
    flows : int
        How many in all, at least `MINIMUM_FLOWS`.

    Returns
    -------
    ndarray
        ``(C,) int64`` in the order of the data set's classes; the sum is ``flows``, and
        600,100 flows have the published counts.

    Raises
    ------
    DataError
        If ``flows`` is below `MINIMUM_FLOWS`.
    """
    if flows < MINIMUM_FLOWS:
        raise DataError(
            f"expected at least {MINIMUM_FLOWS:,} synthetic flows, one of every class; "
            f"got {flows:,}; ask for more flows"
        )
    published = np.array([each.flows for each in published_statistics().classes])
    handful = max(1, min(_HANDFUL, flows // 20))
    rare = published * flows < handful * published.sum()
    counts = np.full(len(published), handful)
    counts[~rare] = _largest_remainder(published[~rare], flows - int(counts[rare].sum()))
    return counts


def _largest_remainder(weights: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Share ``total`` out in proportion to ``weights``, whole and summing to it."""
    counts, remainder = np.divmod(weights * total, weights.sum())
    last = np.argsort(-remainder, kind="stable")[: total - int(counts.sum())]
    counts[last] += 1
    return counts


@dataclass(frozen=True)
class _Draft:
    """Flows of one class: ``(10, n)`` values, ``(2, n)`` host codes, ``(n,)`` places."""

    values: NDArray[np.float64]
    ends: NDArray[np.int64]
    when: NDArray[np.float64]


def _draft(figures: ClassStatistics, n: int, rng: np.random.Generator) -> _Draft:
    drawn = draw_values(figures, n, rng)
    campaigns = draw_campaigns(figures.name, n, rng)
    ends = draw_ends(figures.name, campaigns, drawn.service_port, drawn.reply, rng)
    return _Draft(drawn.in_order(_COLUMNS), ends, campaigns.when)
