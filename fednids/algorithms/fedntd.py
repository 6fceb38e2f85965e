"""FedNTD: local training that keeps what the global detector thinks of the other classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from fednids.algorithms.interface import Algorithm, Arrays, Client
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective, Term

_TRUE_CLASS = -1e4
"""Added to a logit that is to have no part in a softmax."""


class FedNtd(Algorithm):
    r"""FedAvg of clients that distil the global detector's not-true classes.

    Lee et al., "Preservation of the Global Knowledge by Not-True Distillation in Federated
    Learning", NeurIPS 2022, equations 4 to 6: the loss of a client is

    .. math:: \ell_{CE} + \beta \tau^2 KL(\tilde q^g_\tau \,\|\, \tilde q^l_\tau),

    where :math:`\tilde q_\tau` is the softmax of logits by :math:`\tau` without the true class, of
    the global and of the local detector. With :math:`\beta = 0` it is FedAvg, to the bit.
    """

    class Settings(Section):  # noqa: D106
        ntd_beta: float = Field(
            1.0, ge=0, le=100, description="FedNTD's beta: strength of the distillation"
        )
        temperature: float = Field(
            1.0, gt=0, le=100, description="temperature of the softmaxes that are compared"
        )

    settings: Settings

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train with the distillation."""
        beta = self.settings.ntd_beta
        term = NotTrueDistillation(beta, self.settings.temperature)
        return client.fit(weights, Objective((term,) if beta else ())).update


@dataclass(frozen=True, eq=False)
class NotTrueDistillation(Term):
    """Distillation of the weights that the training starts from, without the true class.

    Attributes
    ----------
    strength : float
        From 0.
    temperature : float
        Above 0.
    """

    strength: float
    temperature: float

    def numbers(self) -> tuple[float, ...]:
        """Return strength and temperature."""
        return (self.strength, self.temperature)

    def networks(self, start: Weights) -> tuple[Weights, ...]:
        """Return the weights that the training starts from."""
        return (start,)

    def loss(self, networks: Sequence[Any]) -> Any:
        """Return the cell of the divergence of each window."""
        from fednids.networks.framework import Tensor, nn, ops

        class NotTrueCell(nn.Cell):
            def __init__(self, teacher: nn.Cell) -> None:
                super().__init__()
                self.teacher, self.entropy = teacher, ops.SoftmaxCrossEntropyWithLogits()

            def construct(  # type: ignore[no-untyped-def]
                self, inputs, represented, logits, labels, strength, temperature
            ) -> Tensor:
                places = ops.arange(logits.shape[1])
                hidden = _TRUE_CLASS * (places == labels.expand_dims(1)).astype(logits.dtype)
                taught = ops.stop_gradient(self.teacher(inputs) / temperature + hidden)
                wanted = ops.stop_gradient(ops.softmax(taught, 1))
                crossed, _ = self.entropy(logits / temperature + hidden, wanted)
                own, _ = self.entropy(taught, wanted)
                return strength * temperature * temperature * (crossed - ops.stop_gradient(own))

        return NotTrueCell(networks[0])
