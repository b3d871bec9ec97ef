"""`picker convert` between any two kinds, and what it says where it cannot."""

from __future__ import annotations

import os
import socket

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from picker.__main__ import main
from picker.core.files import writer_id
from picker.core.picks import picks_from_arrays
from picker.core.rotations import random_rotations
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.volumes import mrc
from picker.formats.volumes.ome_zarr import write_volume
from tests.unit.formats.examples import (
    KINDS,
    SHAPE,
    T,
    V,
    random_picks,
    write_kind,
)

GEOMETRY = ("--voxel-size", str(V), "--shape", *map(str, SHAPE))


def convert(*words, geometry=GEOMETRY):
    return main(["convert", *map(str, words), *geometry])


@pytest.fixture
def coords(tmp_path):
    path = tmp_path / "TS_1.coords"
    path.write_text("30 40 20\n31.5 41 21\n")
    return path


PLACES = [[20 * V, 40 * V, 30 * V], [21 * V, 41 * V, 31.5 * V]]


def test_a_flip_mirrors_the_array(tmp_path, coords):
    """As NumPy's flip does: the first voxel becomes the last."""
    out = tmp_path / "out.star"
    words = (coords, "--to", "picker", "--output", out, "--particle", "a")
    assert convert(*words, "--flip", "z", "x") == 0
    z, _, x = SHAPE
    expected = [
        [(z - 1 - 20) * V, 40 * V, (x - 1 - 30) * V],
        [(z - 1 - 21) * V, 41 * V, (x - 1 - 31.5) * V],
    ]
    np.testing.assert_allclose(read_picks(out).position_zyx, expected, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_to_ours_and_back(tmp_path, kind):
    picks = random_picks(np.random.default_rng(3), 20)
    made = write_kind(kind, tmp_path / "a", picks)
    more = ["--tilt-pixel-size", T, "--name", "TS_1", "--particle", "ribosome"]
    ours = tmp_path / "ours.star"
    assert convert(made, "--to", "picker", "--output", ours, *more) == 0
    limit = V / 2 if kind == "relion3" else 3e-4
    moved = np.abs(read_picks(ours).position_zyx - picks.position_zyx).max()
    assert moved <= limit
    back = tmp_path / f"back{made.suffix}"
    assert convert(ours, "--to", kind, "--output", back, *more) == 0
    again = tmp_path / "again.star"
    assert convert(back, "--to", "picker", "--output", again, *more) == 0
    moved = np.abs(read_picks(again).position_zyx - picks.position_zyx).max()
    assert moved <= 2 * limit
    left = {tmp_path / "a", ours, back, again}
    is_numbered = kind in ("dynamo", "stopgap", "av3")
    left |= {back.with_suffix(".doc")} if is_numbered else set()
    left |= {back.with_suffix(".csv")} if kind == "peet" else set()
    assert set(tmp_path.iterdir()) == left


def test_a_folder_is_laid_out_as_export_does(tmp_path, coords):
    output = tmp_path / "out"
    virus = tmp_path / "virus.csv"
    virus.write_text("tomogram,particle,x,y,z\nTS_1,virus,900,800,100\n")
    words = (coords, virus, "--to", "relion3", "--output", output)
    assert convert(*words, "--particle", "ribosome") == 0
    assert sorted(str(p.relative_to(output)) for p in output.rglob("*.star")) == [
        *("ribosome/TS_1_pick.star", "virus/TS_1_pick.star")
    ]


def test_the_volume_tells_voxel_size_and_shape(tmp_path, coords):
    volume = np.zeros((24, 44, 36), np.float32)
    volume[0, 0, 0] = 1
    mrc.write_volume(tmp_path / "TS_7.mrc", volume, V)
    write_volume(tmp_path / "TS_8.zarr", volume, V, {})
    for name in ("TS_7.mrc", "TS_8.zarr"):
        words = (coords, "--to", "picker", "--output", tmp_path / f"out_{name[:4]}")
        more = ("--particle", "virus", "--tomogram", tmp_path / name)
        assert convert(*words, *more, geometry=()) == 0
        picks = read_picks(tmp_path / f"out_{name[:4]}" / f"{name[:4]}.star")
        np.testing.assert_allclose(picks.position_zyx, PLACES)
        assert picks.particle.tolist() == ["virus", "virus"]


def test_several_tomograms_in_one_file(tmp_path, capsys):
    path = tmp_path / "a.csv"
    row = "{},ribosome,100.5,200,300\n"
    path.write_text("tomogram,particle,x,y,z\n" + row.format("a") + row.format("b"))
    assert convert(path, "--to", "imod", "--output", tmp_path / "out") == 0
    made = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert made == ["a.mod", "b.mod"]
    assert (
        "all of 2 tomograms are taken to have 300 x 620 x 640 voxels"
        in capsys.readouterr().err
    )
    one = tmp_path / "b.mod"
    assert convert(path, "--to", "imod", "--output", one, "--name", "b") == 0
    assert one.is_file()


def test_a_files_own_class_is_told_where_it_is_another(tmp_path, capsys):
    path = tmp_path / "ribosome.csv"
    path.write_text("run_name,object,x,y,z\nT,virus,100.5,200,300\n")
    words = (path, "--to", "picker", "--output", tmp_path / "a.star")
    assert convert(*words, "--particle", "ribosome") == 0
    assert (
        f"{path} says itself that its picks are virus; --particle ribosome is not taken"
    ) in capsys.readouterr().err
    assert read_picks(tmp_path / "a.star").particle.tolist() == ["virus"]
    assert convert(*words, "--particle", "virus") == 0
    assert "says itself" not in capsys.readouterr().err


def test_the_user_may_know_the_unit_better(tmp_path):
    path = tmp_path / "ribosome.csv"
    place = np.random.default_rng(0).uniform(0.05, 0.95, (20, 3)) * SHAPE[::-1]
    path.write_text("x,y,z\n" + "".join("{},{},{}\n".format(*p) for p in place))
    words = (path, "--to", "picker", "--particle", "a", "--output", tmp_path / "a.star")
    assert convert(*words) == 1
    for unit, size in (("voxels", V), ("angstrom", 1)):
        assert convert(*words, "--unit", unit) == 0
        picks = read_picks(tmp_path / "a.star")
        np.testing.assert_allclose(picks.position_zyx, place[:, ::-1] * size)


def test_relion_5s_centres(tmp_path):
    picks = picks_from_arrays([[200.0, 400, 300]], ["ribosome"])
    path = tmp_path / "a.star"
    write_picks(path, picks)
    words = ("--name", "TS_1", "--tilt-pixel-size", T)
    five, back = tmp_path / "five.star", tmp_path / "back.star"
    more = ("--to", "relion5", "--output", five)
    assert convert(path, *more, *words, "--output-relion5-centre", "size/2-1") == 0
    for centre, shift in (("size/2-1", 0), ("size/2", T)):
        more = ("--to", "picker", "--output", back, "--relion5-centre", centre)
        assert convert(five, *more, *words, "--particle", "ribosome") == 0
        moved = read_picks(back).position_zyx - picks.position_zyx
        np.testing.assert_allclose(moved, shift, atol=1e-5)


def test_relions_own_sizes_are_used_on_both_ways(tmp_path):
    star = tmp_path / "tomograms.star"
    star.write_text(
        "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\n_rlnTomoSizeX\n"
        "_rlnTomoSizeY\n_rlnTomoSizeZ\nTS_1 2.5 1924 1860 901\n"
    )
    picks = picks_from_arrays([[150, 300, 225]], ["ribosome"])
    write_picks(tmp_path / "TS_1.star", picks)
    more = ("--tomograms-star", star)
    made, again = tmp_path / "five.star", tmp_path / "again.star"
    assert (
        convert(tmp_path / "TS_1.star", "--to", "relion5", "--output", made, *more) == 0
    )
    assert "TS_1 -2180.0 -2025.0 -976.25 " in made.read_text()
    assert (
        convert(
            made, "--to", "picker", "--output", again, *more, "--particle", "ribosome"
        )
        == 0
    )
    assert read_picks(again).position_zyx.tolist() == [[150, 300, 225]]


def refused(capsys, *words, geometry=GEOMETRY):
    assert convert(*words, geometry=geometry) == 1
    return capsys.readouterr().err


def test_mistakes_are_told(tmp_path, coords, capsys):
    out = ("--output", tmp_path / "out")
    to = ("--to", "picker", *out)
    named = ("--particle", "ribosome")
    assert "does not say which particle" in refused(capsys, coords, *to)
    assert "give --tomogram, or --voxel-size [Å] and --shape Z Y X" in refused(
        capsys, coords, *to, geometry=()
    )
    assert "no.star does not exist" in refused(capsys, tmp_path / "no.star", *to)
    assert "--voxel-size is 0 Å; expected more than 0" in refused(
        capsys, coords, *to, geometry=("--voxel-size", "0", "--shape", "9", "9", "9")
    )
    assert "--shape is 0 9 9; expected voxels along z, y, x" in refused(
        capsys, coords, *to, geometry=("--voxel-size", "1", "--shape", "0", "9", "9")
    )
    assert "2 of 2 picks outside of the tomogram" in refused(
        capsys,
        *(coords, *to, *named),
        geometry=("--voxel-size", "10", "--shape", "2", "2", "2"),
    )
    assert "name '../a' cannot be used" in refused(
        capsys, coords, *to, "--particle", "../a"
    )
    assert "name '../b' cannot be used" in refused(
        capsys, coords, *to, *named, "--name", "../b"
    )
    path = tmp_path / "a.csv"
    path.write_text("tomogram,particle,x,y,z\n../c,ribosome,1,2,3\n")
    assert "name '../c' cannot be used" in refused(capsys, path, *to)
    path.write_text("tomogram,particle,x,y,z\nTS_1,../d,1,2,3\n")
    assert "name '../d' cannot be used" in refused(capsys, path, *to)
    path.write_text("tomogram,particle,x,y,z\nTS_1,a,1,2,3\nTS_3,a,1,2,3\n")
    assert "it knows TS_1, TS_3; give --name" in refused(
        capsys, path, *to, "--name", "TS_2"
    )
    assert not (tmp_path / "out").exists()


def rows(path, *names, particle="ribosome"):
    """Write a table with one pick of each tomogram."""
    lines = [f"{name},{particle},100.5,200,300\n" for name in names]
    path.write_text("tomogram,particle,x,y,z\n" + "".join(lines))
    return path


@pytest.mark.parametrize("kind", ["relion4", "relion5"])
def test_relion_gets_the_names_of_its_own_tomograms(tmp_path, kind):
    path = rows(tmp_path / "a.csv", "TS_01")
    star = tmp_path / "tomograms.star"
    star.write_text(
        "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\n"
        "TS_01.tomostar 2.5\n"
    )
    words = ("--tomograms-star", star)
    assert convert(path, *words, "--to", kind, "--output", tmp_path / "b.star") == 0
    assert "\nTS_01.tomostar " in (tmp_path / "b.star").read_text()
    # Which is no file of Warp's.
    for more, file in (((), "c.star"), (words, "d.star")):
        output = ("--to", "picker", "--output", tmp_path / file)
        assert convert(tmp_path / "b.star", *more, *output, "--particle", "a") == 0
        found = read_picks(tmp_path / file).position_zyx
        expected = read_coordinates(path).value_zyx
        np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(
    "name", ["TS_01_10.00Apx", "TS_01.tomostar", "TS_01.mrc.tomostar", "TS_01.mrc"]
)
def test_warp_gets_the_name_of_the_tilt_series(tmp_path, name):
    path = rows(tmp_path / "a.csv", name)
    for output in (tmp_path / "a.star", tmp_path / "out"):
        assert convert(path, "--to", "warp", "--output", output) == 0
    assert " TS_01.tomostar " in (tmp_path / "a.star").read_text()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["TS_01_ribosome.star"]


def test_strange_names_are_safe_in_files_and_the_users_own_within(tmp_path, capsys):
    path = rows(tmp_path / "a.csv", "Position 4", "_rec1", "../c", "TS_1")
    path.write_text(path.read_text().replace("ribosome", "Viral Ribonucleoprotein"))
    out = tmp_path / "out"
    assert convert(path, "--to", "warp", "--output", out) == 0
    said = capsys.readouterr().err
    assert "tomogram 'Position 4' is called Position_4 in the names of files" in said
    assert "tomogram '_rec1' is called rec1" in said
    assert said.count("'Viral Ribonucleoprotein' is called Viral_Ribonucleop") == 1
    assert "1 picks are left out: name '../c' cannot be used" in said
    assert sorted(p.name for p in out.iterdir()) == [
        f"{name}_Viral_Ribonucleoprotein.star"
        for name in ("Position_4", "TS_1", "rec1")
    ]
    for name, own in (("Position_4", "Position 4"), ("rec1", "_rec1")):
        found = read_coordinates(out / f"{name}_Viral_Ribonucleoprotein.star")
        assert found.tomogram == [own]
    imod = tmp_path / "imod"
    assert convert(path, "--to", "imod", "--output", imod) == 0
    found = read_coordinates(imod / "Position_4.mod")
    assert found.particle == ["Viral Ribonucleoprotein"]


def test_two_names_that_would_be_one_in_files(tmp_path, capsys):
    path = rows(tmp_path / "a.csv", "Position 4", "Position_4")
    words = (path, "--to", "picker", "--output", tmp_path / "out")
    said = refused(capsys, *words)
    assert "tomograms 'Position 4' and 'Position_4' would both be called Posit" in said
    assert convert(*words, "--name", "Position 4") == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["Position_4.star"]


def test_a_pixel_size_in_the_file_can_be_overruled(tmp_path):
    path = tmp_path / "a.star"
    names = "".join(f"_rlnCoordinate{axis}\n" for axis in "XYZ")
    path.write_text(
        f"data_\nloop_\n{names}_rlnImagePixelSize\n_rlnMicrographName\n"
        "30 40 20 2.5 TS_1.tomostar\n"
    )
    output = tmp_path / "ours.star"
    words = (path, "--to", "picker", "--output", output, "--particle", "ribosome")
    assert convert(*words) == 1
    assert convert(*words, "--unit", "voxels") == 0
    assert read_picks(output).position_zyx.tolist() == [PLACES[0]]
    finer = ("--voxel-size", "2.5", "--shape", "900", "1860", "1920")
    assert convert(*words, "--unit", "voxels", geometry=finer) == 0
    assert read_picks(output).position_zyx.tolist() == [[50, 100, 75]]


def test_fractions_can_be_told(tmp_path):
    path = tmp_path / "a.coords"
    path.write_text("0.5 0.25 0.125\n")
    output = tmp_path / "ours.star"
    words = (path, "--to", "picker", "--output", output, "--particle", "ribosome")
    assert convert(*words, "--unit", "fractions") == 0
    z, y, x = SHAPE
    place = [[z / 8 * V, y / 4 * V, x / 2 * V]]
    assert read_picks(output).position_zyx.tolist() == place


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a" * 300 + ".coords", "File name too long; fix the path"),
        ("folder", "folder is a folder; expected a file of picks"),
    ],
)
def test_paths_that_cannot_be_read_are_one_line(tmp_path, capsys, name, said):
    (tmp_path / "folder").mkdir()
    words = (tmp_path / name, "--to", "picker", "--output", tmp_path / "o.star")
    assert convert(*words) == 1
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_an_output_beneath_a_file_is_one_line(tmp_path, coords, capsys):
    output = coords / "out.star"
    words = (coords, "--to", "picker", "--output", output, "--particle", "ribosome")
    assert convert(*words) == 1
    err = capsys.readouterr().err
    assert "Not a directory; fix the path" in err
    assert str(coords) in err


