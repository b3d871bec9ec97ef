"""STAR files: ours exactly, RELION's and Warp's by hand-computed rows."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import starfile

from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks import star, star_targets
from picker.formats.picks.given import read_given_picks
from picker.formats.picks.kinds import read_coordinates
from picker.formats.picks.units import position_from_coordinates
from tests.unit.formats.examples import PARTICLE

SHAPE = (12, 20, 28)
V = 10.0


def make_picks():
    return picks_from_arrays(
        [[20.5, 30.25, 41.125], [110.0, 0.0, 270.0], [7.0, 8.0, 1 / 3]],
        ["01", "ribosome", "01"],
        [0.9, 1e-7, 1.0],
    )


def make_tomogram(name="TS_1", picks=None, voxel_size=V, shape=SHAPE):
    return star.TomogramPicks(
        tomogram=name,
        voxel_size=voxel_size,
        shape_zyx=shape,
        picks=make_picks() if picks is None else picks,
    )


def rows(path):
    """Return what stands below a file's header."""
    lines = path.read_text().splitlines()
    return [
        line
        for line in lines
        if line and not line.startswith(("#", "_", "data_", "loop_"))
    ]


def read_back(path, tomogram, read=star.read_coordinates, **more):
    found = read(path)
    return found, position_from_coordinates(
        path, found, tomogram.voxel_size, tomogram.shape_zyx, **more
    )


def equal(picks, other):
    np.testing.assert_array_equal(picks.position_zyx, other.position_zyx)
    np.testing.assert_array_equal(picks.particle, other.particle)
    np.testing.assert_array_equal(picks.score, other.score)
    return True


# Ours


def test_our_own_round_trip_is_exact(tmp_path):
    rng = np.random.default_rng(0)
    picks = picks_from_arrays(
        rng.uniform(0, 5000, (50, 3)),
        ["01", "nan-A", "1e5", "data_x", "b"] * 10,
        rng.random(50, np.float32),
    )
    star.write_picks(tmp_path / "new" / "a.star", picks)
    assert equal(star.read_picks(tmp_path / "new" / "a.star"), picks)


def test_our_columns_are_x_y_z_in_angstrom(tmp_path):
    star.write_picks(tmp_path / "a.star", make_picks())
    (table,) = starfile.read(tmp_path / "a.star", always_dict=True).values()
    assert list(table.columns) == [
        "pickerPositionX",
        "pickerPositionY",
        "pickerPositionZ",
        "pickerParticle",
        "pickerScore",
    ]
    assert rows(tmp_path / "a.star")[0] == "41.125 30.25 20.5 01 0.9"
    assert "angstrom" in (tmp_path / "a.star").read_text().splitlines()[0]


def test_no_picks_are_a_header_alone(tmp_path):
    star.write_picks(tmp_path / "a.star", no_picks())
    assert len(star.read_picks(tmp_path / "a.star")) == 0
    assert rows(tmp_path / "a.star") == []


def test_notes_come_back(tmp_path):
    notes = {"fingerprint": "abc: 1", "tomogram": "TS_01"}
    star.write_picks(tmp_path / "a.star", make_picks(), notes)
    assert star.read_comments(tmp_path / "a.star") == notes
    assert equal(star.read_picks(tmp_path / "a.star"), make_picks())


def test_crlf_and_a_byte_order_mark(tmp_path):
    star.write_picks(tmp_path / "a.star", make_picks(), {"n": "1"})
    text = (tmp_path / "a.star").read_text().replace("\n", "\r\n")
    (tmp_path / "a.star").write_bytes(text.encode("utf-8-sig"))
    assert equal(star.read_picks(tmp_path / "a.star"), make_picks())


HEAD = "data_\nloop_\n_pickerPositionX\n_pickerPositionY\n_pickerPositionZ\n"
OURS = HEAD + "_pickerParticle\n_pickerScore\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (OURS + "1 2 3 a 1\n4 5 6\n", "row 2 has no picker.*fix the row"),
        (OURS + "1 2 3 a 1\n4 5 6 b 1 9\n", "cannot be read as STAR"),
        (OURS + "1 2 3 a 1 9\n", "cannot be read as STAR"),
        (OURS + "1 2 nan a 1\n", "row 1 has no pickerPositionZ"),
        (OURS + "1 2 <NA> a 1\n", "row 1 has no pickerPositionZ"),
        (OURS + "1 2 3 a 1\n1 -inf 3 a 1\n", "row 2 has pickerPositionY '-inf'; exp"),
        (OURS + "1 2 3 a high\n", "row 1 has pickerScore 'high'; expected a finite"),
        (OURS.replace("_pickerPositionZ\n", "") + "1 2 a 1\n", "no column pickerPosi"),
        (HEAD + "1 2 3\n", "holds picker coordinates; expected picks of this program"),
        ("data_\nloop_\n_rlnImageName\na.mrc\n", "has no coordinates; expected rlnCe"),
        ("garbage\n", "has no STAR table"),
        ("", "has no STAR table"),
        (b"\xff\xfe\x00", "is not text; expected a STAR file"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "a.star").write_bytes(raw)
    with pytest.raises(ValueError, match=f"a.star.*{message}"):
        star.read_picks(tmp_path / "a.star")


