"""The objective of local training: the loss, and the terms that an algorithm adds.

NumPy alone, so that an algorithm's file can be read by a server without MindSpore.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fednids.networks.interface import Weights


class Term:
    """One term of an objective: something added to the gradients, or to the loss, or both.

    How to add one: derive from it; give it `gradient` or `loss`. Which terms there are is compiled
    into the graph; the numbers and vectors are data, and may differ from one training to the next.

    Attributes
    ----------
    gradient : Callable or None
        A static function ``(gradient, weight, *numbers, *vectors)`` that returns a parameter's new
        gradient; all of one shape, the numbers scalars. It becomes a part of the graph: nothing but
        operators, and no names from elsewhere.
    stacks : bool
        Whether clients with this term can train in one graph; with a `loss` they never do.
    reads_representation : bool
        Whether `loss` reads what the head of the network reads.
    """

    gradient: ClassVar[Callable[..., Any] | None] = None
    stacks: ClassVar[bool] = True
    reads_representation: ClassVar[bool] = False

    @property
    def constants(self) -> tuple[object, ...]:
        """Return what else is compiled into the graph; another value compiles another graph."""
        return ()

    def numbers(self) -> tuple[float, ...]:
        """Return the scalars that the term reads; clients that train in one graph share them."""
        return ()

    def vectors(self, start: Weights) -> tuple[Weights, ...]:
        """Return this client's ``(P,) float32`` arrays that `gradient` reads.

        Parameters
        ----------
        start : ndarray
            ``(P,) float32`` weights that the training starts from.
        """
        return ()

    def networks(self, start: Weights) -> tuple[Weights, ...]:
        """Return the ``(P,) float32`` weights of other networks, not trained, that `loss` runs."""
        return ()

    def loss(self, networks: Sequence[Any]) -> Any:
        """Return a ``mindspore.nn.Cell`` that computes a loss of each window; None adds none.

        Its ``construct(inputs, representation, logits, labels, *numbers)`` returns ``(B,)``, whose
        mean over the batch is added to the loss. ``representation`` is what the head reads,
        ``(B, D)``, or None unless `reads_representation`.

        Parameters
        ----------
        networks : Sequence[nn.Cell]
            Of the term's `networks`: each maps ``inputs`` to logits when it is called, and to
            what its head reads by its method ``represent``.
        """
        return None


@dataclass(frozen=True, eq=False)
class Proximal(Term):
    """A pull towards an anchor: the gradient of ``strength / 2 * ||w - anchor||**2``.

    Attributes
    ----------
    strength : float
        From 0.
    anchor : ndarray, optional
        ``(P,) float32``; without, the weights that the training starts from.

    References
    ----------
    Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, eq. 2.
    """

    strength: float
    anchor: Weights | None = None

    def numbers(self) -> tuple[float, ...]:
        """Return the strength."""
        return (self.strength,)

    def vectors(self, start: Weights) -> tuple[Weights, ...]:
        """Return the anchor."""
        return (start if self.anchor is None else self.anchor,)

    @staticmethod
    def gradient(gradient: Any, weight: Any, strength: Any, anchor: Any) -> Any:
        """Add the pull."""
        return gradient + strength * (weight - anchor)


@dataclass(frozen=True, eq=False)
class Shift(Term):
    """A constant vector that is added to every gradient.

    Attributes
    ----------
    vector : ndarray
        ``(P,) float32``: ``c - c_i`` in SCAFFOLD, the negative of the gradient that a client
        remembers in FedDyn.

    References
    ----------
    Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
    ICML 2020, eq. 3 and 4.
    Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021, eq. 1.
    """

    vector: Weights

    def vectors(self, start: Weights) -> tuple[Weights, ...]:
        """Return the vector."""
        return (self.vector,)

    @staticmethod
    def gradient(gradient: Any, weight: Any, shift: Any) -> Any:
        """Add the vector."""
        return gradient + shift


@dataclass(frozen=True, eq=False)
class Objective:
    """What one training minimises: the loss of the settings, and an algorithm's terms.

    Attributes
    ----------
    terms : tuple[Term, ...]
        In the order in which they change the gradients.
    track_gradient : bool
        Whether to return the mean over all steps of the gradient before `Term.gradient`. It is
        SCAFFOLD's new ``c_i``; under plain SGD the paper's option II,
        ``c_i - c + (x - y) / (K * eta)``, is the same.
    adjustment : ndarray, optional
        ``(C,) float32`` added to the logits in training alone, beside what ``train.prior`` adds.
    sharpness : float
        How far up the loss of a batch a step's gradient is taken, in the norm of all weights; 0:
        at the weights themselves. Clients then train one after another.
    stage : int
        Which of several trainings of one client in one round this is, from 0: each draws an
        order of its own.
    """

    terms: tuple[Term, ...] = ()
    track_gradient: bool = False
    adjustment: Weights | None = None
    sharpness: float = 0.0
    stage: int = 0

    @property
    def form(self) -> tuple[object, ...]:
        """Return what is compiled: objectives of one form share a graph."""
        adjusted = self.adjustment is not None
        return (
            self.track_gradient,
            adjusted,
            self.sharpness > 0,
            *((type(term), *term.constants) for term in self.terms),
        )

    @property
    def stacks(self) -> bool:
        """Whether several clients can be trained in one graph."""
        plain = all(term.stacks and type(term).loss is Term.loss for term in self.terms)
        return plain and not self.sharpness

    def numbers(self) -> tuple[float, ...]:
        """Return the scalars of all terms, in order, and the sharpness where there is any."""
        numbers = tuple(number for term in self.terms for number in term.numbers())
        return (*numbers, self.sharpness) if self.sharpness else numbers

    def goes_with(self, other: Objective) -> bool:
        """Check whether one graph call can do both."""
        return self.form == other.form and self.numbers() == other.numbers()


PLAIN = Objective()
"""The loss of the settings alone."""
