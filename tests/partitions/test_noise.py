"""noise: Gaussian of the level of the settings, and not a bit where it is 0."""

from __future__ import annotations

import numpy as np

from partitions.noise import noisy_vectors


def test_noise_has_the_level_and_the_units_asked_for():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60_000, 3)).astype(np.float32)
    deviation, levels = np.array([1.0, 10.0, 0.0]), np.repeat([0.0, 0.5, 2.0], 20_000)
    noisy = noisy_vectors(vectors, deviation, levels, rng)
    added = (noisy - vectors).reshape(3, 20_000, 3)
    assert noisy.dtype == np.float32
    expected = np.outer([0.0, 0.5, 2.0], deviation)
    np.testing.assert_allclose(added.std(axis=1), expected, rtol=0.03, atol=1e-7)
    assert (np.abs(added.mean(axis=1)) <= 0.03 * expected + 1e-7).all()
    assert abs(np.corrcoef(added[2, :, 0], added[2, :, 1])[0, 1]) < 0.03


def test_level_0_changes_no_bit():
    vectors = np.array([[0.0, 1e-30, 3.0]] * 5, dtype=np.float32)
    same = noisy_vectors(vectors, np.ones(3), np.zeros(5), np.random.default_rng(0))
    assert same.tobytes() == vectors.tobytes()
