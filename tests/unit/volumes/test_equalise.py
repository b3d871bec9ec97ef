"""Contrast that is evened out, tile by tile."""

from __future__ import annotations

import numpy as np
import pytest

from picker.config import PreprocessSettings
from picker.volumes.equalise import Equalising, equalised
from picker.volumes.normalise import prepared_volume

RNG = np.random.default_rng(0)


def of(image, tiles=4, clip=1e9):
    ends = {"low": float(image.min()), "high": float(image.max())}
    return equalised(image, Equalising(tiles=tiles, clip=clip, **ends))


def test_with_one_tile_it_is_the_share_of_darker_pixels():
    image = RNG.standard_normal((64, 80)).astype(np.float32)
    share = np.searchsorted(np.sort(image.ravel()), image) / image.size
    # A level is a 256th of the range; the fullest one has so many of the pixels.
    assert np.abs(of(image, tiles=1) - share).max() < 0.02


@pytest.mark.parametrize("clip", [1.0, 4.0])
def test_contrast_is_raised_no_further_than_the_clip(clip):
    """What is cut off a level is spread over all, so that one more is possible."""
    image = RNG.standard_normal((64, 80)).astype(np.float32) * 1e-3
    image[0, :2] = (0, 1)
    order = np.argsort(image, axis=None)
    gray = image.ravel()[order].astype(float)

    def steepest(even):
        rise = np.diff(even.ravel()[order].astype(float))
        run = np.diff(gray)
        return (rise[run > 1e-5] / run[run > 1e-5]).max()

    assert steepest(of(image, tiles=1)) > 50
    assert clip <= steepest(of(image, tiles=1, clip=clip)) + 0.01 <= clip + 1.02


def test_a_slope_of_brightness_and_of_contrast_goes():
    noise = RNG.standard_normal((200, 400)).astype(np.float32)
    slope = np.linspace(0, 1, 400, dtype=np.float32)
    image = noise * (0.3 + slope) + 5 * slope
    even = of(image, tiles=10)
    parts = even.reshape(200, 8, 50)
    assert np.ptp(image.reshape(200, 8, 50).mean(axis=(0, 2))) > 4
    assert np.ptp(parts.mean(axis=(0, 2))) < 0.1
    assert parts.std(axis=(0, 2)).max() < 1.3 * parts.std(axis=(0, 2)).min()


def test_there_are_no_seams():
    """What is the same gray everywhere changes slowly from tile to tile."""
    image = RNG.standard_normal((120, 150)).astype(np.float32)
    image += np.linspace(0, 3, 150, dtype=np.float32)
    image[::2] = 1.0
    even = of(image, tiles=5)[::2]
    assert np.abs(np.diff(even, axis=1)).max() < 0.03
    assert np.ptp(even) > 0.3


@pytest.mark.parametrize(
    "settings",
    [
        {"equalise": True},
        {"smooth": 15.0},
        {"equalise": True, "smooth": 15.0, "whiten": True, "target_voxel_size": 13.0},
        {"equalise": True, "clip": "none", "particles_are": "light"},
    ],
)
def test_a_micrograph_is_made_again_the_same_to_the_last_digit(settings):
    image = RNG.normal(7, 3, (1, 70, 90)).astype(np.float32)
    image[0, 20, 30] = 500
    before = image.copy()
    made, voxel_size, _, steps = prepared_volume(
        image, 10.0, PreprocessSettings(**settings)
    )
    again = steps.of(image)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(made[:], again[:])
    assert made.shape[0] == 1
    assert voxel_size == pytest.approx(settings.get("target_voxel_size", 10), rel=0.01)
    values = made.part(slice(None), np.float32)
    assert abs(values.mean()) < 1e-4
    assert values.std() == pytest.approx(1, abs=1e-3)
    assert np.abs(values).max() < 60


def test_smoothing_takes_noise_away_and_outliers_do_not_spread():
    image = RNG.standard_normal((1, 128, 128)).astype(np.float32)
    image[0, 64, 64] = 1e4
    plain, smooth = (
        prepared_volume(image, 10.0, PreprocessSettings(smooth=width))[0]
        for width in (0.0, 20.0)
    )
    steps = [np.abs(np.diff(one[:][0].astype(float))).mean() for one in (plain, smooth)]
    assert steps[1] < 0.5 * steps[0]
    assert np.abs(smooth[:]).max() < 6


def test_tomograms_are_not_equalised():
    volume = RNG.standard_normal((16, 20, 20)).astype(np.float32)
    with pytest.raises(ValueError, match=r"16 slices, but preprocess\.equalise evens"):
        prepared_volume(volume, 10.0, PreprocessSettings(equalise=True))


def test_micrographs_are_rescaled_in_two_dimensions():
    y, x = np.ogrid[:120, :150]
    image = (np.sin(y / 9) + np.cos(x / 11)).astype(np.float32)[None]
    settings = PreprocessSettings(clip="none", target_voxel_size=15.0)
    made, _, _, _ = prepared_volume(image, 5.0, settings)
    assert made.shape == (1, 41, 51)
    expected = (image - image.mean()) / image.std()
    inner = made[:][0, 5:35, 5:45].astype(float)
    np.testing.assert_allclose(inner, expected[0, ::3, ::3][5:35, 5:45], atol=0.05)
    with pytest.raises(ValueError, match="the volume's shortest axis 600 Å"):
        prepared_volume(image, 5.0, PreprocessSettings(target_voxel_size=700.0))
