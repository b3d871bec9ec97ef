from __future__ import annotations

import numpy as np
import pytest

from picker.volumes.halves import half


def halves(spread, dtype="float32"):
    """A normalised volume and its noise, which is independent of it."""
    rng = np.random.default_rng(0)
    volume, noise = rng.normal(size=(2, 40, 40, 40))
    return volume.astype(dtype), (spread * noise).astype(dtype)


@pytest.mark.parametrize("sign", [-1, -0.3, 0, 0.5, 1])
@pytest.mark.parametrize("spread", [0.2, 1, 3])
def test_a_half_has_a_spread_of_1(spread, sign):
    volume, noise = halves(spread, "float16")
    found = half(volume, noise, spread, sign)
    assert found.dtype == np.float32
    assert float(found.std()) == pytest.approx(1, abs=0.01)


def test_even_and_odd_are_the_volume_plus_and_minus_its_noise():
    volume, noise = halves(0.75)
    even, odd = (half(volume, noise, 0.75, sign) for sign in (1, -1))
    np.testing.assert_allclose(1.25 * even, volume + noise, atol=1e-5)
    np.testing.assert_allclose(1.25 * (even + odd) / 2, volume, atol=1e-5)
    np.testing.assert_array_equal(half(volume, noise, 0.75, 0), volume)
