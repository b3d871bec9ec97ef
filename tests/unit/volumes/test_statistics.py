"""Statistics by block are those of the whole volume."""

from __future__ import annotations

import numpy as np
import pytest

from picker.volumes.statistics import (
    BLOCK,
    MAX_QUANTILE_VOXELS,
    Limits,
    extremes,
    mean_and_spread,
    quantiles,
)

SHAPE = (5, 40, BLOCK // 16)  # several blocks a slice, the last one smaller


def volume(dtype, offset=20.0):
    values = np.random.default_rng(0).normal(0, 3, SHAPE) + offset
    values[3] += 50  # slices differ
    return values.astype(dtype)


def some():
    region = np.zeros(SHAPE, np.bool_)
    region[1, 3:] = True
    region[3, 7:9, ::3] = True
    return region


@pytest.mark.parametrize("region", [None, some()])
@pytest.mark.parametrize("limits", [None, Limits(np.float32(15), np.float32(60))])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", ">i2"])
def test_mean_and_spread_are_those_of_all_voxels_at_once(dtype, limits, region):
    given = volume(dtype)
    values = given.astype(np.float64)
    if limits:
        values = np.clip(values, *limits)
    if region is not None:
        values = values[region]
    mean, spread = mean_and_spread(given, region, limits)
    assert mean == pytest.approx(values.mean(), rel=1e-12)
    assert spread == pytest.approx(values.std(), rel=1e-12)


def test_a_large_mean_does_not_swallow_the_spread():
    given = volume(np.float32, 1e6)
    _, spread = mean_and_spread(given, None)
    assert spread == pytest.approx(given.astype(np.float64).std(), rel=1e-12)


def test_extremes_tell_of_voxels_that_are_not_finite():
    given = volume(np.float32)
    assert extremes(given) == (given.min(), given.max())
    given[1, 2, 3] = np.nan
    assert np.isnan(extremes(given)).any()
    given[1, 2, 3] = -np.inf
    assert extremes(given)[0] == -np.inf


@pytest.mark.parametrize("region", [None, some()])
@pytest.mark.parametrize("most", [MAX_QUANTILE_VOXELS, 7000])
def test_percentiles_are_those_of_evenly_spread_voxels(most, region, monkeypatch):
    monkeypatch.setattr("picker.volumes.statistics.MAX_QUANTILE_VOXELS", most)
    given = volume(np.float32)[:, :, :2047]  # rows apart in memory
    region = None if region is None else region[:, :, :2047]
    values = given.reshape(-1) if region is None else given[region]
    step = -(-values.size // most)
    while region is None and np.gcd(step, 40 * 2047) > 1:
        step += 1
    expected = np.quantile(values[::step], (0.1, 0.9))
    np.testing.assert_array_equal(quantiles(given, region, (0.1, 0.9)), expected)
