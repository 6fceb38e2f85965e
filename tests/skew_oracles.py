"""Slow, obviously right twins of the skew measures.

Each takes a table of flows as K lists of C integers. `BY_DEFINITION` has one for every member
of `partitions.skew.MEASURES`: a list of K or C numbers, or one number; None where undefined.
"""

from __future__ import annotations

import math
from itertools import pairwise


def total_of(table):
    """Add the gateways up, class by class."""
    return [sum(row[code] for row in table) for code in range(len(table[0]))]


def mix(row):
    """Divide by the sum."""
    return [count / sum(row) for count in row]


def kullback_leibler(one, other):
    """Bits lost by taking `other` for `one`."""
    return sum(p * math.log2(p / q) for p, q in zip(one, other, strict=True) if p > 0)


def jensen_shannon(one, other):
    """Mean bits lost by taking the mean mix for each of two."""
    middle = [(p + q) / 2 for p, q in zip(one, other, strict=True)]
    return kullback_leibler(one, middle) / 2 + kullback_leibler(other, middle) / 2


def hellinger(one, other):
    """Half the squared distance of the square roots, its root."""
    return math.sqrt(
        sum((math.sqrt(p) - math.sqrt(q)) ** 2 for p, q in zip(one, other, strict=True)) / 2
    )


def total_variation(one, other):
    """Largest difference of probability of any set of classes: of those that `one` has more of."""
    return sum(p - q for p, q in zip(one, other, strict=True) if p > q)


BETWEEN_MIXES = {
    "jensen_shannon": jensen_shannon,
    "hellinger": hellinger,
    "total_variation": total_variation,
}


def at_gateways(measure):
    """Measure each gateway that has flows."""
    return lambda table: [
        measure(row, total_of(table)) if sum(row) else None for row in table
    ]  # fmt: skip


def to_all_flows(distance):
    """Measure the mix of each gateway against the fleet's."""
    return at_gateways(lambda row, whole: distance(mix(row), mix(whole)))


def entropy(row):
    """Bits that the class of a flow is worth."""
    return sum(-p * math.log2(p) for p in mix(row) if p > 0)


def coverage(row, whole):
    """Share of the fleet's classes at a gateway."""
    present = [code for code, count in enumerate(whole) if count]
    return sum(1 for code in present if row[code]) / len(present)


def absent(table):
    """Share of the gateways that lack each class."""
    dealt = [row for row in table if sum(row)]
    return [
        sum(1 for row in dealt if not row[code]) / len(dealt) if count else None
        for code, count in enumerate(total_of(table))
    ]


def mutual_information(table):
    """H(gateway) + H(class) - H(gateway, class)."""
    cells = [count for row in table for count in row]
    return entropy([sum(row) for row in table]) + entropy(total_of(table)) - entropy(cells)


def mutual_information_share(table):
    """Over the entropy of the class."""
    whole = entropy(total_of(table))
    return mutual_information(table) / whole if whole else None


def size_gini(table):
    """Mean absolute difference of all pairs, over twice the mean."""
    sizes = [sum(row) for row in table]
    pairs = [abs(a - b) for a in sizes for b in sizes]
    return sum(pairs) / len(pairs) / (2 * sum(sizes) / len(sizes))


def size_variation(table):
    """Standard deviation over the mean."""
    sizes = [sum(row) for row in table]
    mean = sum(sizes) / len(sizes)
    return math.sqrt(sum((size - mean) ** 2 for size in sizes) / len(sizes)) / mean


BY_DEFINITION = {
    **{name: to_all_flows(distance) for name, distance in BETWEEN_MIXES.items()},
    "coverage": at_gateways(coverage),
    "effective_classes": at_gateways(lambda row, whole: 2 ** entropy(row)),
    "absent": absent,
    "mutual_information": mutual_information,
    "mutual_information_share": mutual_information_share,
    "size_gini": size_gini,
    "size_variation": size_variation,
    "effective_gateways": lambda table: 2 ** entropy([sum(row) for row in table]),
    "smallest": lambda table: min(sum(row) for row in table),
    "largest": lambda table: max(sum(row) for row in table),
    "without_flows": lambda table: sum(1 for row in table if not sum(row)),
}


def earth_mover(one, other):
    """Area between two cumulative distributions of samples, stretch by stretch."""
    edges = sorted({*one, *other})
    return sum(
        (right - left)
        * abs(
            sum(1 for value in one if value <= left) / len(one)
            - sum(1 for value in other if value <= left) / len(other)
        )
        for left, right in pairwise(edges)
    )
