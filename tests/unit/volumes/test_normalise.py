from __future__ import annotations

import re
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy import ndimage

from picker.config import PreprocessSettings
from picker.volumes.normalise import prepared_volume, preprocess_volume
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
    monkeypatch.setattr("picker.volumes.statistics.MAX_QUANTILE_VOXELS", 300)
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


def test_gold_beads_do_not_set_the_whitening_filter():
    shape = (32, 64, 64)
    plain = ndimage.gaussian_filter(noise(shape) - 7, 0.7)
    beads, far = plain.copy(), np.ones(shape, bool)
    for centre_zyx in [(10, 12, 50), (20, 50, 20), (16, 30, 34)]:
        away = np.linalg.norm(
            np.moveaxis(np.indices(shape), 0, -1) - centre_zyx, axis=-1
        )
        beads[away < 3] -= 30 * plain.std()
        far &= away > 8
    settings = PreprocessSettings(whiten=True)
    without, with_gold = (
        preprocess_volume(volume, 10.0, settings)[0][far] for volume in (plain, beads)
    )
    # Clipped after whitening alone, .95.
    assert np.corrcoef(without, with_gold)[0, 1] > 0.98


@pytest.mark.parametrize("value", [0.0, 0.1, 3e7])
def test_a_constant_volume_is_refused_before_whitening(value):
    settings = PreprocessSettings(whiten=True)
    with pytest.raises(ValueError, match="volume is constant"):
        preprocess_volume(np.full(SHAPE, value), 10.0, settings)
    assert not whitened(np.zeros(SHAPE, np.float32), SHAPE)[0].any()


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
    monkeypatch.setattr("picker.volumes.statistics.MAX_QUANTILE_VOXELS", 10_000)
    volume = noise((60, 90, 120))
    tracemalloc.start()
    try:
        preprocess_volume(volume, 10.0, settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * volume.nbytes


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
    """A volume of values near 1e-38 once became NaN, without any message."""
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


@pytest.mark.parametrize("clip", ["sigma", "percentile", "none"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float16", "float32"])
def test_slices_of_the_file_s_own_numbers_are_those_of_the_whole(clip, dtype):
    volume = np.round(noise()).astype(dtype)
    settings = PreprocessSettings(clip=clip, particles_are="light")
    whole, *_ = preprocess_volume(volume.astype(np.float32), 10.0, settings)
    result, *_ = prepared_volume(volume, 10.0, settings)
    assert (result.shape, result.dtype) == (SHAPE, np.float16)
    for z in (slice(0, 5), slice(5, 64)):
        np.testing.assert_array_equal(result[z], whole[z].astype(np.float16))


def test_nothing_of_the_volume_s_size_is_made_before_its_slices(monkeypatch):
    monkeypatch.setattr("picker.volumes.statistics.MAX_QUANTILE_VOXELS", 10_000)
    volume = noise((60, 90, 120))
    tracemalloc.start()
    try:
        for clip in ("sigma", "percentile", "none"):
            prepared_volume(volume, 10.0, PreprocessSettings(clip=clip))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.3 * volume.nbytes


@pytest.mark.parametrize("clip", ["sigma", "percentile", "none"])
def test_whitening_takes_the_memory_of_one_spectrum(clip, monkeypatch):
    monkeypatch.setattr("picker.volumes.statistics.MAX_QUANTILE_VOXELS", 10_000)
    volume = noise((60, 90, 120))
    region = np.ones(volume.shape, bool)
    region[:5] = False
    spectrum = np.empty((60, 90, 61), np.complex64).nbytes
    tracemalloc.start()
    try:
        prepared_volume(
            volume, 10.0, PreprocessSettings(clip=clip, whiten=True), region
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.3 * spectrum