def test_no_picks_become_no_picks(tmp_path):
    path = tmp_path / "TS_1.coords"
    path.write_text("")
    output = tmp_path / "ours.star"
    assert convert(path, "--to", "picker", "--output", output) == 0
    assert len(read_picks(output)) == 0


def test_a_volume_larger_than_the_memory_is_one_line(
    tmp_path, coords, capsys, monkeypatch
):
    def read(*_, **__):
        raise MemoryError("a.hdf has 9.72e+03 GB")

    monkeypatch.setattr("picker.jobs.convert_options.read_geometry", read)
    words = (coords, "--to", "picker", "--output", tmp_path / "o.star")
    assert convert(*words, "--tomogram", "a.hdf", geometry=()) == 1
    assert capsys.readouterr().err.endswith("error: a.hdf has 9.72e+03 GB\n")


def test_convert_takes_and_refuses_the_volumes_that_predict_does(
    tmp_path, coords, capsys
):
    path = tmp_path / "TS_1.mrc"
    mrc.write_volume(path, np.zeros((20, 60, 50), np.float32), 10.0)
    with mrcfile.open(path, "r+") as file:
        file.set_image_stack()
    words = (
        coords,
        "--to",
        "picker",
        "--particle",
        "a",
        "--output",
        tmp_path / "o.star",
    )
    more = ("--tomogram", path, "--voxel-size", 10)
    coords.write_text("30 40 12\n")
    assert convert(*words, *more, geometry=()) == 1
    assert "is 20 images and no volume" in capsys.readouterr().err
    assert convert(*words, *more, "--stacks-are-volumes", geometry=()) == 0
    assert read_picks(tmp_path / "o.star").position_zyx.tolist() == [[120, 400, 300]]


