"""Pixel sizes in STAR files: of rows, of optics groups, of other columns."""

from __future__ import annotations

import numpy as np
import pytest

from picker.formats.picks.known import read_known_picks
from tests.unit.formats.examples import PARTICLE
from tests.unit.formats.picks.star_examples import (
    FOUR,
    OPTICS,
    SHAPE,
    V,
    make_tomogram,
    places_of,
    read_back,
)


def test_relion4_takes_the_pixel_size_from_data_optics(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n2 2.5\n" + FOUR.format(shift=0))
    found, position = read_back(path, make_tomogram())
    np.testing.assert_array_equal(position, [[110, 0, 270]])
    assert (found.score.tolist(), found.warnings) == ([1], ())
    path.write_text(FOUR.format(shift=0))
    with pytest.raises(ValueError, match="add rlnTomoTiltSeriesPixelSize to its data_"):
        read_back(path, make_tomogram())
    _, position = read_back(path, make_tomogram(), tilt_pixel_size=2.5)
    np.testing.assert_array_equal(position, [[110, 0, 270]])
    path.write_text(OPTICS + "1 2.5\n2 3.5\n" + FOUR.format(shift=0))
    match = r"several pixel sizes \(\[2.5, 3.5\] Å\), .* no column rlnOpticsGroup"
    with pytest.raises(ValueError, match=match):
        read_back(path, make_tomogram())


SEVERAL = (
    "data_particles\nloop_\n_rlnTomoName\n_rlnOpticsGroup\n_rlnCoordinateX\n"
    "_rlnCoordinateY\n_rlnCoordinateZ\nTS_1 1 109 1 45\nTS_2 2 109 1 45\nTS_1 1 5 5 5\n"
)


def test_each_optics_group_has_its_pixel_size(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n2 2.0\n" + SEVERAL)
    assert places_of(path, "TS_1") == [[110, 0, 270], [10, 10, 10]]
    assert places_of(path, "TS_2") == [[88, 0, 216]]
    assert places_of(path, "TS_2", 2.5) == [[110, 0, 270]]
    with pytest.raises(ValueError, match=r"no picks of tomogram TS_3: .* TS_1, TS_2"):
        places_of(path, "TS_3")


def test_rows_may_say_their_pixel_size_themselves(tmp_path):
    path = tmp_path / "a.star"
    text = SEVERAL.replace("_rlnOpticsGroup", "_rlnTomoTiltSeriesPixelSize")
    path.write_text(text.replace("TS_1 1", "TS_1 2.5").replace("TS_2 2", "TS_2 2.0"))
    assert places_of(path, "TS_1") == [[110, 0, 270], [10, 10, 10]]
    assert places_of(path, "TS_2") == [[88, 0, 216]]


def test_one_tomogram_has_one_pixel_size(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n2 2.0\n" + SEVERAL.replace("TS_2", "TS_1"))
    match = r"one tomogram tilt series of several pixel sizes \(2, 2.5 Å\)"
    with pytest.raises(ValueError, match=match):
        places_of(path, "TS_1")
    assert len(places_of(path, "TS_1", 2.5)) == 2  # the first two are one place then


def test_a_group_without_a_pixel_size_is_an_error(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n3 2.0\n" + SEVERAL)
    with pytest.raises(ValueError, match="its picks have group 2; expected rlnOptics"):
        places_of(path, "TS_1")


THREE = "data_particles\nloop_\n" + "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")


def optics(column, *sizes):
    rows = "".join(f"{n} {size}\n" for n, size in enumerate(sizes, 1))
    return f"data_optics\nloop_\n_rlnOpticsGroup\n_{column}\n{rows}\n"


def test_relion3_counts_in_pixels_of_the_micrograph(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(optics("rlnMicrographPixelSize", 2.5) + THREE + "40 20 12\n")
    picks, warnings = read_known_picks([path], "TS_1", [PARTICLE], V, SHAPE)
    assert picks.position_zyx.tolist() == [[30, 50, 100]]
    (warning,) = warnings
    assert "counts pixels of 2.5 Å (rlnMicrographPixelSize)" in warning
    # A rounded size is the tomogram's.
    path.write_text(optics("rlnMicrographPixelSize", 10.01) + THREE + "4 2 1\n")
    assert places_of(path, "TS_1") == [[10, 20, 40]]
    names = THREE + "_rlnMicrographName\n_rlnOpticsGroup\n"
    rows = "4 4 4 TS_1.mrc 1\n4 4 4 TS_2.mrc 2\n4 8 4 TS_2.mrc 2\n"
    path.write_text(optics("rlnMicrographPixelSize", 2.5, 5) + names + rows)
    assert places_of(path, "TS_1") == [[10, 10, 10]]
    assert places_of(path, "TS_2") == [[20, 20, 20], [20, 40, 20]]
    path.write_text(path.read_text().replace("TS_1", "TS_2"))
    with pytest.raises(ValueError, match=r"pixels of several sizes \(2.5, 5 Å\)"):
        places_of(path, "TS_2")


@pytest.mark.parametrize(
    "column",
    ["rlnImagePixelSize", "rlnTomoTiltSeriesPixelSize", "rlnDetectorPixelSize"],
)
@pytest.mark.parametrize("name", ["rlnMicrographName", "rlnTomoName"])
def test_a_pixel_size_that_may_be_the_coordinates_is_an_error(tmp_path, column, name):
    path = tmp_path / "a.star"
    text = optics(column, 2.5) + THREE + f"_{name}\n4 2 1 TS_1.tomostar\n"
    path.write_text(text)
    message = (
        rf"counts voxels of 2.5 Å \({column}\); expected the tomogram's, 10 Å: \(4, 2,"
        r" 1\) read as pixels of 2.5 Å is at \(10, 5, 2.5\) Å, read as voxels of the"
        r" tomogram at \(40, 20, 10\) Å; .*--voxel-size 2.5 --shape 48 80 112"
    )
    with pytest.raises(ValueError, match=message):
        places_of(path, "TS_1")
    path.write_text(text.replace("2.5", "10.012"))
    assert places_of(path, "TS_1") == [[10, 20, 40]]


@pytest.mark.parametrize("column", ["rlnMicrographPixelSize", "rlnImagePixelSize"])
@pytest.mark.parametrize("size", [0, -1, 5000])
def test_a_pixel_size_that_cannot_be_is_an_error(tmp_path, column, size):
    path = tmp_path / "a.star"
    path.write_text(optics(column, size) + THREE + "4 2 1\n")
    with pytest.raises(ValueError, match=rf"{column} is {size:g} Å; expected 0.01 to"):
        places_of(path, "TS_1")


def test_relion_3_0_has_its_pixel_size_in_two_columns(tmp_path):
    path = tmp_path / "a.star"
    head = THREE + "_rlnMagnification\n_rlnDetectorPixelSize\n"
    path.write_text(head + "4 2 1 20000 5\n")
    with pytest.raises(ValueError, match=r"voxels of 2.5 Å \(rlnDetectorPixelSi"):
        places_of(path, "TS_1")
    path.write_text(head + "4 2 1 5000 5\n")
    assert places_of(path, "TS_1") == [[10, 20, 40]]
