"""The libraries of other programs read our files, and we read theirs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from picker.config import CopickSettings, ExportSettings, Particle
from picker.core.picks import picks_from_arrays
from picker.core.rotations import random_rotations
from picker.formats.picks.angles import rotation_from_dynamo
from picker.formats.picks.copick_layout import find_tomograms
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import write_picks
from picker.formats.picks.targets import write_target
from picker.formats.volumes import mrc, ome_zarr
from picker.formats.volumes.read import read_tomogram
from picker.project.manifests import write_manifest
from tests.unit.predicted import picked
from tests.workflow.project import ROOT

pytestmark = pytest.mark.interop

HERE = Path(__file__).parent
VOXEL_SIZE, TILT = 10.0, 2.5
SHAPE = (18, 20, 28)
PARTICLES = [
    {"name": "ribosome", "radius": 150.0, "color": "#0a141e"},
    {"name": "beta_amylase", "radius": 65.0, "color": "#ff0000"},
    {"name": "never", "radius": 40.0, "color": "#00ff00"},
]
TARGETS = (
    *("relion5", "relion4", "relion3", "warp", "copick"),
    *("imod", "dynamo", "cbox"),
)
# Tomogram: particle, position z, y, x [Å], score.
PICKS = {
    "TS_01": [
        ("ribosome", (102.5, 41.25, 260.0), 0.875),
        ("ribosome", (0.0, 190.0, 270.0), 0.5),
        ("beta_amylase", (170.0, 0.0, 14.0), 1.0),
    ],
    "01": [("ribosome", (33.0, 100.0, 99.0), 0.25)],
}


def ask(environment, question, *arguments):
    """Let the Python of another environment answer a question about files."""
    done = subprocess.run(
        [
            ROOT / ".venv-interop" / environment / "bin" / "python",
            HERE / f"with_{environment}.py",
            question,
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return a folder with what the verb exports for each target."""
    folder = tmp_path_factory.mktemp("exported")
    entries = []
    for name, rows in PICKS.items():
        path = folder / "picks" / f"{name}.star"
        particle, position_zyx, score = zip(*rows, strict=True)
        write_picks(path, picks_from_arrays(list(position_zyx), particle, list(score)))
        entries.append(picked(path, name, voxel_size=VOXEL_SIZE, shape_zyx=SHAPE))
    write_manifest(folder / "pick.json", entries)
    (folder / "particles.json").write_text(json.dumps(PARTICLES))
    settings = {"tilt_series_pixel_size": TILT, "user_id": "me", "session_id": "7"}
    (folder / "export.json").write_text(json.dumps(settings))
    for target in TARGETS:
        subprocess.run(
            [
                *(sys.executable, "-m", "picker", "export", "--target", target),
                *("--manifests", folder / "pick.json", "--output", folder / target),
                *("--settings", folder / "particles.json", folder / "export.json"),
            ],
            cwd=ROOT,
            check=True,
        )
    return folder


def test_copick_opens_the_exported_project(exported):
    found = ask("copick", "read_project", exported / "copick" / "copick_config.json")
    assert found["objects"] == [
        {
            "name": particle["name"].replace("_", "-"),
            "is_particle": True,
            "label": label,
            "color": [*bytes.fromhex(particle["color"][1:]), 255],
            "radius": particle["radius"],
        }
        for label, particle in enumerate(PARTICLES, 1)
    ]
    # A file for each tomogram and class, also without points.
    assert len(found["picks"]) == len(PICKS) * len(PARTICLES)
    assert {(one["user"], one["session"]) for one in found["picks"]} == {("me", "7")}
    theirs = {
        (one["run"], one["object"]): list(
            zip(one["position_xyz"], one["score"], strict=True)
        )
        for one in found["picks"]
    }
    ours = {
        (name, particle["name"].replace("_", "-")): [
            ([x, y, z], score)
            for mine, (z, y, x), score in rows
            if mine == particle["name"]
        ]
        for name, rows in PICKS.items()
        for particle in PARTICLES
    }
    assert theirs == ours
    for one in found["picks"]:
        for transform in one["transform"]:
            assert transform == np.eye(4).tolist()