@pytest.mark.parametrize("output", ["out", "out.star"])
def test_what_a_killed_one_left_is_deleted_by_the_next(tmp_path, coords, output):
    (tmp_path / f".out.{writer_id(socket.gethostname(), 2**22 + 1)}.picker-tmp").mkdir()
    kept = tmp_path / f".b.{writer_id(socket.gethostname(), os.getpid())}.picker-tmp"
    kept.touch()  # a `picker predict` at work in the same folder
    words = ("--to", "picker", "--output", tmp_path / output, "--particle", "ribosome")
    assert convert(coords, *words) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        coords.name,
        kept.name,
        output,
    }


def test_picks_of_a_micrograph_are_converted(tmp_path, capsys):
    """Its shape is that of one slice; the image itself may say it."""
    (tmp_path / "mic.box").write_text("100 200 64 64\n")
    flat = ("--voxel-size", "1.25", "--shape", "1", "400", "500")
    words = (tmp_path / "mic.box", "--particle", "a", "--to")
    out = tmp_path / "mic_autopick.star"
    assert convert(*words, "autopick", "--output", out, geometry=flat) == 0
    assert read_coordinates(out).value_zyx.tolist() == [[0, 232, 132]]
    image = np.arange(200_000, dtype=np.float32).reshape(1, 400, 500)
    mrc.write_volume(tmp_path / "mic.mrc", image, 1.25)
    words = (out, "--particle", "a", "--to")
    of_file = ("--tomogram", tmp_path / "mic.mrc")
    ours = tmp_path / "mic.star"
    assert convert(*words, "picker", "--output", ours, *of_file, geometry=()) == 0
    assert read_picks(ours).position_zyx.tolist() == [[0, 290, 165]]
    for kind, problem in (("imod", "mic is a micrograph"), ("relion5", "of tomograms")):
        words = (ours, "--to", kind, "--output", tmp_path / kind)
        assert convert(*words, *of_file, geometry=()) == 1
        assert problem in capsys.readouterr().err
        assert not (tmp_path / kind).exists()