def test_a_mended_file_is_read_anew(tmp_path):
    (tmp_path / "a.star").write_text(OURS + "1 2 3 a 1\n4 5 6 b 1 9\n")
    with pytest.raises(ValueError, match="cannot be read"):
        star.read_picks(tmp_path / "a.star")
    star.write_picks(tmp_path / "a.star", make_picks())
    assert equal(star.read_picks(tmp_path / "a.star"), make_picks())


# RELION 5


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


def test_an_index_of_nothing_and_of_missing_files(tmp_path):
    star_targets.write_relion5(tmp_path, [make_tomogram("01", no_picks())], ["a"])
    index = tmp_path / "import" / "a" / "index.star"
    assert len(read_coordinates(index).value_zyx) == 0
    index.write_text(
        "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\nTS_1 no.star\n"
    )
    with pytest.raises(ValueError, match=r"index.star names no.star, which does not"):
        read_coordinates(index)


# RELION 4, 3.1 and Warp


def test_relion4_rows_count_unbinned_pixels_from_one(tmp_path):
    star_targets.write_relion4(tmp_path, [make_tomogram()], ["ribosome", "01"], 2.5)
    assert rows(tmp_path / "ribosome.star") == ["TS_1 109.0 1.0 45.0 1e-07 1"]
    assert rows(tmp_path / "01.star")[0] == "TS_1 17.45 13.1 9.2 0.9 2"


