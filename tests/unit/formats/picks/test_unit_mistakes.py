"""Numbers in another unit than their file's kind has."""

from __future__ import annotations

import json

import numpy as np
import pytest

from picker.formats.picks.known import read_known_picks
from tests.unit.formats.picks.reading import PARTICLES, WARP, V, read, spread

SMALL = (12, 20, 28)


def read_small(path):
    return read_known_picks([path], "TS_1", PARTICLES, V, SMALL)


def test_angstrom_in_a_file_of_voxels(tmp_path):
    header = "data_\nloop_\n" + "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")
    path = tmp_path / "ribosome.star"
    path.write_text(header + "250 100 50\n20 10 5\n")
    message = (
        r"\(250, 100, 50\) read as voxels is voxel \(250, 100, 50\), read as Å it is"
        r" voxel \(25, 10, 5\); read as voxels 1 of 2 picks lie outside of the"
        r" tomogram, read as Å none does; fix the file, or convert it: picker convert"
        r" ribosome.star --unit angstrom"
    )
    with pytest.raises(ValueError, match=message):
        read_small(path)
    path.write_text(header + "2500 100 50\n")
    with pytest.raises(ValueError, match="check the voxel size, the tomogram and the"):
        read_small(path)


def test_voxels_in_a_file_of_angstrom_are_a_warning(tmp_path):
    path = tmp_path / "ribosome.csv"
    path.write_text("x,y,z\n25,10,5\n20,19,11\n3,4,5\n")
    _, (warning,) = read_small(path)
    assert "all 3 positions are whole numbers below the tomogram's number" in warning
    assert "read as Å, is voxel (2.5, 1, 0.5)" in warning
    assert "it would be at (250, 100, 50) Å" in warning
    for text in ("x,y,z\n25,10,5\n", "x,y,z\n25,10,5\n20,19,11\n3,4,5.5\n"):
        path.write_text(text)
        assert read_small(path)[1] == []


def test_a_number_above_1_does_not_make_voxels_of_fractions(tmp_path):
    path = tmp_path / "ribosome"
    place = np.random.default_rng(0).uniform(0.05, 0.95, (40, 3))
    place[7] = [1.002, 0.5, 0.25]
    rows = "".join("{} {} {} TS_1.tomostar\n".format(*row) for row in place)
    path.write_text(WARP + "_rlnMicrographName\n" + rows)
    message = (
        r"may have its numbers in another unit: .* read as voxels is voxel .*, read as"
        r" fractions of the tomogram it is voxel .*; read as voxels all 40 picks lie"
        r" within the tomogram's first two voxels; .*--unit fractions"
    )
    with pytest.raises(ValueError, match=message):
        read(path)
    # Ten from anywhere are no accident either, fewer may be.
    for num in (9, 10):
        path.write_text("".join("{} {} {}\n".format(*row) for row in place[:num]))
        if num == 9:
            assert len(read(path)[0]) == 9
            continue
        with pytest.raises(ValueError, match="all 10 picks lie within the tomogram's"):
            read(path)


def csv(path, xyz):
    rows = [",".join(map(repr, row)) for row in xyz.tolist()]
    path.write_text("\n".join(["x,y,z", *rows]) + "\n")
    return path


def test_many_voxels_in_a_file_of_angstrom_are_an_error(tmp_path):
    path = csv(tmp_path / "ribosome", spread(10))
    message = (
        r"has its numbers in another unit: \(.*\) read as Å is voxel \(.*\), read as"
        r" voxels it is voxel .*; read as Å all 10 picks lie in one corner, read as"
        r" voxels they fill the tomogram; .*picker convert ribosome --unit voxels"
    )
    with pytest.raises(ValueError, match=message):
        read(path)
    # Few of them, or all in one half, may be what they say.
    assert len(read(csv(path, spread(9)))[0]) == 9
    assert len(read(csv(path, spread(30) * [0.4, 1, 1]))[0]) == 30


def test_binned_voxels_in_relion_4s_file_are_an_error(tmp_path):
    path = tmp_path / "ribosome"
    rows = "".join("{} {} {} TS_1\n".format(*row) for row in spread(12))
    path.write_text(WARP + "_rlnTomoName\n" + rows)
    with pytest.raises(ValueError, match="read as voxels they fill the tomogram"):
        read(path, tilt_pixel_size=2.5)


@pytest.mark.parametrize(
    ("xyz", "unit"),
    [
        ((1400, 1100, 600), "Å"),
        ((70, 50, 30), "inside"),
        ((-740, 10, 20), "inside"),
    ],
)
def test_angstrom_from_the_corner_in_relion_5s_columns(tmp_path, xyz, unit):
    names = "".join(f"_rlnCenteredCoordinate{axis}Angst\n" for axis in "XYZ")
    path = tmp_path / "ribosome"
    path.write_text("data_\nloop_\n" + names + "{} {} {}\n".format(*xyz))
    if unit == "inside":
        assert len(read(path)[0]) == 1
        return
    with pytest.raises(ValueError, match=f"read as {unit} it is voxel .140, 110, 60."):
        read(path)


def test_other_units_that_explain_picks_outside(tmp_path):
    path = tmp_path / "ribosome"
    content = {"apix_unbin": V, "boxes_3d": [[140, 110, 60, "tm", 1, 0]]}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"read as voxels it is voxel .140, 110, 60."):
        read(path)
    path.write_text(WARP + "_rlnTomoName\n1400 1100 600 TS_1\n")
    with pytest.raises(ValueError, match=r"read as Å it is voxel .140, 110, 60."):
        read(path, tilt_pixel_size=2.5)
    # Neither reading makes sense: no other unit is blamed.
    path.write_text(WARP + "_rlnTomoName\n99999 1 1 TS_1\n")
    with pytest.raises(ValueError, match="check the voxel size, the tomogram and"):
        read(path, tilt_pixel_size=2.5)


def test_pixels_that_may_be_voxels_are_told(tmp_path):
    path = tmp_path / "ribosome"
    path.write_text(WARP + "_rlnTomoName\n30 40 20 TS_1\n")
    with pytest.raises(
        ValueError, match=r"\(30, 40, 20\) is at \(300, 400, 200\) Å: p"
    ):
        read(path)
    picks, (warning,) = read(path, tilt_pixel_size=2.5)
    assert picks.position_zyx.tolist() == [[47.5, 97.5, 72.5]]
    assert "is voxel (7.25, 9.75, 4.75), read as voxels it is voxel (30" in warning
    # Only one of them is inside, or they are nearly the same.
    for row, t in (("500 300 200", 2.5), ("30 40 20", 10.0)):
        path.write_text(WARP + f"_rlnTomoName\n{row} TS_1\n")
        assert read(path, tilt_pixel_size=t)[1] == []