def test_what_copick_writes_is_read_as_copick_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    volume = rng.normal(size=SHAPE).astype(np.float32)
    position_xyz = rng.uniform(0, 170, (7, 3))
    score = np.arange(7) / 8
    np.save(tmp_path / "volume.npy", volume)
    np.save(tmp_path / "position_xyz.npy", position_xyz)
    np.save(tmp_path / "shift_xyz.npy", rng.normal(0, 5, (7, 3)))
    np.save(tmp_path / "score.npy", score)
    there_xyz = np.array(ask("copick", "make_project", tmp_path))
    assert np.abs(there_xyz - position_xyz).max() > 1
    (tmp_path / "splits.tsv").write_text("tomogram\tsplit\nTS_01\tlabeled\n")
    settings = CopickSettings(
        root=tmp_path,
        voxel_spacing="10.012",
        tomogram_type="denoised",
        splits=tmp_path / "splits.tsv",
        picks={"labeled": tmp_path},
    )
    (row,) = find_tomograms(settings, ["ribosome"])
    tomogram, warnings = read_tomogram(row.path, row.tomogram)
    assert (tomogram.name, tomogram.voxel_size, warnings) == ("TS_01", 10.012, [])
    np.testing.assert_array_equal(tomogram.volume, volume)
    particles = (Particle(name="ribosome", radius=150),)
    picks, warnings = read_known_picks(
        row.picks, "TS_01", particles, 10.012, tomogram.shape_zyx
    )
    assert warnings == []
    np.testing.assert_array_equal(picks.position_zyx, there_xyz[:, ::-1])
    np.testing.assert_array_equal(picks.score, score)
    # The x axis is turned to y, about z.
    turn = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    expected = np.tile(np.array(turn)[::-1, ::-1], (7, 1, 1))
    np.testing.assert_allclose(picks.rotation, expected, atol=1e-12)


@pytest.fixture(scope="module")
def oriented(tmp_path_factory):
    """Return a folder with picks in random orientations, as files of programs."""
    folder = tmp_path_factory.mktemp("oriented")
    rng = np.random.default_rng(0)
    place = rng.uniform(0, 150, (50, 3))
    turns = random_rotations(50, rng)
    picks = picks_from_arrays(place, ["ribosome"] * 50, None, turns)
    one = TomogramPicks(
        tomogram="TS_01", voxel_size=VOXEL_SIZE, shape_zyx=SHAPE, picks=picks
    )
    particles = [Particle(name="ribosome", radius=150)]
    for target in ("relion5", "dynamo", "stopgap", "av3", "copick"):
        (folder / target).mkdir()
        write_target(target, folder / target, [one], particles, ExportSettings())
    return folder, picks


def test_other_libraries_make_our_rotations_of_our_angles(oriented):
    folder, picks = oriented
    files = ("relion5/ribosome.star", "dynamo/ribosome.tbl", "stopgap/ribosome.star")
    found = ask("libraries", "matrices", *(folder / file for file in files))
    assert sorted(found) == ["dynamo", "eulerangles", "relion", "stopgap"]
    for name, matrix in found.items():
        turns_zyx = np.array(matrix)[:, ::-1, ::-1]
        np.testing.assert_allclose(turns_zyx, picks.rotation, atol=1e-7, err_msg=name)
    angles = ask("libraries", "angles_from_eulerangles", folder / files[0])
    turns_zyx = rotation_from_dynamo(np.array(angles))
    np.testing.assert_allclose(turns_zyx, picks.rotation, atol=1e-7)


