"""quantity: sizes follow Dir(alpha), labels do not depend on the gateway."""

from __future__ import annotations

import numpy as np
import pytest

from partitions import Traffic, deal_flows


@pytest.mark.parametrize("alpha", [0.2, 2.0])
def test_sizes_follow_dirichlet(alpha):
    labels, gateways, draws = np.zeros(2000, dtype=np.uint8), 5, 700
    rng = np.random.default_rng(1)
    settings = {"alpha": alpha}
    shares = np.array(
        [
            deal_flows(
                "quantity",
                Traffic(labels),
                gateways=gateways,
                settings=settings,
                minimum=0,
                rng=rng,
            ).sizes()
            / len(labels)
            for _ in range(draws)
        ]
    )
    variance = 0.2 * 0.8 / (gateways * alpha + 1)
    np.testing.assert_allclose(shares.mean(axis=0), 0.2, atol=4.5 * np.sqrt(variance / draws))
    np.testing.assert_allclose(shares.var(), variance, rtol=0.12)


def test_every_gateway_has_the_mix_of_the_whole():
    labels = np.repeat(np.arange(3, dtype=np.uint8), [30_000, 60_000, 10_000])
    rng = np.random.default_rng(2)
    plan = deal_flows("quantity", Traffic(labels), gateways=30, minimum=500, rng=rng)
    sizes = plan.sizes()
    assert sizes.min() >= 500
    assert sizes.max() > 5 * sizes.min()
    mix = plan.label_counts(labels, 3) / sizes[:, None]
    error = np.abs(mix - [0.3, 0.6, 0.1]) / np.sqrt(0.25 / sizes[:, None])
    assert error.max() < 4
