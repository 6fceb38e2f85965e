"""Model poisoning: what a malicious client sends instead of the change that it trained.

A change is ``d = w - w_t``, the weights that a client trained less the global weights that it
started from, ``(P,) float64``. An attack returns a change too. The strength ``a`` is a factor
whose meaning each function documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Change = NDArray[np.float64]


@dataclass(frozen=True)
class AttackContext:
    """What a malicious client knows beside its own change.

    Attributes
    ----------
    server_round : int
        From 1.
    strength : float
        Above 0.
    rng : numpy.random.Generator
        The client's own generator of this round.
    """

    server_round: int
    strength: float
    rng: np.random.Generator


class Changes(Protocol):
    """At least one change; can be iterated over several times, as a list can."""

    def __len__(self) -> int:
        """Return the number of changes."""
        ...

    def __iter__(self) -> Iterator[Change]:
        """Return an iterator; there may not be memory for all changes at once."""
        ...


@dataclass(frozen=True)
class Knowledge:
    """What the colluding clients of a round know together.

    Attributes
    ----------
    honest_mean : ndarray or None
        ``(P,)`` mean of the honest clients' changes, equally weighted; None where no honest
        client takes part.
    honest : int
        Number of honest clients.
    own : Changes
        The changes that the malicious clients trained, ordered by partition id.
    """

    honest_mean: Change | None
    honest: int
    own: Changes


IndependentAttack = Callable[[Change, AttackContext], Change]
"""Maps the change that a malicious client trained to the one that it sends."""

ColludingAttack = Callable[[Knowledge, float], Change]
"""Maps what the malicious clients know and the strength to the change that all of them send."""


def scaled(change: Change, context: AttackContext) -> Change:
    r"""Send ``a`` times the change: :math:`a d`.

    With ``a`` the number of participants and equal sizes, FedAvg's mean is replaced by the
    malicious client's weights as far as the others agree.

    References
    ----------
    The model replacement of E. Bagdasaryan et al., "How To Backdoor Federated Learning",
    AISTATS 2020, https://arxiv.org/abs/1807.00459, where ``a`` is gamma.
    """
    return context.strength * change


def sign_flipped(change: Change, context: AttackContext) -> Change:
    r"""Send ``a`` times the change in the opposite direction: :math:`-a d`.

    References
    ----------
    The sign-flipping attack of L. Li et al., "RSA: Byzantine-Robust Stochastic Aggregation
    Methods for Distributed Learning from Heterogeneous Datasets", AAAI 2019,
    https://arxiv.org/abs/1811.03761. There the sent value is flipped; here the change is,
    because weights are sent.
    """
    return -context.strength * change


def gaussian_noise(change: Change, context: AttackContext) -> Change:
    r"""Send Gaussian noise instead of a change.

    .. math:: a r g, \quad g \sim N(0, I), \quad r = \|d\| / \sqrt{P}

    so that ``a`` of 1 is noise as long as the client's own change.

    References
    ----------
    The Gaussian attack of P. Blanchard et al., "Machine Learning with Adversaries:
    Byzantine Tolerant Gradient Descent", NeurIPS 2017. There the variance is a large
    constant; here it follows the change, whose size the task decides.
    """
    deviation = context.strength * float(np.sqrt(np.mean(change**2)))
    return deviation * _normal(change, context)


def free_ride(change: Change, context: AttackContext) -> Change:
    r"""Send the global weights back with a little noise: :math:`a t^{-1} g`.

    ``t`` is the round and ``g`` is standard normal. What the client trained is not used, and it
    reports all of its windows.

    References
    ----------
    The disguised free-rider of Y. Fraboni, R. Vidal, M. Lorenzi, "Free-rider Attacks on
    Model Aggregation in Federated Learning", AISTATS 2021,
    https://arxiv.org/abs/2006.11901, with gamma 1. They find the noise's deviation by a
    heuristic; here it is the strength.
    """
    return context.strength / context.server_round * _normal(change, context)


def little_is_enough(known: Knowledge, strength: float) -> Change:
    r"""Send what is wrong by so little that most honest changes are further out.

    For every weight :math:`\mu + z \sigma`, with mean and (population) standard deviation of
    the changes that the malicious clients trained: they know only each other's, as in the
    paper. A single malicious client thus sends the change that it trained.

    Parameters
    ----------
    known : Knowledge
        The malicious clients' own changes, and the number of honest clients.
    strength : float
        z; 0 for `largest_z`, which is near 0 while few clients are malicious.

    References
    ----------
    G. Baruch, M. Baruch, Y. Goldberg, "A Little Is Enough: Circumventing Defenses For
    Distributed Learning", NeurIPS 2019, https://arxiv.org/abs/1902.06156, the attack that
    prevents convergence; their published code takes a z of 1.5 by default.
    """
    own, honest = known.own, known.honest
    z = strength or largest_z(honest + len(own), len(own))
    mean = _mean(own, len(own))
    deviation: Change = np.sqrt(_mean(((change - mean) ** 2 for change in own), len(own)))
    return mean + z * deviation


def largest_z(participants: int, malicious: int) -> float:
    r"""Return the z of A Little Is Enough for ``n`` participants, ``m`` of them malicious.

    The largest with :math:`\Phi(z) < (n - m - s) / (n - m)`, where :math:`s = \lfloor n / 2
    + 1 \rfloor - m` honest changes complete a majority: these are expected further out.

    Returns
    -------
    float
        At least 0: a negative z would be the same attack in the other direction. Where the
        malicious clients are a majority already, the z for one supporter.
    """
    honest = participants - malicious
    supporters = max(participants // 2 + 1 - malicious, 1)
    between = (honest - supporters) / honest if honest else 0.0
    return max(NormalDist().inv_cdf(between), 0.0) if between > 0 else 0.0


def inner_product(known: Knowledge, strength: float) -> Change:
    r"""Send the honest clients' mean change backwards: :math:`-a \bar d`.

    All malicious clients send the same, so that the inner product of the true and the
    aggregated change turns negative. They know the mean of the honest changes, as in the
    paper; where no honest client takes part, they use the mean of their own.

    Parameters
    ----------
    known : Knowledge
        With the honest mean.
    strength : float
        The paper's epsilon.

    References
    ----------
    C. Xie, O. Koyejo, I. Gupta, "Fall of Empires: Breaking Byzantine-tolerant SGD by Inner
    Product Manipulation", UAI 2019, PMLR 115, 2020, https://arxiv.org/abs/1903.03936.
    """
    mean, own = known.honest_mean, known.own
    return -strength * (_mean(own, len(own)) if mean is None else mean)


def _mean(changes: Iterable[Change], count: int) -> Change:
    total = np.zeros(1)
    for change in changes:
        total = total + change
    return total / count


def _normal(change: Change, context: AttackContext) -> Change:
    drawn: Change = context.rng.standard_normal(len(change))
    return drawn
