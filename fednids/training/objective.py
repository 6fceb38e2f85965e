"""How a strategy bends local training."""

from __future__ import annotations

from dataclasses import dataclass, field

from fednids.networks.cnn_bilstm.architecture import Weights
from fednids.training.jobs import Terms


@dataclass(frozen=True)
class Correction:
    """What is different from plain training from the global weights.

    Attributes
    ----------
    terms : Terms
        What is done with gradients; the same in every round, since each needs its own graph.
    strength : float
        Of the pull to the anchor, from 0.
    anchor : ndarray, optional
        ``(P,) float32`` that is pulled to; the weights of the start without.
    shift : ndarray, optional
        ``(P,) float32`` added to every gradient.
    course : int
        Which of several trainings of a round this is, from 0: each draws its own order.
    most_steps : int, optional
        Optimiser steps that there is time for, at least 1.
    """

    terms: Terms = field(default_factory=Terms)
    strength: float = 0.0
    anchor: Weights | None = None
    shift: Weights | None = None
    course: int = 0
    most_steps: int | None = None
