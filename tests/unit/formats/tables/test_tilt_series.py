"""RELION's tomograms.star: what it knows, and picks that rest on it."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from picker.config import ExportSettings
from picker.core.picks import picks_from_arrays
from picker.formats.picks.records import TiltSeries, TomogramPicks
from picker.formats.picks.star_coordinates import read_star
from picker.formats.picks.targets import write_target
from picker.formats.picks.units import position_from_coordinates
from picker.formats.tables.tilt_series import read_tilt_series, with_tilt_series
from tests.unit.formats.examples import PARTICLE, random_picks

FIVE = """# version 50001

data_global

loop_
_rlnTomoName #1
_rlnVoltage #2
_rlnTomoTiltSeriesPixelSize #3
_rlnTomoTiltSeriesStarFile #4
_rlnTomoTomogramBinning #5
_rlnTomoSizeX #6
_rlnTomoSizeY #7
_rlnTomoSizeZ #8
TS_01  300.000000  0.675000  tilt_series/TS_01.star  14.814815  4000  4001  2001
TS_03  300.000000  1.350000  tilt_series/TS_03.star   7.407407  4000  4000  2000
"""
FOUR = """data_global

loop_
_rlnTomoName #1
_rlnTomoFrameCount #2
_rlnTomoSizeX #3
_rlnTomoSizeY #4
_rlnTomoSizeZ #5
_rlnTomoHand #6
_rlnTomoTiltSeriesPixelSize #7
01 41 3710 3838 2000 -1.0 1.35


data_01