def test_copick_has_our_rotations(oriented):
    folder, picks = oriented
    config = folder / "copick" / "copick_config.json"
    (found,) = ask("copick", "read_project", config)["picks"]
    turns = np.array(found["transform"])[:, :3, :3]
    np.testing.assert_allclose(turns[:, ::-1, ::-1], picks.rotation, atol=1e-15)
    np.testing.assert_array_equal(found["position_xyz"], picks.position_zyx[:, ::-1])


def test_copick_reads_our_lists_for_dynamo_and_av3(oriented):
    folder, picks = oriented
    files = (folder / "dynamo" / "ribosome.tbl", folder / "av3" / "ribosome.em")
    lists = ask("copick", "read_lists", *files, str(VOXEL_SIZE))
    assert sorted(lists) == ["av3", "dynamo"]
    for found in lists.values():
        turns = np.array(found["turn"])[:, ::-1, ::-1]
        np.testing.assert_allclose(turns, picks.rotation, atol=1e-6)
        place_zyx = np.array(found["position_xyz"])[:, ::-1]
        np.testing.assert_allclose(place_zyx, picks.position_zyx, atol=1e-4)


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
def test_what_emfile_writes_is_read(tmp_path, dtype):
    volume = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)
    np.save(tmp_path / "volume.npy", volume)
    ask("copick", "write_em", tmp_path / "volume.npy", tmp_path / "a.em")
    tomogram, warnings = read_tomogram(tmp_path / "a.em", "a", VOXEL_SIZE)
    assert warnings == []
    np.testing.assert_array_equal(tomogram.volume, volume)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
def test_mrcfile_finds_our_files_valid(tmp_path, dtype):
    volume = np.zeros(SHAPE, dtype)
    volume[3, 5, 7] = 100
    mrc.write_volume(tmp_path / "a.mrc", volume, 10.012)
    found = ask("libraries", "validate_mrc", tmp_path / "a.mrc")
    assert found["valid"], found["said"]
    np.testing.assert_allclose(found["voxel_size"], 10.012, atol=1e-5)
    assert (found["shape"], found["dtype"]) == (list(SHAPE), dtype)
    assert (found["sum"], found["brightest"]) == (100, [3, 5, 7])


def test_mrcfile_would_find_a_damaged_file_invalid(tmp_path):
    mrc.write_volume(tmp_path / "a.mrc", np.ones(SHAPE, np.float32), 10.012)
    raw = bytearray((tmp_path / "a.mrc").read_bytes())
    raw[80:84] = np.float32(7).tobytes()  # the header's maximum
    (tmp_path / "a.mrc").write_bytes(raw)
    assert not ask("libraries", "validate_mrc", tmp_path / "a.mrc")["valid"]


