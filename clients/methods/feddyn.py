"""FedDyn at the gateway: a linear term that makes local and global optima agree."""

from __future__ import annotations

import numpy as np

from clients.methods.method import Given, Site
from clients.methods.plain import Plain
from fednids.messages.values import Update
from fednids.training.objective import Correction, Terms

_GRADIENT = "gradient"


class FedDyn(Plain):
    r"""Dynamic regularisation, the gateway's half.

    Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021, equation 1:
    minimise :math:`L_k(w) - \langle \nabla L_k(w_k), w \rangle + \frac\alpha2 \|w - w_t\|^2`;
    then the remembered gradient becomes :math:`\nabla L_k(w_k) - \alpha (w_k^+ - w_t)`
    (algorithm 1).
    """

    def train(self, site: Site, given: Given) -> Update:
        """Train with both terms; remember the gradient."""
        start, alpha = given.weights, site.config.federation.dyn_alpha
        nothing = np.zeros_like(start)
        gradient = site.recall(given.task.server_round - 1).get(_GRADIENT, nothing)
        terms = Terms(pull=True, shift=True)
        fitted = site.fit(start, given.task, Correction(terms, alpha, shift=-gradient))
        moved = fitted.update.weights - start
        site.remember(**{_GRADIENT: gradient - np.float32(alpha) * moved})
        return fitted.update
