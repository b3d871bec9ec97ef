from __future__ import annotations

import re
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from picker.config import Particle, PreprocessSettings, SimulateSettings
from picker.volumes.normalise import check_contrast, preprocess_volume
from picker.volumes.phantoms.simulate import simulate_tomogram
from picker.volumes.spectrum import fourier_crop, whitened

SHAPE = (12, 20, 28)
PLAIN = PreprocessSettings(clip="none")


def noise(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(7, 3, shape).astype(np.float32)


def blob(shape, voxel_size, position, sigma):
    square = sum(
        (g * voxel_size - p) ** 2
        for g, p in zip(
            np.ogrid[tuple(slice(0, n) for n in shape)], position, strict=True
        )
    )
    return np.exp(square / (-2 * sigma**2)).astype(np.float32)


def centre(volume):
    weight = np.where(volume > 0.05 * volume.max(), volume, 0).astype(np.float64)
    return np.array([(weight * g).sum() for g in np.indices(volume.shape)]) / (
        weight.sum()
    )


@pytest.mark.parametrize("clip", ["sigma", "percentile", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint16", ">f4"])
def test_result_has_mean_0_and_deviation_1(clip, dtype):
    volume = np.round(noise() * 4 + 20).astype(dtype)
    before = volume.copy()
    result, voxel_size, warnings = preprocess_volume(
        volume, 10.0, PreprocessSettings(clip=clip)
    )
    assert result.dtype == np.float32
    assert result.shape == SHAPE
    assert abs(float(result.mean())) < 1e-5
    assert float(result.std()) == pytest.approx(1, abs=1e-5)
    assert voxel_size == 10.0
    assert warnings == []
    np.testing.assert_array_equal(volume, before)


def test_clip_sigma_cuts_at_three_deviations_then_normalises_again():
    volume = noise()
    volume[4, 5, 6] = 500.0  # a gold bead
    expected = (volume - volume.mean()) / volume.std()
    expected = np.clip(expected, -3, 3)
    expected = (expected - expected.mean()) / expected.std()
    result, _, _ = preprocess_volume(volume, 10.0, PreprocessSettings())
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_clip_percentile_cuts_both_tails():
    volume = np.arange(12 * 20 * 28, dtype=np.float32).reshape(SHAPE)
    settings = PreprocessSettings(clip="percentile", clip_percentiles=(0.1, 0.75))
    result, _, _ = preprocess_volume(volume, 10.0, settings)
    share_low = np.mean(result == result.min())
    share_high = np.mean(result == result.max())
    assert share_low == pytest.approx(0.1, abs=1e-3)
    assert share_high == pytest.approx(0.25, abs=1e-3)


def test_percentiles_of_large_volumes_come_from_all_columns(monkeypatch):
    monkeypatch.setattr("picker.volumes.normalise.MAX_QUANTILE_VOXELS", 300)
    volume = noise((12, 20, 28))
    volume += np.arange(28, dtype=np.float32) * 10
    settings = PreprocessSettings(clip="percentile", clip_percentiles=(0.2, 0.8))
    result, _, _ = preprocess_volume(volume, 10.0, settings)
    assert np.mean(result == result.max()) == pytest.approx(0.2, abs=0.06)


def test_light_particles_become_dark():
    volume = noise()
    dark, _, _ = preprocess_volume(volume, 10.0, PLAIN)
    settings = PreprocessSettings(clip="none", particles_are="light")
    light, _, _ = preprocess_volume(volume, 10.0, settings)
    np.testing.assert_allclose(light, -dark, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "voxel_size", "target", "ratio"),
    [
        ((33, 41, 52), 5.0, 10.0, (2, 1)),
        ((37, 40, 50), 10.0, 13.48, (27, 20)),
        ((31, 45, 53), 10.012, 15.0, (3, 2)),
        ((47, 53, 60), 4.0, 13.33, (10, 3)),
    ],
)
def test_blob_stays_where_it_was(shape, voxel_size, target, ratio):
    position = (np.array(shape) - 1) * voxel_size * np.array([0.52, 0.47, 0.55])
    volume = blob(shape, voxel_size, position, sigma=1.3 * target)
    settings = PreprocessSettings(clip="none", target_voxel_size=target)
    result, new_size, warnings = preprocess_volume(volume, voxel_size, settings)
    assert warnings == []
    assert new_size == pytest.approx(voxel_size * ratio[0] / ratio[1], rel=1e-12)
    assert new_size == pytest.approx(target, rel=3e-3)
    moved = centre(result - np.median(result)) * new_size - position
    assert np.abs(moved).max() < 0.02 * new_size
    # The centre of the last old voxel lies within the last new one.
    last = (np.array(shape) - 1) * voxel_size / new_size
    assert (np.abs(last - (np.array(result.shape) - 1)) <= 0.5 + 1e-9).all()


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


def test_voxel_sizes_that_are_the_same_are_kept():
    settings = PreprocessSettings(clip="none", target_voxel_size=10.009)
    result, voxel_size, warnings = preprocess_volume(noise(), 10.0, settings)
    assert (result.shape, voxel_size, warnings) == (SHAPE, 10.0, [])


@pytest.mark.parametrize("target", [10.0, 10.09])
def test_nearly_the_same_voxel_size_is_kept_with_a_warning(target):
    settings = PreprocessSettings(target_voxel_size=target)
    _, voxel_size, warnings = preprocess_volume(noise(), 10.05, settings)
    if target == 10.0:
        assert warnings == [
            "voxel size 10.05 Å is within 1% of preprocess.target_voxel_size 10 Å"
            " and was kept"
        ]
    assert voxel_size == 10.05


def test_error_on_larger_voxels_than_asked_for():
    settings = PreprocessSettings(target_voxel_size=8.0)
    with pytest.raises(ValueError, match="voxel size is 10 Å, expected at most"):
        preprocess_volume(noise(), 10.0, settings)
    with pytest.raises(ValueError, match="expected a ratio of at least 1"):
        fourier_crop(noise(), Fraction(1, 2))


@pytest.mark.parametrize("target", [5000.0, 1e9, 1e300])
def test_voxels_larger_than_the_volume_are_refused(target):
    volume = noise()
    match = rf"is {re.escape(f'{target:g}')} Å, and the volume's shortest axis \d+ Å"
    with pytest.raises(ValueError, match=match):
        preprocess_volume(volume, 10.0, PreprocessSettings(target_voxel_size=target))


def test_rescaling_leaves_its_input_alone():
    volume = noise()
    before = volume.copy()
    preprocess_volume(volume, 5.0, PreprocessSettings(target_voxel_size=7.5))
    np.testing.assert_array_equal(volume, before)


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
    result = whitened(given)
    bands = [power(result, 0.05 * i, 0.05 * (i + 1)) for i in range(1, 9)]
    assert max(bands) < 1.15 * min(bands)


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


@pytest.mark.parametrize("shape", [(1, 20, 28), (2, 3, 5), (1, 1, 2), (64, 9, 3)])
@pytest.mark.parametrize("half", [True, False])
def test_whitening_takes_any_shape_and_a_region(shape, half):
    region = None
    if half:  # what lies outside has no density at all
        region = np.ones(shape, bool)
        region[..., : shape[2] // 3] = False
    volume = noise(shape)
    if region is not None:
        volume[~region] = 0
    settings = PreprocessSettings(clip="none", whiten=True)
    result, _, _ = preprocess_volume(volume, 10.0, settings, region)
    inside = result if region is None else result[region]
    assert result.shape == shape
    assert np.isfinite(result).all()
    assert float(inside.mean()) == pytest.approx(0, abs=1e-5)
    assert float(inside.std()) == pytest.approx(1, abs=1e-5)


def test_whitening_does_not_blow_up_what_rounding_left():
    band = filtered(noise((40, 51, 60)), lambda f: (f < 0.2) * 1.0)
    result = whitened(band + 1e-4 * noise(band.shape, seed=1))
    assert power(result, 0.3, 0.5) < 0.01 * power(result, 0.1, 0.2)


@pytest.mark.parametrize("value", [0.0, 0.1, 3e7])
def test_a_constant_volume_is_refused_before_whitening(value):
    settings = PreprocessSettings(whiten=True)
    with pytest.raises(ValueError, match="volume is constant"):
        preprocess_volume(np.full(SHAPE, value), 10.0, settings)
    assert not whitened(np.zeros(SHAPE, np.float32)).any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_error_on_voxels_that_are_not_finite(value):
    volume = noise()
    volume[1, 2, 3] = value
    with pytest.raises(ValueError, match="volume has 1 of 6720 voxels that are not"):
        preprocess_volume(volume, 10.0, PLAIN)


@pytest.mark.parametrize("value", [0.0, 0.1, 3e7])
def test_error_on_a_constant_volume(value):
    with pytest.raises(ValueError, match="volume is constant"):
        preprocess_volume(np.full(SHAPE, value), 10.0, PreprocessSettings())


def test_errors_on_wrong_input():
    with pytest.raises(ValueError, match=r"shape \(20, 28\), expected three axes"):
        preprocess_volume(noise((20, 28)), 10.0, PLAIN)
    with pytest.raises(ValueError, match=r"voxel size is 0\.0 Å, expected more"):
        preprocess_volume(noise(), 0.0, PLAIN)
    with pytest.raises(ValueError, match="expected the lower fraction first"):
        PreprocessSettings(clip="percentile", clip_percentiles=(0.9, 0.1))


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        (PreprocessSettings(), 1.3),
        (PreprocessSettings(clip="percentile"), 1.3),
        (PreprocessSettings(target_voxel_size=15.0), 1.6),
        (PreprocessSettings(whiten=True), 3.3),
    ],
)
def test_little_memory_is_used_beside_the_input(settings, most, monkeypatch):
    monkeypatch.setattr("picker.volumes.normalise.MAX_QUANTILE_VOXELS", 10_000)
    volume = noise((60, 90, 120))
    tracemalloc.start()
    try:
        preprocess_volume(volume, 10.0, settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * volume.nbytes


PARTICLES = (
    Particle(name="ribosome", radius=120),
    Particle(name="apo-ferritin", radius=65),
)


@pytest.fixture(scope="module")
def phantom():
    settings = SimulateSettings(shape_zyx=(40, 88, 96), particles_per_class=6)
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, settings)
    radii = {p.name: p.radius / 10 for p in PARTICLES}
    radius = np.array([radii[str(name)] for name in picks.particle])
    return tomogram.volume, picks.position_zyx / tomogram.voxel_size, radius


@pytest.mark.parametrize("scale", [1.0, 20.0])
@pytest.mark.parametrize("are", ["dark", "light"])
@pytest.mark.parametrize("said", ["dark", "light"])
def test_contrast_warning_comes_for_the_wrong_polarity_only(phantom, are, said, scale):
    dark, index, radius = phantom
    volume = scale * dark * (1 if are == "dark" else -1) + 100
    warning = check_contrast(volume, index, radius, said)
    if are == said:
        assert warning is None
    else:
        assert f"at {len(index)} known picks" in warning
        assert warning.startswith(f"particles are {are}er than their surroundings")
        assert warning.endswith(f"set preprocess.particles_are: {are}")


def test_contrast_holds_for_hollow_particles_alone(phantom):
    dark, index, radius = phantom
    hollow = radius < 7
    assert hollow.sum() >= 5
    assert check_contrast(dark, index[hollow], radius[hollow], "dark") is None
    assert check_contrast(dark, index[hollow], radius[hollow], "light") is not None


def test_contrast_is_silent_where_nothing_can_be_said():
    volume = noise((24, 40, 56))
    index = np.random.default_rng(1).uniform(4, 20, (12, 3))
    assert check_contrast(volume, index, 3.0) is None
    light = blob(volume.shape, 1.0, (12, 20, 28), 3.0)
    assert check_contrast(light, np.array([[12.0, 20.0, 28.0]]), 5.0) is None
    assert check_contrast(volume, np.empty((0, 3)), np.empty(0)) is None
    assert check_contrast(volume, np.full((8, 3), 500.0), 3.0) is None
    assert check_contrast(volume, np.full((8, 3), -500.0), 3.0) is None
    assert check_contrast(volume * np.nan, index, 3.0) is None


@pytest.mark.parametrize("clip", ["sigma", "percentile", "none"])
def test_statistics_are_those_of_the_region(clip):
    volume = noise((40, 40, 40))
    region = np.zeros(volume.shape, bool)
    region[10:30] = True
    volume[~region] = 500  # the void around a lamella
    settings = PreprocessSettings(clip=clip)
    result, _, _ = preprocess_volume(volume, 10.0, settings, region)
    assert abs(float(result[region].mean())) < 1e-4
    assert float(result[region].std()) == pytest.approx(1, abs=1e-4)
    everywhere, _, _ = preprocess_volume(volume, 10.0, settings)
    assert float(everywhere[region].std()) < 0.1


def test_a_region_follows_the_volume_to_larger_voxels():
    volume = noise((40, 40, 40))
    region = np.zeros(volume.shape, bool)
    region[:, 10:30] = True
    settings = PreprocessSettings(clip="none", target_voxel_size=20.0)
    result, voxel_size, _ = preprocess_volume(volume, 10.0, settings, region)
    assert voxel_size == 20.0
    inside = result[:, 5:15]
    assert abs(float(inside.mean())) < 1e-4
    assert float(inside.std()) == pytest.approx(1, abs=1e-4)


def test_an_empty_region_is_an_error():
    with pytest.raises(ValueError, match=r"region has no voxel; .* check the mask"):
        preprocess_volume(noise(), 10.0, PLAIN, np.zeros(SHAPE, bool))


@pytest.mark.parametrize("exponent", [-130, -126, -60, 60, 120])
@pytest.mark.parametrize("clip", ["sigma", "percentile", "none"])
@pytest.mark.parametrize("more", [{}, {"whiten": True}, {"target_voxel_size": 15.0}])
def test_the_unit_of_the_densities_does_not_matter(exponent, clip, more):
    """Of 1e-38 one became NaN throughout, without a word."""
    # Few digits, as numbers near the smallest have few.
    volume = np.round(noise() * 64).astype(np.float32)
    settings = PreprocessSettings(clip=clip, **more)
    expected, _, _ = preprocess_volume(volume, 10.0, settings)
    scaled = np.ldexp(volume, exponent - 6)
    before = scaled.copy()
    found, _, _ = preprocess_volume(scaled, 10.0, settings)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(scaled, before)


def test_what_float16_does_not_hold_is_an_error():
    volume = noise((20, 20, 20))
    region = np.zeros(volume.shape, bool)
    region[5:15] = True
    volume[0, 0, 0] = 1e6
    match = r"values reach .*e\+05 standard deviations, .*set preprocess\.clip: sigma"
    with pytest.raises(ValueError, match=match):
        preprocess_volume(volume, 10.0, PreprocessSettings(clip="none"), region)
    found, _, _ = preprocess_volume(volume, 10.0, PreprocessSettings(), region)
    assert np.isfinite(found.astype(np.float16)).all()