OPTICS = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnTomoTiltSeriesPixelSize\n"
FOUR = (
    "data_particles\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n"
    "_rlnCoordinateZ\n_rlnOriginXAngst\nTS_1 109 1 45 {shift}\n"
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


def of(path, name, tilt_pixel_size=None):
    args = ([path], name, [PARTICLE], V, SHAPE, tilt_pixel_size)
    return read_given_picks(*args)[0].position_zyx.tolist()


def test_each_optics_group_has_its_pixel_size(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n2 2.0\n" + SEVERAL)
    assert of(path, "TS_1") == [[110, 0, 270], [10, 10, 10]]
    assert of(path, "TS_2") == [[88, 0, 216]]
    assert of(path, "TS_2", 2.5) == [[110, 0, 270]]
    with pytest.raises(ValueError, match=r"no picks of tomogram TS_3: .* TS_1, TS_2"):
        of(path, "TS_3")


def test_rows_may_say_their_pixel_size_themselves(tmp_path):
    path = tmp_path / "a.star"
    text = SEVERAL.replace("_rlnOpticsGroup", "_rlnTomoTiltSeriesPixelSize")
    path.write_text(text.replace("TS_1 1", "TS_1 2.5").replace("TS_2 2", "TS_2 2.0"))
    assert of(path, "TS_1") == [[110, 0, 270], [10, 10, 10]]
    assert of(path, "TS_2") == [[88, 0, 216]]


def test_one_tomogram_has_one_pixel_size(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n2 2.0\n" + SEVERAL.replace("TS_2", "TS_1"))
    match = r"one tomogram tilt series of several pixel sizes \(2, 2.5 Å\)"
    with pytest.raises(ValueError, match=match):
        of(path, "TS_1")
    assert len(of(path, "TS_1", 2.5)) == 2  # the first two are one place then


def test_a_group_without_a_pixel_size_is_an_error(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n3 2.0\n" + SEVERAL)
    with pytest.raises(ValueError, match="its picks have group 2; expected rlnOptics"):
        of(path, "TS_1")


def test_an_index_of_tilt_series_of_several_pixel_sizes(tmp_path):
    """Where the files know them, each tomogram gets its own."""
    coordinates = "\n".join(
        ["data_particles", "loop_", *(f"_rlnCoordinate{a}" for a in "XYZ"), "109 1 45"]
    )
    for name, size in (("a", 2.5), ("b", 2.0)):
        text = f"{OPTICS}1 {size}\n{coordinates}\n"
        (tmp_path / f"{name}.star").write_text(text)
    index = tmp_path / "index.star"
    index.write_text(
        "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\n"
        "TS_1 a.star\nTS_2 b.star\n"
    )
    assert of(index, "TS_1") == [[110, 0, 270]]
    assert of(index, "TS_2") == [[88, 0, 216]]
    (tmp_path / "a.star").write_text("damaged")
    assert of(index, "TS_2") == [[88, 0, 216]]
    with pytest.raises(ValueError, match=r"a\.star"):
        of(index, "TS_1")


def test_shifts_in_angstrom_are_subtracted(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n" + FOUR.format(shift=3.5))
    found, position = read_back(path, make_tomogram())
    assert found.warnings == ()
    np.testing.assert_array_equal(position, [[110, 0, 266.5]])
    origin = "".join(f"_{name}\n" for name in ORIGIN)
    names = centred(*ORIGIN)
    path.write_text(names + "TS_1 0 0 0 0 0 0\nTS_2 0 0 0 9 9 9\nTS_1 0 0 0 1 2 -4\n")
    # The centre of 28 x 20 x 12 voxels of 10 Å lies at 140, 100, 60 Å.
    assert of(path, "TS_1") == [[60, 100, 140], [64, 98, 139]]
    three = "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")
    path.write_text(f"data_\nloop_\n{three}{origin}10 5 3 10 -20 5\n")
    assert of(path, "TS_1") == [[25, 70, 90]]


def test_shifts_in_pixels_are_told_and_left_out(tmp_path):
    path = tmp_path / "a.star"
    text = FOUR.format(shift="3.5").replace("_rlnOriginXAngst", "_rlnOriginX")
    path.write_text(OPTICS + "1 2.5\n" + text)
    found, position = read_back(path, make_tomogram())
    assert "rlnOriginX is not applied, its pixels have no size" in found.warnings[0]
    np.testing.assert_array_equal(position, [[110, 0, 270]])


def centred(*columns):
    """Return the header of RELION 5's table with more columns."""
    names = [f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"]
    lines = [f"_{name}" for name in ("rlnTomoName", *names, *columns)]
    return "\n".join(["data_particles", "loop_", *lines, ""])


ORIGIN = [f"rlnOrigin{a}Angst" for a in "XYZ"]


def test_what_was_expected_of_a_shift_is_none(tmp_path):
    path = tmp_path / "a.star"
    prior = [f"rlnOrigin{a}PriorAngst" for a in "XYZ"]
    path.write_text(centred(*ORIGIN, *prior) + "TS_1 0 0 0 10 20 30 9 <NA> nan\n")
    picks, warnings = read_given_picks([path], "TS_1", [PARTICLE], V, SHAPE)
    assert (picks.position_zyx.tolist(), warnings) == ([[30, 80, 130]], [])
    # Nor is it one where there is no other.
    path.write_text(centred(*prior) + "TS_1 0 0 0 9 9 9\n")
    assert of(path, "TS_1") == [[60, 100, 140]]


@pytest.mark.parametrize(
    ("angles", "turned_xyz"),
    [
        ("0 0 0", (10, 20, 30)),
        # RELION's matrix takes x to -y at rot 90, and x to z at tilt 90.
        ("90 0 0", (20, -10, 30)),
        ("0 0 90", (20, -10, 30)),
        ("0 90 0", (-30, 20, 10)),
        # psi after tilt after rot: rot 90 gives 20 -10 30, tilt 90 then -30 -10 20.
        ("90 90 0", (-30, -10, 20)),
        ("90 90 90", (-10, 30, 20)),
    ],
)
def test_shifts_of_turned_subtomograms_are_turned(tmp_path, angles, turned_xyz):
    path = tmp_path / "a.star"
    turned = [f"rlnTomoSubtomogram{a}" for a in ("Rot", "Tilt", "Psi")]
    path.write_text(centred(*ORIGIN, *turned) + f"TS_1 0 0 0 10 20 30 {angles}\n")
    x, y, z = turned_xyz
    np.testing.assert_allclose(of(path, "TS_1"), [[60 - z, 100 - y, 140 - x]])


def test_shifts_of_an_index(tmp_path):
    centred = "".join(f"_rlnCenteredCoordinate{a}Angst\n" for a in "XYZ")
    for name, origin, rest in (("a", "", ""), ("b", "_rlnOriginXAngst\n", " 5")):
        text = f"data_\nloop_\n{centred}{origin}0 0 0{rest}\n"
        (tmp_path / f"{name}.star").write_text(text)
    index = tmp_path / "index.star"
    index.write_text(
        "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\n"
        "TS_1 a.star\nTS_2 b.star\n"
    )
    assert of(index, "TS_1") == [[60, 100, 140]]
    assert of(index, "TS_2") == [[60, 100, 135]]


# Pixel sizes beside voxels

THREE = "data_particles\nloop_\n" + "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")


def optics(column, *sizes):
    rows = "".join(f"{n} {size}\n" for n, size in enumerate(sizes, 1))
    return f"data_optics\nloop_\n_rlnOpticsGroup\n_{column}\n{rows}\n"


def test_relion3_counts_in_pixels_of_the_micrograph(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(optics("rlnMicrographPixelSize", 2.5) + THREE + "40 20 12\n")
    picks, warnings = read_given_picks([path], "TS_1", [PARTICLE], V, SHAPE)
    assert picks.position_zyx.tolist() == [[30, 50, 100]]
    (warning,) = warnings
    assert "counts pixels of 2.5 Å (rlnMicrographPixelSize)" in warning
    # A rounded size is the tomogram's.
    path.write_text(optics("rlnMicrographPixelSize", 10.01) + THREE + "4 2 1\n")
    assert of(path, "TS_1") == [[10, 20, 40]]
    names = THREE + "_rlnMicrographName\n_rlnOpticsGroup\n"
    rows = "4 4 4 TS_1.mrc 1\n4 4 4 TS_2.mrc 2\n4 8 4 TS_2.mrc 2\n"
    path.write_text(optics("rlnMicrographPixelSize", 2.5, 5) + names + rows)
    assert of(path, "TS_1") == [[10, 10, 10]]
    assert of(path, "TS_2") == [[20, 20, 20], [20, 40, 20]]
    path.write_text(path.read_text().replace("TS_1", "TS_2"))
    with pytest.raises(ValueError, match=r"pixels of several sizes \(2.5, 5 Å\)"):
        of(path, "TS_2")


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
        of(path, "TS_1")
    path.write_text(text.replace("2.5", "10.012"))
    assert of(path, "TS_1") == [[10, 20, 40]]


@pytest.mark.parametrize("column", ["rlnMicrographPixelSize", "rlnImagePixelSize"])
@pytest.mark.parametrize("size", [0, -1, 5000])
def test_a_pixel_size_that_cannot_be_is_an_error(tmp_path, column, size):
    path = tmp_path / "a.star"
    path.write_text(optics(column, size) + THREE + "4 2 1\n")
    with pytest.raises(ValueError, match=rf"{column} is {size:g} Å; expected 0.01 to"):
        of(path, "TS_1")


def test_relion_3_0_has_its_pixel_size_in_two_columns(tmp_path):
    path = tmp_path / "a.star"
    head = THREE + "_rlnMagnification\n_rlnDetectorPixelSize\n"
    path.write_text(head + "4 2 1 20000 5\n")
    with pytest.raises(ValueError, match=r"voxels of 2.5 Å \(rlnDetectorPixelSi"):
        of(path, "TS_1")
    path.write_text(head + "4 2 1 5000 5\n")
    assert of(path, "TS_1") == [[10, 20, 40]]


def test_tables_are_neither_lost_nor_replaced(tmp_path):
    path = tmp_path / "a.star"
    other = THREE.replace("particles", "more")
    path.write_text(f"{THREE}4 2 1\n\n{other}5 2 1\n")
    with pytest.raises(ValueError, match=r"in 2 tables \(data_particles, data_more\)"):
        of(path, "TS_1")
    path.write_text(f"{THREE}4 2 1\n\n{THREE}5 2 1\n")
    with pytest.raises(ValueError, match="several tables called data_particles; exp"):
        of(path, "TS_1")


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
    ("column", "value", "name"),
    [
        ("rlnMicrographName", "tomograms/TS_1.mrc", "TS_1"),
        ("rlnMicrographName", "TS_1.tomostar", "TS_1"),
        ("rlnMicrographName", "TS_1.0", "TS_1.0"),
        ("rlnTomoName", "TS_1.tomostar", "TS_1"),
        ("rlnTomoName", "TS.rec", "TS.rec"),
    ],
)
def test_names_of_tomograms(tmp_path, column, value, name):
    header = "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")
    (tmp_path / "a.star").write_text(
        f"data_\nloop_\n{header}_{column}\n1 2 3 {value}\n"
    )
    assert star.read_coordinates(tmp_path / "a.star").tomogram == [name]


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
        assert len(star.read_coordinates(file).value_zyx) == 0