loop_
_rlnTomoProjX #1
_rlnTomoProjY #2
[1,0,0] [0,1,0]
"""
SHAPE = (135, 270, 270)
SERIES = TiltSeries(pixel_size=0.675, size_zyx=(2001, 4001, 4000))


def written(folder, text, name="tomograms.star"):
    path = folder / name
    path.write_text(text)
    return path


def test_relion_5s_and_4s_files_are_read(tmp_path):
    found = read_tilt_series(written(tmp_path, FIVE))
    assert found["TS_01"] == SERIES
    assert found["TS_03"] == TiltSeries(pixel_size=1.35, size_zyx=(2000, 4000, 4000))
    found = read_tilt_series(written(tmp_path, FOUR))
    assert found == {"01": TiltSeries(pixel_size=1.35, size_zyx=(2000, 3838, 3710))}


def test_sizes_may_be_missing(tmp_path):
    text = "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\nTS_1 1.35\n"
    found = read_tilt_series(written(tmp_path, text))
    assert found == {"TS_1": TiltSeries(pixel_size=1.35)}


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("_rlnTomoTiltSeriesPixelSize", "_rlnOther", r"no table with rlnTomoName and"),
        ("TS_03", "TS_01", r"has tomogram TS_01 twice; expected each once"),
        ("0.675000", "0", r"tomogram TS_01 pixels of 0 Å .*expected 0.01 to 1000"),
        ("0.675000", "nan", r"(row 1|not finite|no rlnTomoTiltSeriesPixelSize)"),
        ("4001", "0", r"tomogram TS_01 a size of 2001, 0, 4000 pixels \(z, y, x\)"),
        ("4001", "4000.5", "expected whole numbers above 0"),
        ("4001", "many", "rlnTomoSizeY 'many'; expected a finite number"),
        ("_rlnTomoSizeY", "_rlnOther", "has no column rlnTomoSizeY"),
        ("4001  2001", "4001", r"cannot be read as STAR|row 1 has no"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, old, new, match):
    path = written(tmp_path, FIVE.replace(old, new))
    with pytest.raises(ValueError, match=match) as caught:
        read_tilt_series(path)
    assert "tomograms.star" in str(caught.value)


def test_a_missing_file_and_one_of_no_star_are_said(tmp_path):
    with pytest.raises(ValueError, match=r"tomograms\.star does not exist; .* fix"):
        read_tilt_series(tmp_path / "tomograms.star")
    with pytest.raises(ValueError, match="no STAR table"):
        read_tilt_series(written(tmp_path, "nothing\n"))


def one(picks, **changes):
    values = {"voxel_size": 10.0, "shape_zyx": SHAPE, "tomogram": "TS_01"} | changes
    return TomogramPicks(picks=picks, **values)


def test_the_centre_is_half_of_the_size_that_relion_has(tmp_path):
    """N·v/t is 4000 along y, RELION has 4001: half a pixel further."""
    picks = picks_from_arrays([[0, 0, 0]], ["ribosome"])
    tomograms = with_tilt_series(written(tmp_path, FIVE), [one(picks)])
    write_target("relion5", tmp_path, tomograms, [PARTICLE], ExportSettings())
    row = (tmp_path / "ribosome.star").read_text().split("TS_01 ")[1].split()
    x, y, z = map(float, row[:3])
    assert (x, y, z) == (-1350.0, -1350.3375, -675.3375)


@pytest.mark.parametrize("kind", ["relion4", "relion5"])
@pytest.mark.parametrize("centre", ["size/2", "size/2-1"])
def test_a_thousand_picks_come_back_to_float32(tmp_path, kind, centre):
    truth = random_picks(np.random.default_rng(0), 1000, shape=SHAPE, v=10.0)
    tomograms = with_tilt_series(written(tmp_path, FIVE), [one(truth)])
    settings = ExportSettings(relion5_centre=centre)
    write_target(kind, tmp_path, tomograms, [PARTICLE], settings)
    path = tmp_path / "ribosome.star"
    again = position_from_coordinates(
        path,
        read_star(path),
        10.0,
        SHAPE,
        SERIES.pixel_size,
        centre,
        SERIES.size_zyx,
    )
    error = np.abs(again - truth.position_zyx)
    # Half an ulp of float32, or the file's six decimals where that is less.
    assert (error <= np.maximum(np.spacing(np.float32(again)) / 2, 0.51e-6)).all()


def test_a_tomogram_that_relion_does_not_know_is_an_error(tmp_path):
    path = written(tmp_path, FIVE)
    picks = picks_from_arrays([], [])
    match = r"has no tomogram TS_2, it has TS_01, TS_03; expected our name in"
    with pytest.raises(ValueError, match=match):
        with_tilt_series(path, [one(picks, tomogram="TS_2")])


def test_what_disagrees_is_warned_of(tmp_path, caplog):
    path = written(tmp_path, FIVE)
    picks = picks_from_arrays([], [])
    with caplog.at_level(logging.WARNING):
        with_tilt_series(path, [one(picks, tilt_pixel_size=0.677)])
    assert caplog.text == ""
    (result,) = with_tilt_series(
        path, [one(picks, tilt_pixel_size=1.35, shape_zyx=(270, 135, 270))]
    )
    assert (result.tilt_pixel_size, result.tilt_size_zyx) == (0.675, SERIES.size_zyx)
    assert "is 1.35 Å in the table, taken as 0.675 Å" in caplog.text
    assert "TS_01 is (2700, 2701, 1351) Å (x, y, z) there and (2700, 1350, 2700)" in (
        caplog.text
    )


@pytest.mark.parametrize("ours", ["TS_01", "TS_01.mrc", "TS_01_10.00Apx"])
def test_warps_names_are_found(tmp_path, ours):
    path = tmp_path / "tomograms.star"
    path.write_text(
        "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\n"
        "TS_01.tomostar 2.5\nTS_011.tomostar 1.5\n\n"
        "data_TS_01.tomostar\nloop_\n_rlnTomoProjX\n[1,0,0,0]\n"
    )
    one = TomogramPicks(
        tomogram=ours,
        voxel_size=10.0,
        shape_zyx=(10, 10, 10),
        picks=random_picks(np.random.default_rng(0), 1),
    )
    assert with_tilt_series(path, [one])[0].tilt_pixel_size == 2.5
    other = TomogramPicks(
        tomogram="TS_0", voxel_size=10.0, shape_zyx=(9, 9, 9), picks=one.picks
    )
    with pytest.raises(ValueError, match=r"has no tomogram TS_0, it has TS_01\.tomost"):
        with_tilt_series(path, [other])
