from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy import fft

from picker.config import PreprocessSettings
from picker.volumes.normalise import preprocess_volume
from picker.volumes.spectrum import Whitening, fourier_crop, whitened
from picker.volumes.spectrum import filtered as spectrum_filtered
from tests.unit.volumes.test_normalise import PLAIN, blob, noise


def test_rescaled_blob_has_the_values_of_a_blob_drawn_there():
    shape, position = (31, 40, 47), (152.0, 190.0, 260.0)
    result = fourier_crop(blob(shape, 10.0, position, sigma=30.0), Fraction(7, 5))
    expected = blob(result.shape, 14.0, position, sigma=30.0)
    np.testing.assert_allclose(result, expected, atol=2e-3)


@pytest.mark.parametrize("ratio", [Fraction(2), Fraction(35, 26), Fraction(40, 3)])
def test_constant_stays_constant(ratio):
    result = fourier_crop(np.full((13, 20, 28), 3.5, np.float32), ratio)
    np.testing.assert_allclose(result, 3.5, rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("frequency", "kept"), [(0.15, 1.0), (0.35, 0.0), (0.45, 0.0)])
def test_frequencies_above_the_new_nyquist_vanish(axis, frequency, kept):
    # Voxels twice as large hold up to 0.25 cycles per old voxel.
    at = np.arange(61)
    wave = np.cos(2 * np.pi * frequency * at) * np.exp(-(((at - 31) / 10) ** 2))
    shape = [10, 14, 18]
    shape[axis] = 61
    volume = np.zeros(shape, np.float32)
    volume += wave.reshape([-1 if a == axis else 1 for a in range(3)])
    result = np.moveaxis(fourier_crop(volume, Fraction(2)), axis, -1)
    expected = np.broadcast_to(kept * wave[::2], result.shape)
    np.testing.assert_allclose(result, expected, atol=2e-3)


@pytest.mark.parametrize(("size", "expected"), [(24, 12), (25, 13), (1, 1), (2, 1)])
def test_half_as_many_voxels_for_twice_the_size(size, expected):
    result = fourier_crop(noise((size, 20, 28)), Fraction(2))
    assert result.shape == (expected, 10, 14)


def test_faces_do_not_ring_into_each_other():
    volume = noise((31, 40, 56)) * 0
    volume += np.linspace(-5, 5, 31, dtype=np.float32)[:, None, None]
    result = fourier_crop(volume, Fraction(2))
    expected = np.linspace(-5, 5, 16)[:, None, None]
    assert np.abs(result - expected).max() < 1.0
    assert np.abs(result - expected)[3:-3].max() < 0.2


def frequencies(shape):
    return np.sqrt(
        np.fft.fftfreq(shape[0])[:, None, None] ** 2
        + np.fft.fftfreq(shape[1])[:, None] ** 2
        + np.fft.rfftfreq(shape[2]) ** 2
    )


def filtered(volume, gain):
    spectrum = np.fft.rfftn(volume) * gain(frequencies(volume.shape))
    return np.fft.irfftn(spectrum, s=volume.shape, axes=(0, 1, 2)).astype(np.float32)


def power(volume, low, high):
    frequency = frequencies(volume.shape)
    inside = (frequency >= low) & (frequency < high)
    return (np.abs(np.fft.rfftn(volume)) ** 2)[inside].mean()


def smoothed(frequency):
    return np.exp(-((frequency / 0.3) ** 2))


def test_whitened_noise_has_the_same_power_at_all_frequencies():
    given = filtered(noise((40, 51, 60)), smoothed)
    assert power(given, 0.05, 0.1) > 30 * power(given, 0.4, 0.45)
    result, _ = whitened(given, given.shape)
    bands = [power(result, 0.05 * i, 0.05 * (i + 1)) for i in range(1, 9)]
    assert max(bands) < 1.15 * min(bands)


def test_whitening_does_not_amplify_rounding():
    band = filtered(noise((40, 51, 60)), lambda f: (f < 0.2) * 1.0)
    result, _ = whitened(band + 1e-4 * noise(band.shape, seed=1), band.shape)
    assert power(result, 0.3, 0.5) < 0.01 * power(result, 0.1, 0.2)


def test_whitening_makes_differently_smoothed_volumes_alike():
    volume = noise((40, 51, 60)) + 30 * blob((40, 51, 60), 1.0, (20, 20, 30), 2.0)
    one, other = volume, filtered(volume, lambda f: np.exp(-((f / 0.5) ** 2)))
    settings = PreprocessSettings(clip="none", whiten=True)
    before = [preprocess_volume(v, 10.0, PLAIN)[0] for v in (one, other)]
    after = [preprocess_volume(v, 10.0, settings)[0] for v in (one, other)]
    assert np.abs(before[0] - before[1]).mean() > 0.3
    assert np.abs(after[0] - after[1]).mean() < 0.1


def test_whitening_leaves_particles_where_they_are_and_its_input_alone():
    position = (17.0, 21.0, 33.0)
    volume = -blob((36, 44, 60), 1.0, position, 2.0)
    before = volume.copy()
    settings = PreprocessSettings(clip="none", whiten=True)
    result = preprocess_volume(volume, 10.0, settings)[0]
    np.testing.assert_array_equal(volume, before)
    assert np.unravel_index(result.argmin(), result.shape) == position


@pytest.mark.parametrize("shape", [(17, 20, 33), (16, 24, 30)])
def test_filtering_is_that_of_a_transform_at_once(shape):
    volume = noise(shape)
    _, whitening = whitened(volume, shape)
    gain = np.exp(-np.interp(frequencies(shape), *whitening)).astype(np.float32)
    spectrum = fft.rfftn(volume, workers=1)
    spectrum[0, 0, 0] = 0
    expected = fft.irfftn(spectrum * gain, s=shape, workers=1)
    np.testing.assert_array_equal(spectrum_filtered(volume, shape, whitening), expected)


def test_filtering_takes_the_memory_of_one_spectrum():
    shape = (40, 120, 120)
    slices = (noise((1, *shape[1:]), seed=i)[0] for i in range(shape[0]))
    tracemalloc.start()
    try:
        spectrum_filtered(slices, shape, Whitening((0.0, 0.5), (0.0, 0.0)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * np.empty((40, 120, 61), np.complex64).nbytes
