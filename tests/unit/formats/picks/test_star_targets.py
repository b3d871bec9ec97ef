"""STAR files for RELION and Warp, by hand-computed rows."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import starfile

from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks import star_targets
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.star_coordinates import read_star
from tests.unit.formats.picks.star_examples import (
    SHAPE,
    V,
    make_picks,
    make_tomogram,
    read_back,
    rows,
)


def test_relion5_rows_are_centred_on_the_unbinned_tomogram(tmp_path):
    # 28 x 20 x 12 voxels of 10 Å are 112 x 80 x 48 of 2.5 Å: centre 140, 100, 60 Å.
    star_targets.write_relion5(tmp_path, [make_tomogram()], ["01", "ribosome"], 2.5)
    assert rows(tmp_path / "01.star") == [
        "TS_1 -98.875 -69.75 -39.5 0.9 1",
        "TS_1 -139.666667 -92.0 -53.0 1.0 1",
    ]
    assert rows(tmp_path / "ribosome.star") == ["TS_1 130.0 -100.0 50.0 1e-07 2"]
    tables = starfile.read(tmp_path / "01.star", always_dict=True)
    assert list(tables) == ["particles"]
    assert list(tables["particles"].columns) == [
        "rlnTomoName",
        "rlnCenteredCoordinateXAngst",
        "rlnCenteredCoordinateYAngst",
        "rlnCenteredCoordinateZAngst",
        "rlnAutopickFigureOfMerit",
        "rlnClassNumber",
    ]


def test_relion5_rounds_the_unbinned_size(tmp_path):
    # 28 · 10 / 3 = 93.3 pixels, so 93 / 2 · 3 = 139.5 Å; 67 → 100.5; 40 → 60.
    star_targets.write_relion5(tmp_path, [make_tomogram()], ["ribosome"], 3)
    assert rows(tmp_path / "ribosome.star") == ["TS_1 130.5 -100.5 50.0 1e-07 1"]


def test_relion5_other_centre(tmp_path):
    star_targets.write_relion5(
        tmp_path, [make_tomogram()], ["ribosome"], 2.5, "size/2-1"
    )
    path = tmp_path / "ribosome.star"
    assert rows(path) == ["TS_1 132.5 -97.5 52.5 1e-07 1"]
    _, position = read_back(path, make_tomogram(), centre="size/2-1")
    np.testing.assert_allclose(position, [[110, 0, 270]], atol=1e-5)


@pytest.mark.parametrize("t", [None, 2.5, 3.0, 1.7])
@pytest.mark.parametrize(
    "write", [star_targets.write_relion5, star_targets.write_relion4]
)
def test_relion_4_and_5_round_trip(tmp_path, write, t):
    write(tmp_path, [make_tomogram(), make_tomogram("TS_02")], ["01", "ribosome"], t)
    found, position = read_back(tmp_path / "01.star", make_tomogram())
    mine = make_picks().of("01")
    assert found.kind == (
        "RELION 5" if write is star_targets.write_relion5 else "RELION 4"
    )
    assert found.tomogram == ["TS_1", "TS_1", "TS_02", "TS_02"]
    assert found.tilt_pixel_size == (t or V)
    np.testing.assert_allclose(position[:2], mine.position_zyx, atol=6e-6, rtol=0)
    np.testing.assert_array_equal(found.score[2:], mine.score)


def test_relion5_index_names_one_file_for_each_tomogram_with_picks(tmp_path):
    tomograms = [make_tomogram("01"), make_tomogram("02", no_picks())]
    star_targets.write_relion5(tmp_path, tomograms, ["ribosome"], 2.5)
    folder = tmp_path / "import" / "ribosome"
    assert rows(folder / "index.star") == ["01 coordinates/01.star"]
    assert list(starfile.read(folder / "index.star", always_dict=True)) == ["particles"]
    assert rows(folder / "coordinates" / "01.star") == ["130.0 -100.0 50.0 1e-07 1"]
    assert rows(folder / "coordinates" / "02.star") == []
    found, position = read_back(folder / "index.star", tomograms[0], read_coordinates)
    assert (found.kind, found.tomogram) == ("RELION 5 STAR", ["01"])
    np.testing.assert_allclose(position, [[110, 0, 270]])


def test_relion4_rows_count_unbinned_pixels_from_one(tmp_path):
    star_targets.write_relion4(tmp_path, [make_tomogram()], ["ribosome", "01"], 2.5)
    assert rows(tmp_path / "ribosome.star") == ["TS_1 109.0 1.0 45.0 1e-07 1"]
    assert rows(tmp_path / "01.star")[0] == "TS_1 17.45 13.1 9.2 0.9 2"


def test_relion3_rows_are_whole_voxels(tmp_path):
    picks = picks_from_arrays(
        [[14.9, 15.1, 30.99], [25.0, 35.0, 44.99]], ["a", "a"], [0.5, 0.25]
    )
    star_targets.write_relion3(tmp_path, [make_tomogram("TS_1", picks)], ["b", "a"])
    path = tmp_path / "a" / "TS_1_pick.star"
    # 3.099 → 3, 1.51 → 2, 1.49 → 1; halves go up: 3.5 → 4, 2.5 → 3.
    assert rows(path) == ["3 2 1 0.5 2", "4 4 3 0.25 2"]
    assert "data_\n" in path.read_text()
    found, position = read_back(path, make_tomogram())
    assert (found.kind, found.tomogram) == ("RELION 3.1", None)
    np.testing.assert_array_equal(position, [[10, 20, 30], [30, 40, 40]])
    assert rows(tmp_path / "b" / "TS_1_pick.star") == []


def test_relion3_rows_stay_within_the_faces(tmp_path):
    faces = [[(n - 0.5) * V for n in SHAPE], [-0.5 * V] * 3]
    picks = picks_from_arrays(faces, ["a", "a"])
    star_targets.write_relion3(tmp_path, [make_tomogram("TS_1", picks)], ["a"])
    assert rows(tmp_path / "a" / "TS_1_pick.star") == ["27 19 11 1.0 1", "0 0 0 1.0 1"]


@pytest.mark.parametrize(
    ("t", "unbinned"), [(2.5, [122, 161, 81]), (2.0, [152.25, 201, 101])]
)
def test_one_pick_for_each_version_of_relion(tmp_path, t, unbinned):
    """Voxel 30.25, 40, 20 of 150 x 120 x 64, worked out by hand."""
    picks = picks_from_arrays([[200.0, 400.0, 302.5]], ["a"], [0.9])
    tomograms = [make_tomogram("TS_1", picks, shape=(64, 120, 150))]
    star_targets.write_relion5(tmp_path / "5", tomograms, ["a"], t)
    star_targets.write_relion4(tmp_path / "4", tomograms, ["a"], t)
    star_targets.write_relion3(tmp_path / "3", tomograms, ["a"])
    five = rows(tmp_path / "5" / "a.star")[0].split()
    four = rows(tmp_path / "4" / "a.star")[0].split()
    assert (five[0], [float(v) for v in five[1:4]]) == ("TS_1", [-447.5, -200, -120])
    assert (four[0], [float(v) for v in four[1:4]]) == ("TS_1", unbinned)
    assert rows(tmp_path / "3" / "a" / "TS_1_pick.star") == ["30 40 20 0.9 1"]


def test_warp_rows_are_voxels_with_the_tomostar(tmp_path):
    star_targets.write_warp(tmp_path, [make_tomogram("01")], ["01", "ribosome"])
    path = tmp_path / "01_01.star"
    assert rows(path)[0] == "4.1125 3.025 2.05 01.tomostar 0.9"
    found, position = read_back(path, make_tomogram())
    assert (found.kind, found.tomogram) == ("Warp", ["01", "01"])
    np.testing.assert_allclose(
        position, make_picks().of("01").position_zyx, atol=1e-5, rtol=0
    )
    assert found.score.tolist() == make_picks().of("01").score.tolist()


def test_warp_tells_that_voxel_sizes_differ(tmp_path, caplog):
    one, other = make_tomogram(), make_tomogram("TS_2", voxel_size=12.0)
    star_targets.write_warp(tmp_path, [one, other], ["01"])
    assert "voxels of 10 to 12 Å" in caplog.text


@pytest.mark.parametrize(
    "write",
    [
        star_targets.write_relion5,
        star_targets.write_relion4,
        star_targets.write_relion3,
        star_targets.write_warp,
    ],
)
def test_classes_without_picks_have_headers_and_a_warning(tmp_path, caplog, write):
    with caplog.at_level(logging.WARNING):
        write(tmp_path, [make_tomogram(), make_tomogram("TS_2", no_picks())], ["virus"])
    assert "no picks of virus in 2 of 2 tomograms (TS_1, TS_2)" in caplog.text
    files = [p for p in tmp_path.rglob("*.star") if p.name != "index.star"]
    assert files
    for file in files:
        assert rows(file) == []
        assert len(read_star(file).value_zyx) == 0
