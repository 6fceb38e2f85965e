"""Label skew drawn for each gateway: its own mix of classes, at equal sizes."""

from __future__ import annotations

import numpy as np

from partitions.dirichlet import Settings
from partitions.families import LabelScheme
from partitions.fitting import fit_table
from partitions.interface import Table, Traffic
from partitions.tables import equal_sizes

_LEAST_SHARE = 1e-9


@LabelScheme
def inner_dirichlet(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Table:
    """Draw each gateway's mix of classes from ``Dir(alpha, ..., alpha)``, then fit all.

    For gateway ``k``, ``q_k ~ Dir_C(alpha)`` over the classes with flows. As drawn, the
    mixes would need as many Theft as DoS flows, and there are not. So all mixes are changed
    together (`partitions.fitting.fit_table`): the odds ratios between gateways stay as
    drawn, sizes are equal to within one flow, and every flow is dealt. The strong imbalance
    of NF-BoT-IoT changes the mixes much: rare classes stay rare at most gateways.

    Notes
    -----
    Acar et al. and flwr-datasets' ``InnerDirichletPartitioner`` deal flow by flow, and
    gateways that are served late get what is left of the classes. Here all gateways share
    what is scarce.

    References
    ----------
    D. A. E. Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021,
    section 4. https://arxiv.org/abs/2111.04263
    """
    totals = traffic.totals
    present = np.flatnonzero(totals)
    drawn = rng.dirichlet(np.full(len(present), settings.alpha), size=gateways)
    mixes = np.zeros((gateways, len(totals)))
    mixes[:, present] = np.maximum(drawn, _LEAST_SHARE)
    return fit_table(mixes, equal_sizes(len(traffic), gateways, rng), totals, rng)