@pytest.mark.parametrize("compressor", ["none", "zstd"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_ome_zarr_reads_our_volumes(tmp_path, dtype, compressor):
    volume = np.zeros(SHAPE, dtype)
    volume[3, 5, 7] = 100
    path = tmp_path / "TS_01.zarr"
    ome_zarr.write_volume(path, volume, 10.012, {"source": "TS_01.mrc"}, compressor)
    assert ask("libraries", "read_ome_zarr", path) == {
        "model": "ome_zarr_models.v05.image.Image",
        "axes": [{"name": a, "type": "space", "unit": "angstrom"} for a in "zyx"],
        "scale": [[{"type": "scale", "scale": [10.012] * 3}]],
        "shape": list(SHAPE),
        "dtype": dtype,
        "sum": 100,
        "brightest": [3, 5, 7],
    }


@pytest.fixture(scope="module")
def stars(exported):
    """Return folder: file: blocks of all STAR files, as starfile reads them."""
    return {
        name: ask("libraries", "read_stars", exported / name)
        for name in ("picks", "relion5", "relion4", "relion3", "warp")
    }


def rows_of(stars, target, file, block, columns):
    """Return the rows of a file that has one block with exactly these columns."""
    assert list(stars[target][file]) == [block]
    assert stars[target][file][block]["columns"] == columns.split()
    return stars[target][file][block]["rows"]


MERIT = "rlnAutopickFigureOfMerit"
COORDINATES = "rlnCoordinateX rlnCoordinateY rlnCoordinateZ"
CENTERED = " ".join(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")


def test_starfile_reads_our_own_picks(stars):
    assert sorted(stars["picks"]) == ["01.star", "TS_01.star"]
    columns = (
        "pickerPositionX pickerPositionY pickerPositionZ pickerParticle pickerScore"
    )
    assert rows_of(stars, "picks", "TS_01.star", "picks", columns) == [
        [260.0, 41.25, 102.5, "ribosome", 0.875],
        [270.0, 190.0, 0.0, "ribosome", 0.5],
        [14.0, 0.0, 170.0, "beta_amylase", 1.0],
    ]


def test_starfile_reads_relion_5(stars):
    """Of 18 x 20 x 28 voxels of 10 Å the centre lies at z 90, y 100 and x 140 Å."""
    columns = f"rlnTomoName {CENTERED} {MERIT} rlnClassNumber"
    assert rows_of(stars, "relion5", "ribosome.star", "particles", columns) == [
        ["TS_01", 120.0, -58.75, 12.5, 0.875, 1],
        ["TS_01", 130.0, 90.0, -90.0, 0.5, 1],
        ["01", -41.0, 0.0, -57.0, 0.25, 1],
    ]
    assert rows_of(stars, "relion5", "beta_amylase.star", "particles", columns) == [
        ["TS_01", -126.0, -100.0, 80.0, 1.0, 2]
    ]
    assert rows_of(stars, "relion5", "never.star", "particles", columns) == []


def test_starfile_reads_the_index_that_relion_5_imports(stars):
    columns = "rlnTomoName rlnTomoImportParticleFile"
    index = "import/ribosome/index.star"
    assert rows_of(stars, "relion5", index, "particles", columns) == [
        ["TS_01", "coordinates/TS_01.star"],
        ["01", "coordinates/01.star"],
    ]
    columns = f"{CENTERED} {MERIT} rlnClassNumber"
    file = "import/ribosome/coordinates/01.star"
    assert rows_of(stars, "relion5", file, "particles", columns) == [
        [-41.0, 0.0, -57.0, 0.25, 1]
    ]


def test_starfile_reads_relion_4(stars):
    """Pixels of 2.5 Å, the first is 1."""
    columns = f"rlnTomoName {COORDINATES} {MERIT} rlnClassNumber"
    assert rows_of(stars, "relion4", "ribosome.star", "particles", columns) == [
        ["TS_01", 105.0, 17.5, 42.0, 0.875, 1],
        ["TS_01", 109.0, 77.0, 1.0, 0.5, 1],
        ["01", 40.6, 41.0, 14.2, 0.25, 1],
    ]


def test_starfile_reads_relion_3_1(stars):
    """Whole voxels of 10 Å, the first is 0; none lies outside."""
    columns = f"{COORDINATES} {MERIT} rlnClassNumber"
    file = "ribosome/TS_01_pick.star"
    assert rows_of(stars, "relion3", file, "", columns) == [
        [26, 4, 10, 0.875, 1],
        [27, 19, 0, 0.5, 1],
    ]
    file = "ribosome/01_pick.star"
    assert rows_of(stars, "relion3", file, "", columns) == [[10, 10, 3, 0.25, 1]]
    assert rows_of(stars, "relion3", "never/01_pick.star", "", columns) == []


def test_starfile_reads_warp(stars):
    columns = f"{COORDINATES} rlnMicrographName {MERIT}"
    assert rows_of(stars, "warp", "TS_01_ribosome.star", "", columns) == [
        [26.0, 4.125, 10.25, "TS_01.tomostar", 0.875],
        [27.0, 19.0, 0.0, "TS_01.tomostar", 0.5],
    ]
    file = "01_beta_amylase.star"
    assert rows_of(stars, "warp", file, "", columns) == []


def test_every_star_file_that_is_exported_was_read(stars, exported):
    for target, files in stars.items():
        on_disk = {
            str(path.relative_to(exported / target))
            for path in (exported / target).rglob("*.star")
        }
        assert set(files) == on_disk
    assert sum(map(len, stars.values())) == 2 + 3 * 4 + 3 + 6 + 6


def given(path, tomogram, shape=SHAPE, voxel_size=VOXEL_SIZE):
    """Return the picks that we read in a file, of the class ribosome."""
    particles = [Particle(name="ribosome", radius=150)]
    return read_known_picks([path], tomogram, particles, voxel_size, shape)[0]


def many(folder, target, num=1000):
    """Export picks anywhere in a tomogram for a target; return them."""
    shape = (300, 620, 640)
    rng = np.random.default_rng(0)
    position = rng.uniform(-0.5, [n - 0.5 for n in shape], (num, 3)) * VOXEL_SIZE
    picks = picks_from_arrays(position, ["ribosome"] * num, rng.random(num))
    one = TomogramPicks(
        tomogram="TS_01", voxel_size=VOXEL_SIZE, shape_zyx=shape, picks=picks
    )
    particles = [Particle(name="ribosome", radius=150)]
    write_target(target, folder, [one], particles, ExportSettings())
    return picks, shape


def test_imodmodel_reads_our_models(exported, tmp_path):
    """Points of 10 Å voxels, moved by half a voxel in x and y; an object a class."""
    found = ask(
        "libraries", "copy_model", exported / "imod" / "TS_01.mod", tmp_path / "a.mod"
    )
    assert found == [
        [0, 26.5, 4.625, 10.25],
        [0, 27.5, 19.5, 0.0],
        [1, 1.899999976158142, 0.5, 17.0],
    ]


def test_what_imodmodel_writes_is_read(tmp_path):
    picks, shape = many(tmp_path, "imod")
    copy = tmp_path / "ribosome.mod"
    ask("libraries", "copy_model", tmp_path / "TS_01.mod", copy)
    again = given(copy, "TS_01", shape)
    np.testing.assert_allclose(again.position_zyx, picks.position_zyx, atol=1e-3)


def test_dynamotable_reads_our_tables(exported, tmp_path):
    folder = exported / "dynamo"
    files = (folder / "ribosome.tbl", folder / "ribosome.doc", tmp_path / "a.tbl")
    assert ask("libraries", "copy_table", *files) == [
        [26.0, 4.125, 10.25, 0.875, 1, "TS_01.mrc"],
        [27.0, 19.0, 0.0, 0.5, 1, "TS_01.mrc"],
        [9.9, 10.0, 3.3, 0.25, 1, "01.mrc"],
    ]


def test_what_dynamotable_writes_is_read(tmp_path):
    picks, shape = many(tmp_path, "dynamo")
    files = (tmp_path / "ribosome.tbl", tmp_path / "ribosome.doc")
    copy = tmp_path / "copy" / "ribosome.tbl"
    copy.parent.mkdir()
    ask("libraries", "copy_table", *files, copy)
    again = given(copy, "TS_01", shape)
    np.testing.assert_allclose(again.position_zyx, picks.position_zyx, atol=1e-4)
    np.testing.assert_allclose(again.score, picks.score, atol=1e-6)


def test_cryolos_box_manager_reads_our_boxes(exported):
    """Diameter 300 Å are 30 voxels: a corner lies 15 before the centre in x and y."""
    found = ask("libraries", "read_boxes", exported / "cbox" / "TS_01_ribosome.cbox")
    assert found == {
        "tables": ["cryolo", "cryolo_include", "global"],
        "boxes": [[11.0, -10.875, 10.25, 30, 0.875], [12.0, 4.0, 0.0, 30, 0.5]],
    }
