"""IMOD models that were drawn in another binning or on a flipped volume."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.formats.picks.imod_models import (
    PLACES,
    POINTS,
    SHAPE,
    V,
    read,
    scattered,
)


@pytest.mark.parametrize(
    ("size", "pixel", "shape", "v", "factor"),
    [
        ((160, 120, 60), (2.0, -9), SHAPE, V, 1),  # the pixel size does not matter
        ((159, 121, 60), (1.0, 0), SHAPE, V, 1),
        ((80, 60, 30), (2.0, -9), SHAPE, V, 2),
        ((80, 60, 30), (1.0, 0), SHAPE, V, 2),
        ((80, 60, 30), (1.0, -9), SHAPE, V, 2),  # sizes count, not a wrong header
        ((160, 120, 60), (1.0, 0), (121, 239, 319), 5.0, 2),
        ((320, 240, 120), (1.0, 0), SHAPE, V, 0.5),
        ((118, 89, 44), (1.35, -9), SHAPE, V, 1.35),
    ],
)
def test_a_model_of_another_binning(tmp_path, size, pixel, shape, v, factor):
    path = scattered(tmp_path / "a.mod", size=size, pixel=pixel)
    places, warnings = read(path, shape, v)
    np.testing.assert_allclose(places, np.array(PLACES) * factor, rtol=1e-7)
    told = [text for text in warnings if "voxel 0 in place" in text]
    assert len(told) == (factor != 1)
    assert all(f"are taken {factor:g} times" in text for text in told)


def test_a_size_that_no_factor_fits_is_an_error_with_both_readings(tmp_path):
    path = scattered(tmp_path / "a.mod", size=(80, 60, 60), pixel=(20.0, -10))
    with pytest.raises(ValueError, match=r"drawn on 80 x 60 x 60 voxels of 20 Å") as e:
        read(path)
    assert "the tomogram has 160 x 120 x 60 of 10 Å" in str(e.value)
    assert "a voxel of the tomogram is (10, 12, 5), read as one of that" in str(e.value)
    assert "volume (20, 24, 10)" in str(e.value)
    assert "picker convert a.mod --unit voxels --to picker" in str(e.value)


def test_a_model_of_a_part_is_told_from_another_binning(tmp_path):
    part = {"size": (100, 100, 60), "minx": 10.0}
    path = scattered(tmp_path / "a.mod", flags=1 << 14, corner=-300.0, **part)
    with pytest.raises(ValueError, match="on a part of a volume, 100 x 100 x 60") as e:
        read(path)
    assert "open it in 3dmod with all of that" in str(e.value)
    assert "--unit" not in str(e.value)
    for more in ({"flags": 1 << 14}, {"corner": -300.0}):
        with pytest.raises(ValueError, match="or one factor between them on all axes"):
            read(scattered(path, **part, **more))


def test_a_part_that_happens_to_be_half_the_tomogram_is_no_binning(tmp_path):
    part = {"size": (80, 60, 30), "flags": 1 << 14, "minx": 10.0, "corner": -300.0}
    with pytest.raises(ValueError, match="drawn on a part of a volume, 80 x 60 x 30"):
        read(scattered(tmp_path / "a.mod", **part))


@pytest.mark.parametrize("size", [(144, 108, 54), (160, 120, 40)])
def test_voxels_of_one_size_and_fewer_are_a_part(tmp_path, size):
    path = scattered(tmp_path / "a.mod", size=size, pixel=(1.0, -9))
    with pytest.raises(ValueError, match="it may be of a part: open it") as error:
        read(path)
    assert "convert it: picker convert a.mod --unit voxels" in str(error.value)
    # By half it is rather a header that binning left as it was; both are told.
    places, (warning,) = read(scattered(path, size=(80, 60, 30), pixel=(1.0, -9)))
    assert places.tolist() == (2 * np.array(PLACES)).tolist()
    assert "if 10 Å is right, it was drawn on a part of the tomogram" in warning


def test_a_factor_that_the_pixel_sizes_deny_is_an_error(tmp_path):
    path = scattered(tmp_path / "a.mod", size=(144, 108, 54), pixel=(2.0, -9))
    with pytest.raises(ValueError, match="was drawn on 144 x 108 x 54 voxels of 20 Å"):
        read(path)
    assert "1.11111 times" in read(scattered(path, size=(144, 108, 54)))[1][0]


@pytest.mark.parametrize("told", [{"pixel": (2.0, -9)}, {"minx": 20.0}])
def test_an_unknown_size_and_other_pixels_are_an_error_with_both(tmp_path, told):
    path = scattered(tmp_path / "a.mod", size=(0, 0, 0), **told)
    with pytest.raises(ValueError, match="pixels of 20 Å, and the tomogram's") as error:
        read(path)
    assert "is voxel (20, 24, 10) read as pixels of 20 Å, voxel (10, 12, 5) read" in (
        str(error.value)
    )
    assert "--voxel-size 20 --shape 30 60 80 --unit voxels" in str(error.value)
    far = [*POINTS, (120.5, 50.5, 25.0)]
    places, (warning,) = read(scattered(path, far, size=(0, 0, 0), **told))
    assert places.tolist() == [*PLACES, [25, 50, 120]]
    assert warning.endswith("is taken as voxel (10, 12, 5), as scaled ones lie outside")


@pytest.mark.parametrize("pixel", [(1.0, 0), (1.0, -9), (0.1, -9)])
def test_an_unknown_size_is_taken_as_the_tomograms(tmp_path, pixel):
    path = scattered(tmp_path / "a.mod", size=(0, 0, 0), pixel=pixel)
    places, warnings = read(path)
    assert places.tolist() == PLACES
    assert warnings == []


def test_a_size_that_is_the_points_own_says_nothing(tmp_path):
    """As point2model writes it without an image."""
    path = scattered(tmp_path / "a.mod", size=(81, 61, 26))
    places, warnings = read(path)
    assert places.tolist() == PLACES
    assert warnings == []
    with pytest.raises(ValueError, match="was drawn on 82 x 61 x 26 voxels"):
        read(scattered(path, size=(82, 61, 26)))


def test_a_size_that_ends_with_the_points_is_no_volumes(tmp_path):
    """As cylindra writes it."""
    path = scattered(tmp_path / "a.mod", size=(71, 51, 26))
    places, (warning,) = read(path)
    assert places.tolist() == PLACES
    assert "71 x 51 x 26 voxels, as far as its points reach" in warning
    # Points may reach to the last voxel of a volume that was binned.
    ends = [(79.5, 59.5, 29.0), *POINTS]
    places, (warning,) = read(scattered(path, ends, size=(80, 60, 30)))
    assert places[0].tolist() == [58, 118, 158]
    assert "are taken 2 times" in warning


def test_a_model_drawn_on_a_flipped_volume(tmp_path):
    swapped = [(x, z, y) for x, y, z in POINTS]
    for size in ((160, 60, 120), (80, 30, 60)):
        path = scattered(tmp_path / "a.mod", swapped, size=size, flags=1 << 16)
        places, _ = read(path)
        assert places.tolist() == (np.array(PLACES) * (160 / size[0])).tolist()
