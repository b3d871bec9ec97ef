"""Orientations in every kind of file: there and back, published examples, mistakes."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from picker.core.picks import picks_from_arrays
from picker.core.rotations import random_rotations, reversed_axes
from picker.formats.picks import motive_lists
from picker.formats.picks.angles import (
    dynamo_from_rotation,
    motl_from_rotation,
    relion_from_rotation,
    rotation_from_dynamo,
    rotation_from_motl,
    rotation_from_relion,
)
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.star import read_picks, write_picks
from tests.unit.core.test_rotations import degrees_apart
from tests.unit.formats.examples import PARTICLE, SHAPE, T, V, random_picks, write_kind

KINDS = (
    *("picker", "relion5", "relion4", "relion3", "warp", "copick", "portal"),
    *("dynamo", "stopgap", "av3", "peet"),
)
TURNS = random_rotations(30, np.random.default_rng(1))
# No turn at all, and tilts of 0, 90 and 180.
TURNS[0] = np.eye(3)
TURNS[1:4] = [
    rotation_from_relion(np.array([angles]))[0]
    for angles in ([30.0, 0, 20], [30, 90, 20], [30, 180, 20])
]
LIMIT = 1e-4  # degrees


@pytest.fixture(scope="module")
def truth():
    picks = random_picks(np.random.default_rng(0), 30)
    # Whole voxels: RELION 3.1 has no others, and picks are told apart by their places.
    position = np.round(picks.position_zyx / V) * V
    return replace(picks, position_zyx=position, rotation=TURNS)


def read(path):
    return read_known_picks([path], "TS_1", [PARTICLE], V, SHAPE, T)[0]


def test_each_kind_gives_orientations_to_each_other(truth, tmp_path):
    for first, second in itertools.product(KINDS, KINDS):
        folder = tmp_path / f"{first}_{second}"
        (folder / "1").mkdir(parents=True)
        (folder / "2").mkdir()
        once = read(write_kind(first, folder / "1", truth))
        again = read(write_kind(second, folder / "2", once))
        assert degrees_apart(again.rotation, TURNS) < LIMIT, (first, second)
        assert np.abs(again.position_zyx - truth.position_zyx).max() < 1e-3 * V


@pytest.mark.parametrize("kind", KINDS)
def test_files_without_orientations_are_read_without(kind, truth, tmp_path):
    path = write_kind(kind, tmp_path, replace(truth, rotation=None))
    assert read(path).rotation is None
    if path.suffix == ".star" and kind != "stopgap":
        assert "rlnAngle" not in path.read_text()


# What the programs' angles mean, by where the particle's axes point, in x, y, z.
TILTED = [
    # RELION: the particle's z axis is seen along the view (rot, tilt).
    (rotation_from_relion, (0, 90, 0), "z", (-1, 0, 0)),
    (rotation_from_relion, (90, 0, 0), "x", (0, -1, 0)),
    # psi after tilt after rot: rot takes y to x, tilt x to z, psi leaves z.
    (rotation_from_relion, (90, 90, 90), "y", (0, 0, 1)),
    (rotation_from_dynamo, (0, 90, 0), "z", (0, 1, 0)),
    (rotation_from_dynamo, (90, 0, 0), "x", (0, -1, 0)),
    # Motive lists: phi about z first, theta about x, psi about z.
    (rotation_from_motl, (0, 0, 90), "z", (0, -1, 0)),
    (rotation_from_motl, (90, 0, 0), "x", (0, 1, 0)),
    (rotation_from_motl, (90, 0, 90), "x", (0, 0, 1)),
    (rotation_from_motl, (0, 90, 90), "z", (1, 0, 0)),
]


@pytest.mark.parametrize(("rotation_of", "angles", "axis", "expected"), TILTED)
def test_where_axes_point(rotation_of, angles, axis, expected):
    rotation = reversed_axes(rotation_of(np.array([angles], float)))[0]
    np.testing.assert_allclose(rotation[:, "xyz".index(axis)], expected, atol=1e-12)


def test_a_matrix_that_dynamo_computed():
    """By dynamo_euler2matrix, to four decimals; what turns particles is its inverse.

    Source: alisterburt/autoboxer's tests, of -155.55, 63.924, 197.81.
    """
    matrix = [[0.811, -0.5165, -0.2747], [0.4516, 0.2544, 0.8552]]
    matrix.append([-0.3718, -0.8177, 0.4396])
    rotation = rotation_from_dynamo(np.array([[-155.55, 63.924, 197.81]]))
    np.testing.assert_allclose(reversed_axes(rotation)[0].T, matrix, atol=1e-4)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (relion_from_rotation, rotation_from_relion),
        (dynamo_from_rotation, rotation_from_dynamo),
        (motl_from_rotation, rotation_from_motl),
    ],
)
def test_angles_and_rotations_are_inverse(there, back):
    assert degrees_apart(back(there(TURNS)), TURNS) < 1e-10


COLUMNS = ["rlnTomoName", *(f"rlnCenteredCoordinate{a}Angst" for a in "XYZ")]
ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
SUBTOMOGRAM = [f"rlnTomoSubtomogram{a}" for a in ("Rot", "Tilt", "Psi")]


def star(path, columns, *rows):
    names = [f"_{name}" for name in columns]
    path.write_text("\n".join(["data_particles", "loop_", *names, *rows, ""]))
    return path


def test_a_particle_turns_with_its_subtomogram(tmp_path):
    """Angles of a file of RELION 5.

    Source: hanjinliu/cylindra, tests of its RELION builtins, run_it025_data.star.
    """
    of_subtomogram = [174.931305, 90.261512, -129.54646]
    of_particle = [27.128677, 92.568990, 6.654494]
    path = tmp_path / "ribosome.star"
    row = " ".join(map(str, ["TS_1", 0, 0, 0, *of_subtomogram, *of_particle]))
    star(path, [*COLUMNS, *SUBTOMOGRAM, *ANGLES], row)
    expected = np.eye(3)
    for phi, theta, chi in (of_subtomogram, of_particle):
        # Written out as RELION's anglesToMatrix3.
        (sp, st, sc), (cp, ct, cc) = (
            f(np.deg2rad([phi, theta, chi])) for f in (np.sin, np.cos)
        )
        expected = expected @ [
            [cc * ct * cp - sc * sp, cc * ct * sp + sc * cp, -cc * st],
            [-sc * ct * cp - cc * sp, -sc * ct * sp + cc * cp, sc * st],
            [st * cp, st * sp, ct],
        ]
    found = reversed_axes(read(path).rotation)
    np.testing.assert_allclose(found[0], expected, atol=1e-12)
    star(path, [*COLUMNS, *SUBTOMOGRAM], row.rsplit(maxsplit=3)[0])
    alone = rotation_from_relion(np.array([of_subtomogram]))
    np.testing.assert_allclose(read(path).rotation, alone, atol=1e-12)


@pytest.mark.parametrize("bad", ["nan", "<NA>", "up"])
def test_a_bad_angle_is_named_with_its_row(tmp_path, bad):
    path = tmp_path / "ribosome.star"
    star(path, [*COLUMNS, *ANGLES], "TS_1 0 0 0 1 2 3", f"TS_1 0 0 0 1 {bad} 3")
    with pytest.raises(ValueError, match=r"ribosome.star: row 2 has .*rlnAngleTilt"):
        read(path)


def test_a_missing_column_of_angles_is_named(tmp_path):
    path = tmp_path / "ribosome.star"
    for three in (ANGLES, SUBTOMOGRAM):
        star(path, [*COLUMNS, *three[1:]], "TS_1 0 0 0 1 2")
        with pytest.raises(ValueError, match=rf"has {three[1]}, {three[2]} alone; exp"):
            read(path)
    star(path, [*COLUMNS, "rlnAnglePsi"], "TS_1 0 0 0 1")
    assert read(path).rotation is None
    (warning,) = read_coordinates(path).warnings
    assert "rlnAnglePsi alone, an angle in an image, is not read" in warning


def test_priors_of_angles_are_none(tmp_path):
    path = tmp_path / "ribosome.star"
    priors = [f"{name}Prior" for name in ANGLES[1:]]
    star(path, [*COLUMNS, *priors], "TS_1 0 0 0 90 nan")
    assert read(path).rotation is None


def test_our_own_files_have_nan_where_orientations_are_unknown(tmp_path):
    path = tmp_path / "a.star"
    rotation = TURNS[:4].copy()
    rotation[2] = np.nan
    picks = picks_from_arrays(np.zeros((4, 3)), ["a"] * 4, None, rotation)
    write_picks(path, picks)
    assert path.read_text().count("nan nan nan") == 1
    again = read_picks(path).rotation
    assert np.isnan(again[2]).all()
    some = [0, 1, 3]
    assert degrees_apart(again[some], rotation[some]) < 1e-10
    # A turn of nothing is known here: the program wrote it, and knows.
    assert degrees_apart(again[:1], np.eye(3)[None]) == 0
    path.write_text(path.read_text().replace("nan nan nan", "nan 3 nan"))
    with pytest.raises(ValueError, match="row 3 has no rlnAngleRot but other angles"):
        read_picks(path)


def points(path, *matrices):
    """Write the same matrices for copick and the portal; return both files."""
    content = {
        "pickable_object_name": "ribosome",
        "run_name": "TS_1",
        "points": [
            {
                "location": {"x": 0, "y": 0, "z": 0},
                "transformation_": [*([*row, 0] for row in matrix), [0, 0, 0, 1]],
            }
            for matrix in matrices
        ],
    }
    (path / "a.json").write_text(json.dumps(content))
    lines = [
        {
            "type": "orientedPoint",
            "location": {"x": 0, "y": 0, "z": 0},
            "xyz_rotation_matrix": matrix,
        }
        for matrix in matrices
    ]
    (path / "ribosome.ndjson").write_text("\n".join(map(json.dumps, lines)))
    return path / "a.json", path / "ribosome.ndjson"


BAD_MATRICES = [
    ([[1, 0, 0], [0, 1, 0], [0, 0, -1]], "is left-handed: it mirrors"),
    ([[1, 0, 0], [0, 1, 0], [0, 0.2, 1]], "is not orthogonal"),
    ([[2, 0, 0], [0, 2, 0], [0, 0, 2]], "is not orthogonal"),
]


@pytest.mark.parametrize(("matrix", "why"), BAD_MATRICES)
def test_a_matrix_that_is_no_rotation_is_refused(tmp_path, matrix, why):
    for path in points(tmp_path, np.eye(3).tolist(), matrix):
        with pytest.raises(ValueError, match=rf"{path.name}, point 2 has .* {why};"):
            read(path)


def test_a_matrix_of_another_shape_or_nan_is_refused(tmp_path):
    good = np.eye(3).tolist()
    _, path = points(tmp_path, good, good[:2])
    with pytest.raises(ValueError, match=r"line 2 has xyz_rotation_m.* three rows"):
        read(path)
    bad = [[float("nan"), 0, 0], *good[1:]]
    copick, portal = points(tmp_path, good, bad)
    with pytest.raises(ValueError, match="point 2 has a matrix that is not finite"):
        read(copick)
    with pytest.raises(ValueError, match="line 2, xyz_rotation_matrix has nan"):
        read(portal)


def test_rounded_matrices_are_read(tmp_path):
    for path in points(tmp_path, *np.round(reversed_axes(TURNS), 3).tolist()):
        one = read_coordinates(path).rotation
        assert degrees_apart(one, TURNS) < 0.1


def test_orientations_that_copick_does_not_trust_are_not_read(tmp_path):
    path, _ = points(tmp_path, reversed_axes(TURNS)[5].tolist())
    assert read(path).rotation is not None
    content = json.loads(path.read_text()) | {"trust_orientation": False}
    path.write_text(json.dumps(content))
    assert read(path).rotation is None


def test_copicks_table_has_rotations(tmp_path):
    path = tmp_path / "a.csv"
    names = [f"transform_{row}{column}" for row in range(3) for column in range(4)]
    matrix = reversed_axes(TURNS)
    rows = [
        ["TS_1", "ribosome", i, 0, 0, *np.c_[matrix[i], [1, 2, 3]].ravel()]
        for i in (5, 6)
    ]
    rows.append(["TS_1", "ribosome", 9, 0, 0, *[""] * 12])
    header = ["run_name", "object", "x", "y", "z", *names]
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]))
    picks = read(path)
    assert degrees_apart(picks.rotation[:2], TURNS[5:7]) < 1e-10
    assert np.isnan(picks.rotation[2]).all()
    path.write_text(path.read_text().replace(str(matrix[5, 1, 1]), ""))
    with pytest.raises(ValueError, match=r"a.csv, pick 1 has .* is not finite"):
        read(path)


STOPGAP = """
data_stopgap_motivelist

