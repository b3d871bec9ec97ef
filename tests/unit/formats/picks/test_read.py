"""Picks of other programs: files written by hand, as those programs write them."""

from __future__ import annotations

import json
import logging
import struct

import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import picks_from_arrays
from picker.formats.picks.given import read_given_picks
from picker.formats.picks.kinds import read_coordinates
from picker.formats.picks.star import write_picks
from picker.formats.picks.units import centre_position

SHAPE = (64, 120, 150)
V = 10.0
NAMES = ("ribosome", "virus")
PARTICLES = tuple(Particle(name=name, radius=150) for name in NAMES)
# Voxel 30, 40, 20 in the order x, y, z.
PLACE_ZYX = [200.0, 400.0, 300.0]


def read(path, tomogram="TS_1", **more):
    return read_given_picks([path], tomogram, PARTICLES, V, SHAPE, **more)


def check(path, caplog, kind, places=(PLACE_ZYX,), particle="ribosome", score=1.0):
    """Assert what a file holds and that its kind was told; return the warnings."""
    caplog.set_level(logging.INFO)
    caplog.clear()
    picks, warnings = read(path)
    np.testing.assert_allclose(picks.position_zyx, places, rtol=1e-6)
    assert picks.particle.tolist() == [particle] * len(places)
    np.testing.assert_allclose(picks.score, score)
    assert f"{path}: {len(places)} picks, read as {kind}" in caplog.text
    return warnings


def test_points_of_the_portal(tmp_path, caplog):
    path = tmp_path / "ribosome"
    point = {"type": "point", "location": {"x": 30, "y": 40, "z": 20}}
    oriented = {
        "type": "orientedPoint",
        "location": {"x": 1.5, "y": 2.5, "z": 3.5},
        "xyz_rotation_matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "instance_id": 4,
    }
    path.write_text(f"{json.dumps(point)}\n{json.dumps(oriented)}\n\n")
    places = [PLACE_ZYX, [35, 25, 15]]
    assert check(path, caplog, "CryoET portal ndjson", places) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"type": "point", "location": {"x": 1, "y": 2}}',
            "line 2 has None; expected",
        ),
        (
            '{"location": {"x": 1, "y": "a", "z": NaN}}',
            "line 2 has 'a'; expected a fin",
        ),
        ('{"location": [1, 2, 3]}', r"line 2 has location \[1, 2, 3\]; expected lines"),
        ('{"location": {"x": 1, "y": 2, "z": 3}', "line 2 is no JSON .*expected"),
        ("[" * 100_000, "line 2 is no JSON"),
        ("7", "line 2 holds 7; expected a JSON object"),
        ('{"location": {"x": 1, "y": 2, "z": 1e300}}', "pick 2 has x, y, z, .*up to"),
        ('{"location": {"x": 1, "y": 2, "z": ' + "9" * 400 + "}}", "line 2 has 999"),
    ],
)
def test_points_that_are_none(tmp_path, line, message):
    path = tmp_path / "ribosome"
    path.write_text('{"location": {"x": 1, "y": 2, "z": 3}}\n' + line + "\n")
    with pytest.raises(ValueError, match=f"ribosome.*{message}"):
        read(path)


# IMOD


def model(*objects, end=b"IEOF"):
    """Return an IMOD model of objects (name, contours), by its documentation."""
    raw = b"IMODV1.2" + struct.pack(">128s", b"a model")
    raw += struct.pack(">4iI4i", 150, 120, 64, len(objects), 0, 1, 1, 0, 255)
    raw += struct.pack(">6f5i", 0, 0, 0, 1, 1, 1, 0, 0, -1, 3, 128)
    raw += struct.pack(">f2i3f", 1, -9, 0, 0, 0, 0)
    assert len(raw) == 240
    for name, contours in objects:
        raw += b"OBJT" + struct.pack(">64s64x", name)
        raw += struct.pack(
            ">iI2i3fi8B2i", len(contours), 0, 0, 1, 0, 1, 0, 0, *[1] * 8, 1, 0
        )
        for points in contours:
            raw += b"CONT" + struct.pack(">iI2i", len(points), 0, 0, 0)
            raw += b"".join(struct.pack(">3f", *point) for point in points)
            raw += b"LABL" + struct.pack(">i", 6) + b"points"
        raw += b"MESH" + struct.pack(">2iI2h", 2, 3, 0, 0, 0) + bytes(2 * 12 + 3 * 4)
        raw += b"IMAT" + struct.pack(">i", 16) + bytes(16)
    return raw + b"VIEW" + struct.pack(">i", 4) + bytes(4) + end