def test_orientations_are_kept_and_shifts_too(tmp_path):
    """A refined STAR file becomes a table of Dynamo, turned as it was."""
    path = tmp_path / "a.star"
    columns = [f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"]
    columns += [f"rlnOrigin{a}Angst" for a in "XYZ"]
    columns += [f"rlnTomoSubtomogram{a}" for a in ("Rot", "Tilt", "Psi")]
    columns += [f"rlnAngle{a}" for a in ("Rot", "Tilt", "Psi")]
    names = "\n".join(f"_{name}" for name in ["rlnTomoName", *columns])
    row = "TS_1 0 0 0 15 30 45 10 20 30 40 50 60"
    path.write_text(f"data_particles\nloop_\n{names}\n{row}\n")
    output = tmp_path / "a.tbl"
    assert convert(path, "--particle", "a", "--to", "dynamo", "--output", output) == 0
    found = read_coordinates(output)
    subtomogram, particle = (
        Rotation.from_euler("ZYZ", angles, degrees=True).inv()
        for angles in ([10, 20, 30], [40, 50, 60])
    )
    expected = (subtomogram * particle).as_matrix()[::-1, ::-1]
    np.testing.assert_allclose(found.rotation, [expected], atol=1e-7)
    middle = np.array(SHAPE[::-1]) * V / 2
    place = (middle - subtomogram.apply([15, 30, 45])) / V
    np.testing.assert_allclose(found.value_zyx[0, ::-1], place, atol=1e-5)


def oriented(tmp_path, rotation):
    path = tmp_path / "TS_1.star"
    place = np.arange(1, 1 + 3 * len(rotation)).reshape(-1, 3) * V
    names = ["a"] * len(rotation)
    write_picks(path, picks_from_arrays(place, names, None, rotation))
    return path


def test_mirrored_particles_are_turned_with_the_tomogram(tmp_path, capsys):
    turns = random_rotations(3, np.random.default_rng(0))
    path = oriented(tmp_path, turns)
    for axes, mirror in (("yz", [-1, -1, 1]), ("z", [-1, 1, 1])):
        output = tmp_path / f"{axes}.star"
        words = ("--to", "picker", "--output", output, "--flip", *axes)
        assert convert(path, *words) == 0
        found = read_picks(output).rotation
        # What lies at v in the particle, or in its mirror image, lies there mirrored.
        seen = np.diag(mirror) @ turns
        particle = np.eye(3) if axes == "yz" else np.diag(mirror)
        np.testing.assert_allclose(found @ particle, seen, atol=1e-12)
        told = capsys.readouterr().err
        is_told = "those of the particle's mirror image along z" in told
        assert is_told == (axes == "z")


def test_picks_point_away_from_a_membrane(tmp_path, capsys):
    mask = np.zeros((30, 40, 50), np.float32)
    mask[15:18] = 1
    mrc.write_volume(tmp_path / "mask.mrc", mask, V)
    path = tmp_path / "TS_1.coords"
    path.write_text("30 30 10\n40 10 22\n")
    words = ("--particle", "a", "--normals-from", tmp_path / "mask.mrc")
    shape = ("--voxel-size", V, "--shape", *mask.shape)
    words = tuple(map(str, [*words, *shape]))
    output = tmp_path / "a.star"
    star = ("--to", "relion5", "--output", output)
    assert convert(path, *words, *star, geometry=()) == 0
    rotation = read_coordinates(output).rotation
    np.testing.assert_allclose(rotation[:, :, 0], [[-1, 0, 0], [1, 0, 0]], atol=1e-6)
    # A membrane may have other voxels than the tomogram.
    mrc.write_volume(tmp_path / "mask.mrc", mask[::2, ::2, ::2].copy(), 2 * V)
    star = ("--to", "relion5", "--output", tmp_path / "binned.star")
    assert convert(path, *words, *star, geometry=()) == 0
    rotation = read_coordinates(tmp_path / "binned.star").rotation
    np.testing.assert_allclose(rotation[:, :, 0], [[-1, 0, 0], [1, 0, 0]], atol=1e-6)
    more = ("--along-filaments", "--to", "relion5", "--output", tmp_path / "b.star")
    assert convert(path, *words, *more, geometry=()) == 1
    assert "expected --normals-from or --along-filaments" in capsys.readouterr().err
    both = tmp_path / "both.csv"
    both.write_text("tomogram,x,y,z\nTS_1,303,203,101\nTS_2,303,203,101\n")
    again = ("--to", "picker", "--output", tmp_path / "c.star", "--unit", "angstrom")
    assert convert(both, *words, *again, geometry=()) == 1
    said = capsys.readouterr().err
    assert "is of one tomogram, but the files have picks of TS_1, TS_2; exp" in said
    assert convert(both, *words, *again, "--name", "TS_2", geometry=()) == 0


def test_what_is_around_picks_stays_where_there_is_a_column_for_it(tmp_path):
    context = {"gold": np.array([12.25, np.inf])}
    picks = picks_from_arrays([[50, 60, 70], [80, 90, 20]], ["a", "a"], context=context)
    path = tmp_path / "TS_1.star"
    write_picks(path, picks)
    for kind in ("relion5", "warp", "picker"):
        output = tmp_path / f"{kind}.star"
        words = ("--to", kind, "--output", output, "--particle", "a")
        assert convert(path, *words) == 0
        found = read_coordinates(output).context
        np.testing.assert_array_equal(found["gold"], context["gold"])
        path = output
    output = tmp_path / "a.coords"
    assert convert(path, "--to", "tomotwin", "--output", output) == 0
    assert len(output.read_text().splitlines()) == 2


def test_picks_point_along_their_filaments(tmp_path):
    path = tmp_path / "a.star"
    names = [*(f"rlnCoordinate{a}" for a in "XYZ"), "rlnHelicalTubeID"]
    header = "\n".join(f"_{name}" for name in names)
    rows = ["10 10 10 1", "50 90 10 2", "10 20 10 1", "50 90 20 2", "10 30 10 1"]
    path.write_text("\n".join(["data_", "loop_", header, *rows, ""]))
    output = tmp_path / "b.star"
    words = ("--particle", "a", "--along-filaments", "--to", "picker")
    assert convert(path, *words, "--output", output) == 0
    along = read_picks(output).rotation[:, :, 0]
    expected = [[0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]]
    np.testing.assert_allclose(along, expected, atol=1e-12)


def test_angles_where_none_are_known(tmp_path, coords):
    for angles, text in (("zero", " 0.0 0.0 0.0\n"), ("known", None)):
        output = tmp_path / f"{angles}.star"
        words = ("--particle", "a", "--angles", angles, "--to", "relion5")
        assert convert(coords, *words, "--output", output) == 0
        assert ("rlnAngleRot" in output.read_text()) == bool(text)
        assert text is None or output.read_text().count(text) == 2
