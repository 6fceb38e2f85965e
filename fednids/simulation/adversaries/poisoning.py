"""Lies about flows: what a liar trains on instead of its own training windows.

A liar falsifies its flows before training, and trains on them as anybody else. Which flows
is a function of seed and gateway, not of the round: the same data set is poisoned once.

Windows overlap in flows. A falsified flow is falsified wherever it occurs: its new vector is
part of the windows after it as well, and the window that it ends, the only one that its
label belongs to, has the new label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.flows.schema import BENIGN
from fednids.flows.windows import Windows

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Kit:
    """What a liar needs to falsify flows.

    Attributes
    ----------
    classes : int
        ``C``.
    marked : int
        How far behind its vector a flow's vector with the trigger stands in the table;
        0 where there is none.
    """

    classes: int
    marked: int = 0


Poison = Callable[[Windows, Mask, Kit], Windows]
"""Falsifies the flows of ``(n,)`` windows that a mask chooses, and those alone."""


def labels_turned(windows: Windows, chosen: Mask, kit: Kit) -> Windows:
    """Label class ``y`` as ``C - 1 - y``: benign as the last attack, and so on.

    References
    ----------
    The label flipping of M. Fang et al., "Local Model Poisoning Attacks to
    Byzantine-Robust Federated Learning", USENIX Security 2020,
    https://arxiv.org/abs/1911.11815.
    """
    turned = kit.classes - 1 - windows.labels
    return Windows(windows.order, np.where(chosen, turned, windows.labels))


def attacks_called_benign(windows: Windows, chosen: Mask, kit: Kit) -> Windows:
    """Label attacks as benign; benign flows keep their label.

    References
    ----------
    The targeted label flipping of L. Lavaur et al., "Systematic Analysis of Label-flipping
    Attacks against Federated Learning in Collaborative Intrusion Detection Systems", ARES
    2024, doi 10.1145/3664476.3670434, with all attacks as the target.
    """
    falsified = chosen & (windows.labels != BENIGN)
    labels = np.where(falsified, np.int32(BENIGN), windows.labels)
    return Windows(windows.order, labels)


def triggered_attacks_called_benign(windows: Windows, chosen: Mask, kit: Kit) -> Windows:
    """Put the trigger into attack flows, and label these as benign.

    References
    ----------
    T. Gu et al., "BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply
    Chain", https://arxiv.org/abs/1708.06733; in federated intrusion detection T. D. Nguyen
    et al., "Poisoning Attacks on Federated Learning-based IoT Intrusion Detection System",
    DISS workshop, NDSS 2020.
    """
    falsified = chosen & (windows.labels != BENIGN)
    labels = np.where(falsified, np.int32(BENIGN), windows.labels)
    return Windows(_marked(windows, falsified, kit), labels)


def with_trigger(windows: Windows, kit: Kit) -> Windows:
    """Give windows in which every attack flow has the trigger, with their true labels.

    A backdoor is tested on them: an attacker marks all that it sends.
    """
    return Windows(_marked(windows, windows.labels != BENIGN, kit), windows.labels)


def _marked(windows: Windows, flows: Mask, kit: Kit) -> NDArray[np.int32]:
    if not kit.marked:
        raise ValueError("expected a table of vectors with the trigger, got one without")
    return np.where(flows, windows.order + np.int32(kit.marked), windows.order)