POINT = (30.5, 40.5, 20.0)


def test_points_of_imod_are_half_a_voxel_off_in_x_and_y(tmp_path, caplog):
    path = tmp_path / "virus"
    path.write_bytes(model((b"", [[POINT], [], [(1.5, 2.5, 3.0)]]), (b"", [])))
    places = [PLACE_ZYX, [30, 20, 10]]
    assert check(path, caplog, "IMOD model", places, "virus") == []


def test_a_signaling_nan_in_imod_is_one_error_and_no_warning(tmp_path):
    path = tmp_path / "a.mod"
    whole = model((b"virus", [[(5.0, 6.0, 7.0)]]))
    five = np.array(5.0, ">f4").tobytes()
    assert whole.count(five) == 1
    path.write_bytes(whole.replace(five, b"\x7f\x80\x00\x01"))
    with pytest.raises(ValueError, match=r"a.mod: point 1 is not finite"):
        read(path)


def test_objects_with_names_are_classes(tmp_path):
    path = tmp_path / "a.mod"
    path.write_bytes(model((b"virus", [[POINT]]), (b"ribosome", [[(1, 2, 3)]])))
    assert read(path)[0].particle.tolist() == ["virus", "ribosome"]
    path.write_bytes(model((b"gold", [[POINT]])))
    with pytest.raises(ValueError, match=r"a.mod has picks of 'gold'; expected ribos"):
        read(path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"IMODV1.1" + bytes(300), "is no whole IMOD model"),
        (model()[:100], "is no whole IMOD model: it has 100 bytes"),
        (model((b"", [[POINT]]), end=b""), "part b'' at byte .* 0 are left; copy"),
        (model((b"", [[POINT]]))[:450], "is damaged or truncated"),
        (model((b"", [[(1, 2, float("nan"))]])), "point 1 is not finite"),
    ],
)
def test_models_that_are_none(tmp_path, raw, message):
    path = tmp_path / "ribosome.mod"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f"ribosome.mod.*{message}"):
        read(path)


# Dynamo


def row(tag, tomogram, xyz, cc=0.0, shift=(0, 0, 0)):
    values = ["0"] * 35
    values[0], values[9], values[19] = str(tag), str(cc), str(tomogram)
    values[3:6], values[23:26] = map(str, shift), map(str, xyz)
    values[27] = "0+1.5i"  # Dynamo writes complex axes
    return " ".join(values) + "\n"


def test_a_table_of_dynamo(tmp_path, caplog):
    path = tmp_path / "ribosome.tbl"
    path.write_text(row(1, 7, (30, 40, 20)))
    (warning,) = check(path, caplog, "Dynamo table")
    assert "do not say whether the first voxel is 0 or 1; taken as 0" in warning
    path.write_text(row(1, 7, (30, 40, 20), 0.25, (0, 1.5, 0)))
    picks, warnings = read(path)
    assert len(warnings) == 1
    assert picks.score.tolist() == [0.25]
    assert picks.position_zyx.tolist() == [[200, 415, 300]]


