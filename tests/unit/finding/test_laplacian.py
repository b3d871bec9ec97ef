import numpy as np
import pytest
from scipy import ndimage

from picker.finding import laplacian
from picker.finding.laplacian import dark_blobs

RNG = np.random.default_rng(0)
VOLUME = RNG.standard_normal((31, 42, 53)).astype(np.float32)
IMAGE = RNG.standard_normal((90, 81)).astype(np.float32)


def expected(values, sigma):
    """Return SciPy's, with kernels so long that their ends do not show."""
    return ndimage.gaussian_laplace(
        values.astype(np.float64), sigma, mode="nearest", truncate=8
    )


@pytest.mark.parametrize("values", [VOLUME, IMAGE])
@pytest.mark.parametrize(("sigma", "stride"), [(1.5, 1), (4.0, 1), (5.0, 3)])
def test_it_is_scipys_where_a_voxel_is_the_centre_of_a_place(values, sigma, stride):
    whole = expected(values, sigma)
    there = whole[(slice(stride // 2, None, stride),) * values.ndim]
    found = dark_blobs(values, sigma, stride)
    assert found.shape == tuple(-(-size // stride) for size in values.shape)
    found = found[tuple(slice(size) for size in there.shape)]
    np.testing.assert_allclose(found, there, atol=1e-4 * whole.std())


def test_places_of_an_even_stride_lie_between_voxels():
    smooth = ndimage.gaussian_filter(VOLUME.astype(np.float64), 3, truncate=8)
    # Between eight voxels: by a spline, for it hardly bends between them.
    places = np.meshgrid(*(np.arange(8) * 2 + 0.5 + 8,) * 3, indexing="ij")
    bent = ndimage.laplace(smooth)
    there = ndimage.map_coordinates(expected(VOLUME, 3.0), places, order=5)
    found = dark_blobs(VOLUME, 3.0, 2)[4:12, 4:12, 4:12]
    np.testing.assert_allclose(found, there, atol=0.01 * bent.std())


@pytest.mark.parametrize("values", [VOLUME, IMAGE])
def test_parts_and_blocks_change_nothing(values, monkeypatch):
    whole = dark_blobs(values, 3.0, 2)
    monkeypatch.setattr(laplacian, "PART", 1)
    monkeypatch.setattr(laplacian, "BLOCK", 5)
    np.testing.assert_allclose(
        dark_blobs(values, 3.0, 2), whole, atol=1e-5 * whole.std()
    )


def test_stored_precision_is_enough():
    whole = dark_blobs(VOLUME, 2.0)
    half = dark_blobs(VOLUME.astype(np.float16), 2.0)
    np.testing.assert_allclose(half, whole, atol=0.002 * whole.std())


def test_a_constant_has_no_blobs():
    flat = np.full((20, 20, 20), 7, np.float32)
    assert np.abs(dark_blobs(flat, 2.0)).max() < 1e-4
