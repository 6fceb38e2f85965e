"""Slow, obviously right twins of the clever parts, for tests to compare with.

One section per package. An oracle follows the definition with plain loops and shares no code
with what it checks.
"""

from __future__ import annotations

import numpy as np

# --- partitions ---------------------------------------------------------------------------------


def dirichlet_by_definition(labels, gateways, alpha, rng):
    """Deal one flow after another, ``(N,)``, by Yurochkin et al. 2019, without a minimum.

    For each class: K gamma draws over their sum are its Dirichlet shares; its shuffled flows
    go to gateway 0 until its share is used up, then to gateway 1, and so on.
    """
    assignment = [-1] * len(labels)
    for code in sorted(set(labels.tolist())):
        flows = [flow for flow in range(len(labels)) if labels[flow] == code]
        rng.shuffle(flows)
        weights = [rng.gamma(alpha) for _ in range(gateways)]
        for place, flow in enumerate(flows):
            gateway, used = 0, weights[0]
            while gateway < gateways - 1 and (place + 0.5) / len(flows) > used / sum(weights):
                gateway += 1
                used += weights[gateway]
            assignment[flow] = gateway
    return np.array(assignment)


def skim_one_by_one(sizes, amount):
    """Take one at a time from the largest size, of equal ones the first; give what each gave."""
    left = list(sizes)
    for _ in range(amount):
        left[left.index(max(left))] -= 1
    return [before - after for before, after in zip(sizes, left, strict=True)]


def most_gateways_by_trial(totals, each):
    """Give the largest K whose ``K * each`` places can be filled, each with another class."""
    possible = 0
    for gateways in range(1, sum(totals) + 1):
        if sum(min(total, gateways) for total in totals) >= gateways * each:
            possible = gateways
    return possible


# --- fednids.metrics ----------------------------------------------------------------------------


def confusion_by_loop(true, predicted, classes):
    """Count pairs of true and predicted class one by one, as C lists of C integers."""
    cells = [[0] * classes for _ in range(classes)]
    for row, column in zip(true, predicted, strict=True):
        cells[int(row)][int(column)] += 1
    return cells
