"""IMOD's models: another binning, a flipped volume, contours of several points."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from picker.config import Particle
from picker.formats.picks import imod
from picker.formats.picks.given import read_given_picks

SHAPE = (60, 120, 160)
V = 10.0
SCATTERED, OPEN, CLOSED = 1 << 9, 1 << 3, 0
POINTS = [(10.5, 12.5, 5.0), (70.5, 50.5, 25.0)]
PLACES = [[5, 12, 10], [25, 50, 70]]


def write_model(
    path, *objects, size=(160, 120, 60), pixel=(1.0, 0), flags=0, minx=None, corner=0.0
):
    """Write objects (flags, contours); size x, y, z; pixel size and its unit."""
    raw = b"IMODV1.2" + struct.pack(">128s4iI4i", b"", *size, 1, flags, 1, 1, 0, 255)
    raw += struct.pack(">6f5if2i3f", *[0] * 11, *pixel, 0, 0, 0, 0)
    for kind, contours in objects:
        name = b"virus".ljust(128, b"\0")
        head = (len(contours), kind, 0, 1, 0, 1, 0, 0, *[1] * 8, 0, 0)
        raw += b"OBJT" + name + struct.pack(">iI2i3fi8B2i", *head)
        for points in contours:
            raw += b"CONT" + struct.pack(">iI2i", len(points), 0, 0, 0)
            raw += np.array(points, ">f4").tobytes()
    if minx:
        # Old scale, shift and rotation, then the current ones.
        numbers = [0] * 9 + [minx] * 3 + [corner] * 3 + [0] * 3
        raw += b"MINX" + struct.pack(">i18f", 72, *numbers)
    path.write_bytes(raw + b"IEOF")
    return path


def read(path, shape=SHAPE, v=V, **more):
    particles = [Particle(name="virus", radius=100)]
    picks, warnings = read_given_picks([path], "TS_1", particles, v, shape, **more)
    return picks.position_zyx / v, warnings


def scattered(path, points=POINTS, **more):
    return write_model(path, (SCATTERED, [points]), **more)


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


def test_an_object_without_a_name_takes_the_files_and_no_other_does(tmp_path):
    path = scattered(tmp_path / "bead.mod")
    raw = path.read_bytes()
    start = raw.index(b"OBJT")
    path.write_bytes(raw[:-4] + raw[start:].replace(b"virus", bytes(5)))
    particles = [Particle(name=name, radius=1) for name in ("virus", "bead")]
    picks, _ = read_given_picks([path], "TS_1", particles, V, SHAPE)
    assert picks.particle.tolist() == ["virus", "virus", "bead", "bead"]


def test_a_model_drawn_on_a_flipped_volume(tmp_path):
    swapped = [(x, z, y) for x, y, z in POINTS]
    for size in ((160, 60, 120), (80, 30, 60)):
        path = scattered(tmp_path / "a.mod", swapped, size=size, flags=1 << 16)
        places, _ = read(path)
        assert places.tolist() == (np.array(PLACES) * (160 / size[0])).tolist()


TWO = [POINTS, [(0.5, 0.5, 0.0), (20.5, 10.5, 4.0), (1.5, 2.5, 5.0)]]


def test_contours_that_may_be_anything_are_refused(tmp_path):
    for kind in (OPEN, CLOSED):
        path = write_model(tmp_path / "a.mod", (SCATTERED, [POINTS]), (kind, TWO))
        with pytest.raises(ValueError, match="has 2 contours of 2 to 3 points") as e:
            read(path)
        assert "each of their 5 points is a pick, the first at voxel (10, 12, 5)" in (
            str(e.value)
        )
        assert "each contour's middle, the first at (40, 31, 15)" in str(e.value)
        assert "tomograms.contours (picker convert --contours)" in str(e.value)


def test_contours_are_read_as_the_user_says(tmp_path):
    one = [(2.5, 3.5, 4.0)]
    path = write_model(tmp_path / "a.mod", (OPEN, [*TWO, one]), (SCATTERED, [POINTS]))
    found = imod.read_model(path)
    assert found.drawn is not None
    assert found.drawn.contour.tolist() == [0, 0, 1, 1, 1, -1, -1, -1]
    points, _ = read(path, contours="points")
    assert len(points) == 6  # two of eight are there twice
    middles, _ = read(path, contours="middles")
    np.testing.assert_allclose(
        middles, [[15, 31, 40], [3, 4, 7], [4, 3, 2], *PLACES], rtol=1e-6
    )


def test_sure_contours_need_no_word(tmp_path):
    path = write_model(tmp_path / "a.mod", (CLOSED, [[p] for p in POINTS]))
    assert read(path)[0].tolist() == PLACES
