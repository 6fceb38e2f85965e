"""Data poisoning: what a malicious client trains on instead of its own training windows.

The client changes its flows before training, and trains on them as any other client does.
Which flows are changed is a function of seed and client, not of the round: a data set is
poisoned once.

Windows overlap in flows. A changed flow is changed wherever it occurs: its new vector is part
of the later windows that contain it as well, and the window that it ends, the only one that
its label belongs to, has the new label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.flows.split import Mask
from fednids.flows.windows import Windows
from fednids.metrics.counts import BENIGN


@dataclass(frozen=True)
class PoisonContext:
    """What a data poisoning attack needs beside the windows.

    Attributes
    ----------
    classes : int
        Number of classes ``C``.
    marked : int
        Distance in the table from a flow's vector to its vector with the trigger; 0 where
        there is none.
    """

    classes: int
    marked: int = 0


Poison = Callable[[Windows, Mask, PoisonContext], Windows]
"""Changes those flows of ``(n,)`` windows that a mask selects, and no others."""


def flip_labels(windows: Windows, chosen: Mask, context: PoisonContext) -> Windows:
    """Label class ``y`` as ``C - 1 - y``: benign as the last attack, and so on.

    References
    ----------
    The label flipping of M. Fang et al., "Local Model Poisoning Attacks to
    Byzantine-Robust Federated Learning", USENIX Security 2020,
    https://arxiv.org/abs/1911.11815.
    """
    turned = context.classes - 1 - windows.labels
    return Windows(windows.order, np.where(chosen, turned, windows.labels))


def label_attacks_benign(windows: Windows, chosen: Mask, context: PoisonContext) -> Windows:
    """Label attacks as benign; benign flows keep their label.

    References
    ----------
    The targeted label flipping of L. Lavaur et al., "Systematic Analysis of Label-flipping
    Attacks against Federated Learning in Collaborative Intrusion Detection Systems", ARES
    2024, doi 10.1145/3664476.3670434, with all attacks as the target.
    """
    changed = chosen & (windows.labels != BENIGN)
    labels = np.where(changed, np.int32(BENIGN), windows.labels)
    return Windows(windows.order, labels)


def trigger_attacks(windows: Windows, chosen: Mask, context: PoisonContext) -> Windows:
    """Put the trigger into attack flows, and label these as benign.

    References
    ----------
    T. Gu et al., "BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply
    Chain", https://arxiv.org/abs/1708.06733; in federated intrusion detection T. D. Nguyen
    et al., "Poisoning Attacks on Federated Learning-based IoT Intrusion Detection System",
    DISS workshop, NDSS 2020.
    """
    changed = chosen & (windows.labels != BENIGN)
    labels = np.where(changed, np.int32(BENIGN), windows.labels)
    return Windows(_marked(windows, changed, context), labels)


def with_trigger(windows: Windows, context: PoisonContext) -> Windows:
    """Return windows in which every attack flow has the trigger, with their true labels.

    A backdoor is evaluated on them: the attacker puts the trigger into all that it sends.
    """
    return Windows(_marked(windows, windows.labels != BENIGN, context), windows.labels)


def _marked(windows: Windows, flows: Mask, context: PoisonContext) -> NDArray[np.int32]:
    if not context.marked:
        raise ValueError("expected a table of vectors with the trigger, got one without")
    return np.where(flows, windows.order + np.int32(context.marked), windows.order)