loop_
_motl_idx
_tomo_num
_object
_subtomo_num
_halfset
_orig_x
_orig_y
_orig_z
_score
_x_shift
_y_shift
_z_shift
_phi
_psi
_the
_class

6 24 1 6 A 82 75 67 0.5452 0.2121 0.6012 5.4676 33.2584 65.255699 8.6516 3
"""


def test_a_motive_list_of_stopgap(tmp_path):
    path = tmp_path / "ribosome.star"
    path.write_text(STOPGAP)
    picks = read(path)
    index = np.array([67 + 5.4676, 75 + 0.6012, 82 + 0.2121]) - 1
    np.testing.assert_allclose(picks.position_zyx, [index * V])
    assert picks.score.tolist() == [np.float32(0.5452)]
    angles = motl_from_rotation(picks.rotation)
    np.testing.assert_allclose(angles, [[33.2584, 65.255699, 8.6516]])
    path.write_text(STOPGAP + STOPGAP.splitlines()[-1].replace(" 24 ", " 25 ") + "\n")
    with pytest.raises(ValueError, match=r"24, 25 \(column tomo_num\) and no ribos"):
        read(path)
    path.with_suffix(".doc").write_text("24 TS_1.rec\n25 TS_2.rec\n")
    assert len(read(path)) == 1
    path.write_text(STOPGAP.replace(" 8.6516", ""))
    with pytest.raises(ValueError, match="row 1 has no class"):
        read(path)
    path.write_text(STOPGAP.replace(" 8.6516", " nan"))
    with pytest.raises(ValueError, match="row 1 has no the"):
        read(path)


def test_stopgap_finds_its_columns_as_it_writes_them(truth, tmp_path):
    """Its reader compares whole lines with the names: no numbers behind them."""
    text = write_kind("stopgap", tmp_path, truth).read_text()
    names = [line for line in text.splitlines() if line.startswith("_")]
    assert names == [line for line in STOPGAP.splitlines() if line.startswith("_")]
    rows = [line.split() for line in text.splitlines() if line.endswith(" 1")]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 31)]
    assert {row[4] for row in rows} == {"A", "B"}


def test_a_motive_list_of_av3_that_is_damaged(truth, tmp_path):
    path = write_kind("av3", tmp_path, truth)
    data = path.read_bytes()
    assert len(data) == 512 + 30 * 20 * 4
    path.write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"truncated: its header announces 30 par"):
        read(path)
    values = np.frombuffer(data, "<f4", offset=512).reshape(30, 20).copy()
    values[3, 17] = np.nan
    path.write_bytes(data[:512] + values.tobytes())
    with pytest.raises(ValueError, match="particle 4 has no finite number in row 18"):
        read(path)
    # Big-endian, as old machines wrote it.
    swapped = bytes([5, 0, 0, 5]) + np.array([20, 30, 1], ">i4").tobytes()
    stored = np.frombuffer(data, "<f4", offset=512).astype(">f4").tobytes()
    path.write_bytes(swapped.ljust(512, b"\0") + stored)
    assert degrees_apart(read(path).rotation, TURNS) < LIMIT
    assert not motive_lists.is_av3(b"IMODV1.2" * 4)


def test_a_list_of_peet_belongs_to_its_model(truth, tmp_path):
    path = write_kind("peet", tmp_path, truth)
    file = path.with_suffix(".csv")
    lines = file.read_text().splitlines()
    # Offsets are voxels to add; PEET puts its version behind the header.
    cells = lines[1].split(",")
    cells[10:13] = ["1", "-2", "0.5"]
    other = tmp_path / "TS_1_ribosome_initMOTL.csv"
    other.write_text("\n".join([lines[0] + ",PEET 1.16", ",".join(cells), *lines[2:]]))
    file.write_text("x,y,z\n1,2,3\n")
    moved = (read(path).position_zyx[0] - truth.position_zyx[0]) / V
    np.testing.assert_allclose(moved, [0.5, -2, 1], atol=1e-4)
    other.write_text("\n".join(lines[:-1]))
    with pytest.raises(
        ValueError, match=r"initMOTL.csv has 29 rows, but TS_1_ribosome"
    ):
        read(path)
    other.write_text("\n".join([*lines[:-1], lines[-1].rpartition(",")[0]]))
    with pytest.raises(ValueError, match="row 30 has 19 values; expected 20"):
        read(path)
    other.write_text("\n".join([*lines[:-1], "nan" + lines[-1]]))
    with pytest.raises(ValueError, match="row 30 has 'nan"):
        read(path)
    other.unlink()
    assert read(path).rotation is None
