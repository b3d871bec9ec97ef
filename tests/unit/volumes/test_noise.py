import numpy as np
import pytest

from picker.volumes.noise import noisy_copy


def test_a_noisy_copy_is_normalised_and_has_less_contrast():
    volume = np.random.default_rng(0).normal(size=(24, 32, 40)).astype(np.float16)
    copy = noisy_copy(volume, 0.7, "TS_1", 0)
    assert copy.dtype == np.float32
    assert copy.std() == pytest.approx(volume.std(dtype=np.float32), rel=0.01)
    kept = np.corrcoef(volume.ravel().astype(np.float32), copy.ravel())[0, 1]
    assert kept == pytest.approx(1 / np.sqrt(1 + 0.7**2), abs=0.01)


def test_each_copy_of_each_tomogram_has_noise_of_its_own():
    volume = np.zeros((8, 8, 8), np.float16)
    first = noisy_copy(volume, 0.7, "TS_1", 0)
    assert np.array_equal(first, noisy_copy(volume, 0.7, "TS_1", 0))
    assert not np.array_equal(first, noisy_copy(volume, 0.7, "TS_1", 1))
    assert not np.array_equal(first, noisy_copy(volume, 0.7, "TS_2", 0))
    assert not volume.any()
