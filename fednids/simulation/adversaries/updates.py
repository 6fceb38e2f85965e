"""Lies about weights: what a liar sends instead of the change that it trained.

A change is ``d = w - w_t`` of the weights that a gateway trained and the global weights that it
started from, ``(P,) float64``; what a lie gives is a change, too. A strength of ``a`` is a
factor, whose meaning each function tells.
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
class Situation:
    """What a liar knows beside its change.

    Attributes
    ----------
    server_round : int
        From 1.
    strength : float
        Above 0.
    rng : numpy.random.Generator
        The liar's own in this round.
    """

    server_round: int
    strength: float
    rng: np.random.Generator


class Changes(Protocol):
    """Changes that can be gone through again and again, at least one, as in a list."""

    def __len__(self) -> int:
        """Give their number."""
        ...

    def __iter__(self) -> Iterator[Change]:
        """Give one after the other; there may be no room for all at once."""
        ...


@dataclass(frozen=True)
class Overheard:
    """What the liars of a round know together.

    Attributes
    ----------
    honest_mean : ndarray or None
        ``(P,)`` mean of the honest gateways' changes, each counting once; None where no
        honest gateway takes part.
    honest : int
        How many there are.
    own : Changes
        Those that the liars trained, by partition id.
    """

    honest_mean: Change | None
    honest: int
    own: Changes


Alone = Callable[[Change, Situation], Change]
"""Makes the change that a liar sends of the one that it trained."""

Together = Callable[[Overheard, float], Change]
"""Makes the change that all liars send: of what they know, and the strength."""


def scaled(change: Change, situation: Situation) -> Change:
    r"""Send ``a`` times the change: :math:`a d`.

    With ``a`` the number of participants and equal sizes, FedAvg's mean is replaced by the
    liar's weights as far as the others agree.

    References
    ----------
    The model replacement of E. Bagdasaryan et al., "How To Backdoor Federated Learning",
    AISTATS 2020, https://arxiv.org/abs/1807.00459, where ``a`` is gamma.
    """
    return situation.strength * change


def sign_flipped(change: Change, situation: Situation) -> Change:
    r"""Send ``a`` times the change in the opposite direction: :math:`-a d`.

    References
    ----------
    The sign-flipping attack of L. Li et al., "RSA: Byzantine-Robust Stochastic Aggregation
    Methods for Distributed Learning from Heterogeneous Datasets", AAAI 2019,
    https://arxiv.org/abs/1811.03761. There the sent value is flipped; here the change is,
    because weights are sent.
    """
    return -situation.strength * change


def noise(change: Change, situation: Situation) -> Change:
    r"""Send Gaussian noise instead of a change.

    .. math:: a r g, \quad g \sim N(0, I), \quad r = \|d\| / \sqrt{P}

    so that ``a`` of 1 is noise as long as the liar's own change.

    References
    ----------
    The Gaussian attack of P. Blanchard et al., "Machine Learning with Adversaries:
    Byzantine Tolerant Gradient Descent", NeurIPS 2017. There the variance is a large
    constant; here it follows the change, whose size the task decides.
    """
    deviation = situation.strength * float(np.sqrt(np.mean(change**2)))
    return deviation * _normal(change, situation)


def free_ride(change: Change, situation: Situation) -> Change:
    r"""Send the global weights back with a little noise: :math:`a t^{-1} g`.

    ``t`` is the round and ``g`` standard normal. What the liar trained is not used, and it
    claims all of its windows.

    References
    ----------
    The disguised free-rider of Y. Fraboni, R. Vidal, M. Lorenzi, "Free-rider Attacks on
    Model Aggregation in Federated Learning", AISTATS 2021,
    https://arxiv.org/abs/2006.11901, with gamma 1. They find the noise's deviation by a
    heuristic; here it is the strength.
    """
    return situation.strength / situation.server_round * _normal(change, situation)


def little_is_enough(overheard: Overheard, strength: float) -> Change:
    r"""Send what is wrong by so little that most honest changes are further out.

    For every weight :math:`\mu + z \sigma`, mean and (population) standard deviation over
    what the liars would send honestly: they know only each other, as in the paper. One liar
    alone thus sends its honest change.

    Parameters
    ----------
    overheard : Overheard
        The liars' own changes, and how many gateways are honest.
    strength : float
        z; 0 for `largest_z`, which is near 0 while liars are few.

    References
    ----------
    G. Baruch, M. Baruch, Y. Goldberg, "A Little Is Enough: Circumventing Defenses For
    Distributed Learning", NeurIPS 2019, https://arxiv.org/abs/1902.06156, the attack that
    prevents convergence; their published code takes a z of 1.5 by default.
    """
    own, honest = overheard.own, overheard.honest
    z = strength or largest_z(honest + len(own), len(own))
    mean = _mean(own, len(own))
    deviation: Change = np.sqrt(_mean(((change - mean) ** 2 for change in own), len(own)))
    return mean + z * deviation


def largest_z(participants: int, liars: int) -> float:
    r"""Give the z of A Little Is Enough for ``n`` participants, ``m`` of them liars.

    The largest with :math:`\Phi(z) < (n - m - s) / (n - m)`, where :math:`s = \lfloor n / 2
    + 1 \rfloor - m` honest changes complete a majority: these are expected further out.

    Returns
    -------
    float
        At least 0: a smaller one would be the same lie on the other side. Where liars are
        the majority already, as for one supporter.
    """
    honest = participants - liars
    supporters = max(participants // 2 + 1 - liars, 1)
    between = (honest - supporters) / honest if honest else 0.0
    return max(NormalDist().inv_cdf(between), 0.0) if between > 0 else 0.0


def inner_product(overheard: Overheard, strength: float) -> Change:
    r"""Send the honest gateways' mean change backwards: :math:`-a \bar d`.

    All liars send the same, so that the inner product of the true and the aggregated change
    turns negative. They know the mean of the honest changes, as in the paper; where no
    honest gateway takes part, of their own.

    Parameters
    ----------
    overheard : Overheard
        With the honest mean.
    strength : float
        The paper's epsilon.

    References
    ----------
    C. Xie, O. Koyejo, I. Gupta, "Fall of Empires: Breaking Byzantine-tolerant SGD by Inner
    Product Manipulation", UAI 2019, PMLR 115, 2020, https://arxiv.org/abs/1903.03936.
    """
    mean, own = overheard.honest_mean, overheard.own
    return -strength * (_mean(own, len(own)) if mean is None else mean)


def _mean(changes: Iterable[Change], count: int) -> Change:
    total = np.zeros(1)
    for change in changes:
        total = total + change
    return total / count


def _normal(change: Change, situation: Situation) -> Change:
    drawn: Change = situation.rng.standard_normal(len(change))
    return drawn
