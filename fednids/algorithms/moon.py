"""MOON: local training that is pulled to the global representation, away from its own last one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from fednids.algorithms.interface import Algorithm, Arrays, Client
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective, Term


class Moon(Algorithm):
    r"""FedAvg of clients with a model-contrastive loss.

    Li, He and Song, "Model-Contrastive Federated Learning", CVPR 2021, equation 3 and
    algorithm 1: with :math:`z`, :math:`z_g` and :math:`z_p` what the head reads in the local
    detector, the global one and the client's own after its last training, a client's loss is

    .. math::
        \ell_{CE} - \mu \log \frac{e^{\cos(z, z_g) / \tau}}
                                  {e^{\cos(z, z_g) / \tau} + e^{\cos(z, z_p) / \tau}} .

    The paper adds a projection before the head; here the representation is what the head reads.
    A client that has not trained yet has no :math:`z_p` and trains without the term. With
    :math:`\mu = 0` it is FedAvg.
    """

    class Settings(Section):  # noqa: D106
        contrast: float = Field(
            1.0, ge=0, le=100, description="MOON's mu: strength of the contrastive loss"
        )
        temperature: float = Field(
            0.5, gt=0, le=100, description="temperature of the similarities that are compared"
        )

    settings: Settings
    remembers: ClassVar[bool] = True

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train with the contrast to the client's last detector, and keep the new one."""
        settings, previous = self.settings, client.recall().get("detector")
        terms: tuple[Term, ...] = ()
        if settings.contrast and previous is not None:
            terms = (ModelContrast(settings.contrast, settings.temperature, previous),)
        update = client.fit(weights, Objective(terms)).update
        client.remember(detector=update.weights)
        return update


@dataclass(frozen=True, eq=False)
class ModelContrast(Term):
    """Similarity to the weights that the training starts from, against that to others.

    Attributes
    ----------
    strength : float
        From 0.
    temperature : float
        Above 0.
    previous : ndarray
        ``(P,) float32``: weights to be unlike.
    """

    strength: float
    temperature: float
    previous: Weights
    reads_representation: ClassVar[bool] = True

    def numbers(self) -> tuple[float, ...]:
        """Return strength and temperature."""
        return (self.strength, self.temperature)

    def networks(self, start: Weights) -> tuple[Weights, ...]:
        """Return the weights that the training starts from, and the previous ones."""
        return (start, self.previous)

    def loss(self, networks: Sequence[Any]) -> Any:
        """Return the cell of the contrastive loss of each window."""
        from fednids.networks.framework import Tensor, nn, ops

        class ContrastCell(nn.Cell):
            def __init__(self, alike: nn.Cell, unlike: nn.Cell) -> None:
                super().__init__()
                self.alike, self.unlike, self.relu = alike, unlike, ops.ReLU()

            def construct(  # type: ignore[no-untyped-def]
                self, inputs, represented, logits, labels, strength, temperature
            ) -> Tensor:
                near = self.cosine(represented, self.alike.represent(inputs))
                far = self.cosine(represented, self.unlike.represent(inputs))
                x = (far - near) / temperature
                return strength * (self.relu(x) + ops.log(1 + ops.exp(-ops.abs(x))))

            def cosine(self, one: Tensor, other: Tensor) -> Tensor:
                other = ops.stop_gradient(other)
                lengths = ((one * one).sum(1) + 1e-12) * ((other * other).sum(1) + 1e-12)
                return (one * other).sum(1) / ops.sqrt(lengths)

        return ContrastCell(networks[0], networks[1])
