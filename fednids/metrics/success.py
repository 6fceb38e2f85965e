"""Success of an attack on the federation, from the counts of the test windows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from fednids.metrics.counts import BENIGN, ConfusionCounts, quotient


def attack_success(counts: ConfusionCounts, classes: Sequence[str]) -> dict[str, float]:
    """Return the share of each attack class that is predicted as benign.

    Parameters
    ----------
    counts : ConfusionCounts
        Of the test windows that the attacker wants to hide: those with the trigger for a
        backdoor, all for any other attack.
    classes : Sequence[str]
        ``C`` names in the order of the codes; the first is benign.

    Returns
    -------
    dict
        By the name of the attack class; NaN for one without test windows.
    """
    return {
        name: quotient(counts.matrix[code, BENIGN], counts.support[code])
        for code, name in enumerate(classes)
        if code != BENIGN
    }


def error_rates(counts: ConfusionCounts, classes: Sequence[str]) -> dict[str, float]:
    """Return the share of each class, benign too, that is predicted as any other.

    An untargeted attack raises it. NaN for a class without test windows.
    """
    wrong = counts.support - np.diag(counts.matrix)
    return {name: quotient(wrong[code], counts.support[code]) for code, name in enumerate(classes)}


def relative_success(attacked: Mapping[str, float], clean: Mapping[str, float]) -> dict[str, float]:
    r"""Return the success relative to the clean twin: the same run without malicious clients.

    .. math:: \frac{\max(s, s_0) - s_0}{1 - s_0}

    of the success :math:`s` with malicious clients and :math:`s_0` without: 0 where they gain
    nothing, 1 where everything that the clean detector detects is hidden.

    Parameters
    ----------
    attacked, clean : Mapping[str, float]
        Of both runs, from `attack_success` or `error_rates`.

    Returns
    -------
    dict
        By the classes that both have; NaN where either is NaN, or where the clean detector
        detects nothing of the class.

    References
    ----------
    The relative attack success rate of L. Lavaur et al., "Systematic Analysis of
    Label-flipping Attacks against Federated Learning in Collaborative Intrusion Detection
    Systems", ARES 2024, doi 10.1145/3664476.3670434, as their Eiffel computes it
    (``eiffel/analysis/metrics.py``, ``load_asr``).
    """
    return {name: _relative(attacked[name], clean[name]) for name in attacked if name in clean}


def _relative(attacked: float, clean: float) -> float:
    if math.isnan(attacked) or math.isnan(clean) or clean >= 1:
        return math.nan
    return (max(attacked, clean) - clean) / (1 - clean)
