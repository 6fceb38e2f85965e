"""FedLC: logits calibrated by each client's own class counts."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fednids.algorithms.interface import Algorithm, Arrays, Client
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective

_NO_FLOWS = 1e-8
"""What a class without flows counts as: its logit has then no part in the loss."""


class FedLc(Algorithm):
    r"""FedAvg of clients with logits calibration.

    Zhang et al., "Federated Learning with Label Distribution Skew via Logits Calibration",
    ICML 2022, equation 5: in training a client's logit of class :math:`c` is taken as
    :math:`z_c - \tau n_c^{-1/4}`, with :math:`n_c` its own flows of that class. The detector
    answers by :math:`z`. With :math:`\tau = 0` it is FedAvg, to the bit.
    """

    class Settings(Section):  # noqa: D106
        calibration: float = Field(
            1.0, ge=0, le=100, description="FedLC's tau: strength of the calibration"
        )

    settings: Settings

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train with calibrated logits."""
        tau = self.settings.calibration
        margins = -tau * np.maximum(client.class_counts, _NO_FLOWS) ** -0.25
        objective = Objective(adjustment=margins.astype(np.float32) if tau else None)
        return client.fit(weights, objective).update