@pytest.mark.parametrize("name", ["ribosome.doc", "indices_column20.doc"])
def test_a_tables_tomograms_have_names_in_its_doc(tmp_path, name):
    path = tmp_path / "ribosome.tbl"
    path.write_text(row(1, 2, (30, 40, 20)) + row(2, 5, (1, 2, 3)))
    with pytest.raises(
        ValueError, match=r"holds tomograms 2, 5 .* no ribosome.doc .*'1 TS_01.mrc'"
    ):
        read(path)
    (tmp_path / name).write_text("2 /data/rec/TS_2.mrc\n5 C:\\data\\TS_1.rec\n")
    assert read(path)[0].position_zyx.tolist() == [[30, 20, 10]]
    assert read(path, "TS_2")[0].position_zyx.tolist() == [PLACE_ZYX]
    (tmp_path / name).write_text("2 TS_2.mrc\n")
    with pytest.raises(ValueError, match=f"{name} does not name tomogram 5 of ribos"):
        read(path)
    (tmp_path / name).write_text("2 TS_2.mrc too much\n")
    with pytest.raises(ValueError, match=f"{name}, line 1 is '2 TS_2.mrc too much'"):
        read(path)


def test_tables_that_are_none(tmp_path):
    path = tmp_path / "ribosome.tbl"
    path.write_text(row(1, 1, (1, 2, 3)) + "2 1 0 0\n")
    with pytest.raises(ValueError, match="line 2 has 4 columns; expected 26 or more"):
        read(path)
    path.write_text(row(1, 1, (1, 2, 3)) + row(2, 1, (1, "NaN", 3)))
    with pytest.raises(ValueError, match="line 2 has 'NaN'; expected a finite number"):
        read(path)


# TomoTwin, crYOLO, EMAN2


def test_coords_of_tomotwin(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text("# a comment\n30 40 20\r\n\n 1.5\t2.5 3.5\n")
    places = [PLACE_ZYX, [35, 25, 15]]
    assert check(path, caplog, "TomoTwin coords", places) == []
    path.write_text("30 40 20\n1 2\n")
    with pytest.raises(ValueError, match="line 2 has 2 values; expected x y z"):
        read(path)
    path.write_text("30 40 20\n1 2 inf\n")
    with pytest.raises(ValueError, match="line 2 has 'inf'; expected a finite number"):
        read(path)


CBOX = """
data_global

_cbox_version 1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Depth #6
_EstWidth #7
_EstHeight #8
_Confidence #9
_NumBoxes #10
_Angle #11
11.5 22.0 20.0 37 36 37 {est} 37.0 0.5 <NA> <NA>

data_cryolo_include

loop_
_slice_index #1
"""


def test_boxes_of_cryolo_have_corners_and_a_central_slice(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(CBOX.format(est="nan"))
    assert check(path, caplog, "CBOX", score=0.5) == []
    path.write_text(CBOX.format(est="1").replace("_CoordinateZ #3", "_Other #3"))
    with pytest.raises(ValueError, match="no column CoordinateZ: its boxes are of sin"):
        read(path)
    path.write_text(CBOX.format(est="1").replace(" 37 36", " <NA> 36"))
    with pytest.raises(ValueError, match="row 1 has no Width"):
        read(path)


def test_boxes_of_eman2_count_from_the_centre(tmp_path, caplog):
    path = tmp_path / "a_info.json"
    # x: (30 - 75) · 10 / 2.5; y: (40 - 60) · 4; z: (20 - 32) · 4.
    content = {
        "apix_unbin": 2.5,
        "boxes_3d": [[-180, -80, -48, "tm", 0.5, 1]],
        "class_list": {"0": {"name": "virus"}, "1": {"name": "ribosome"}},
    }
    path.write_text(json.dumps(content))
    assert check(path, caplog, "EMAN2 json", score=0.5) == []
    # The file's own pixel size is that of its numbers.
    assert read(path, tilt_pixel_size=3.0)[0].position_zyx.tolist() == [PLACE_ZYX]


def test_boxes_of_eman2_without_apix_are_voxels(tmp_path, caplog):
    path = tmp_path / "ribosome_info.json"
    path.write_text(
        json.dumps({"boxes_3d": [[30, 40, 20, "manual", 0.0, 0]]}, indent=1)
    )
    assert check(path, caplog, "EMAN2 json") == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"boxes_3d": 7}, "has boxes_3d 7; expected"),
        ({"boxes_3d": [[1, 2]]}, r"box 1 is \[1, 2\]; expected"),
        ({"boxes_3d": [[1, 2, None]]}, "box 1 has None; expected a finite"),
        ({"apix_unbin": "x"}, "apix_unbin has 'x'; expected a finite"),
        ({"apix_unbin": 0}, "pixel size is 0 Å; expected 0.01 to 1000"),
        (
            {"class_list": {"7": {"name": "a"}}},
            "box 1 is of class '0', which class_list",
        ),
        ({"class_list": [1]}, r"has class_list \[1\]; expected"),
    ],
)
def test_boxes_that_are_none(tmp_path, more, message):
    path = tmp_path / "ribosome.json"
    path.write_text(json.dumps({"boxes_3d": [[1, 2, 3, "tm", 1, 0]], **more}))
    for t in (None, 2.5):
        with pytest.raises(ValueError, match=f"ribosome.json.*{message}"):
            read(path, tilt_pixel_size=t)


# pytom-match-pick and Warp

PYTOM = (
    "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnCoordinateZ #3\n"
    "_rlnAngleRot #4\n_rlnLCCmax #5\n_rlnCutOff #6\n_rlnDetectorPixelSize #7\n"
    "_rlnMicrographName #8\n30 40 20 12.5 0.25 0.1 {size} TS_1\n"
)


def test_pytoms_voxels_have_their_size_beside_them(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(PYTOM.format(size=10.01))
    kind = "pytom-match-pick STAR"
    assert check(path, caplog, kind, score=0.25) == []
    path.write_text(PYTOM.format(size=20))
    with pytest.raises(
        ValueError, match=r"counts voxels of 20 Å \(rlnDetectorPixelSize\); expected"
    ):
        read(path)


def test_pytoms_relion_5_mode(tmp_path, caplog):
    path = tmp_path / "ribosome"
    text = PYTOM.format(size=10).replace("rlnMicrographName", "rlnTomoName")
    text = text.replace("rlnDetectorPixelSize", "rlnTomoTiltSeriesPixelSize")
    for axis in "XYZ":
        text = text.replace(f"rlnCoordinate{axis}", f"rlnCenteredCoordinate{axis}Angst")
    path.write_text(text.replace("\n30 40 20", "\n-450 -200 -120"))
    assert check(path, caplog, "RELION 5 STAR", score=0.25) == []


WARP = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"


def test_warps_fractions_of_the_tomogram(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(WARP + f"_rlnMicrographName\n0.2 {40 / 120} 0.3125 TS_1.tomostar\n")
    assert check(path, caplog, "Warp STAR") == []
    assert read_coordinates(path).unit == "fractions of the tomogram"
    # One number above 1, or whole numbers alone, are voxels.
    for numbers in ("0.2 0.5 1.25", "0 1 1"):
        path.write_text(WARP + f"_rlnMicrographName\n{numbers} TS_1.tomostar\n")
        assert read_coordinates(path).unit == "voxels"


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


def test_a_tomogram_may_be_called_as_a_block_of_star(tmp_path):
    path = tmp_path / "ribosome.csv"
    for mark in (",", "\t"):
        rows = ["tomogram,particle,x,y,z", "data_01,ribosome,300,400,200"]
        path.write_text("\n".join(rows).replace(",", mark) + "\n")
        picks, warnings = read(path, "data_01")
        assert (picks.position_zyx.tolist(), warnings) == ([PLACE_ZYX], [])
    path.write_text("  data_ # a comment\r\n" + WARP.partition("\n")[2] + "30 40 20\n")
    assert read(path)[0].position_zyx.tolist() == [PLACE_ZYX]


def test_a_folder_is_told_as_such(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder; expected a file of picks, n"):
        read(tmp_path)


def test_an_index_cannot_name_itself_or_folders(tmp_path):
    path = tmp_path / "index.star"
    for name in ("index.star", ".", "a" * 300, "/dev/zero"):
        path.write_text(
            "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\nTS_1 "
            + name
            + "\n"
        )
        with pytest.raises(ValueError, match=r"has no coordinates|does not exist"):
            read(path)


# Units


def test_a_missing_pixel_size_of_the_tilt_series_names_the_column(tmp_path):
    path = tmp_path / "ribosome"
    path.write_text(WARP + "_rlnTomoName\n121 161 81 TS_1\n")
    with pytest.raises(ValueError, match="fill in the column tilt_pixel_size of the t"):
        read(path)
    assert read(path, tilt_pixel_size=2.5)[0].position_zyx.tolist() == [PLACE_ZYX]
    # Coordinates that were left in the binned tomogram's voxels.
    path.write_text(WARP + "_rlnTomoName\n" + "149 100 60 TS_1\n" * 2)
    assert read(path, tilt_pixel_size=2.5)[0].position_zyx[0, 0] == 147.5


def test_two_pixel_sizes_of_the_tilt_series_are_told(tmp_path):
    path = tmp_path / "ribosome"
    path.write_text(
        "# tilt_series_pixel_size: 2.0\n" + WARP + "_rlnTomoName\n121 161 81 TS_1\n"
    )
    picks, (warning,) = read(path, tilt_pixel_size=2.5)
    assert picks.position_zyx.tolist() == [PLACE_ZYX]
    assert "tilt_pixel_size 2.5 Å was set, the file says 2 Å" in warning
    assert read(path, tilt_pixel_size=2.01)[1] == []
    picks, warnings = read(path)
    assert (picks.position_zyx.tolist(), warnings) == ([[160, 320, 240]], [])


def spread(num):
    """Return `(num, 3)` voxels x, y, z that fill the tomogram."""
    place = np.random.default_rng(0).uniform(0.02, 0.98, (num, 3))
    return place * (np.array(SHAPE[::-1]) - 1)


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


def test_our_own_files_are_believed(tmp_path):
    picks = picks_from_arrays(spread(20)[:, ::-1], ["ribosome"] * 20)
    write_picks(tmp_path / "a.star", picks)
    assert len(read(tmp_path / "a.star")[0]) == 20


@pytest.mark.parametrize("stray", [149.7, -0.6])
@pytest.mark.parametrize("num", [40, 1])
def test_a_stray_pick_is_no_other_unit(tmp_path, stray, num):
    xyz = spread(num) / 3 + 20
    xyz[-1, 0] = stray
    path = tmp_path / "ribosome"
    path.write_text("".join("{} {} {}\n".format(*row) for row in xyz))
    if num > 1:
        picks, (text,) = read(path)
        assert len(picks) == num - 1
        assert f"has 1 of {num} picks outside" in text
        assert text.endswith("; left out")
    with pytest.raises(ValueError, match=f"has 1 of {num} picks outside") as caught:
        read(path, outside="error")
    text = str(caught.value)
    assert f"the first, pick {num}, at x, y, z ({stray * V:.4g}," in text
    assert f"voxel ({stray:.4g}," in text
    assert "remove picks that lie outside" in text
    assert "--unit" not in text


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


def test_relion_5s_other_centre_is_told_by_the_caller(tmp_path):
    one = centre_position(SHAPE, V, 2.5)
    other = centre_position(SHAPE, V, 2.5, "size/2-1")
    assert (one - other).tolist() == [2.5, 2.5, 2.5]


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


def test_ais_writes_voxels_beside_relions_names(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(WARP + "_rlnTomoName\n_aisParticleSize\n30 40 20 TS_1 9\n")
    (warning,) = check(path, caplog, "Ais STAR")
    assert "is of Ais; read as voxels, not as unbinned pixels" in warning
    path.write_text(
        WARP + "_rlnMicrographName\n_aisParticleSize\n30 40 20 TS_1.mrc 9\n"
    )
    assert check(path, caplog, "Ais STAR") == []
