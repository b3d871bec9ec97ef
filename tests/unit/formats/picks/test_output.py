"""Picks as one file or as a folder, and nothing in part."""

from __future__ import annotations

import pytest

from picker.config import ExportSettings, Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks.output import write_output
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.records import TomogramPicks
from tests.unit.formats.examples import KINDS, SHAPE, V

PICKS = picks_from_arrays([[100, 200, 300.5], [80, 70, 60]], ["a", "b"])
PARTICLES = (Particle(name="a", radius=150), Particle(name="b", radius=65))


def write(kind, output, picks=PICKS, particles=PARTICLES, tomograms=("TS_1",)):
    everything = [
        TomogramPicks(tomogram=name, voxel_size=V, shape_zyx=SHAPE, picks=picks)
        for name in tomograms
    ]
    write_output(kind, output, everything, particles, ExportSettings())


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_an_ending(tmp_path, kind):
    write(kind, tmp_path / "out")
    assert any(path.is_file() for path in (tmp_path / "out").rglob("*"))
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_our_own_folder_has_a_file_for_each_tomogram(tmp_path):
    write("picker", tmp_path / "out", tomograms=("a", "b"))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.star", "b.star"]


def test_one_file_and_a_dynamo_tables_names_beside_it(tmp_path):
    write("imod", tmp_path / "x.mod")
    write("dynamo", tmp_path / "y.tbl", PICKS.of("a"), PARTICLES[:1])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["x.mod", "y.doc", "y.tbl"]
    assert read_coordinates(tmp_path / "y.tbl").tomogram == ["TS_1"]


def test_nothing_is_overwritten_by_a_folder(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    with pytest.raises(ValueError, match="is a folder with content; name a new one"):
        write("tomotwin", tmp_path)
    with pytest.raises(ValueError, match=r"does not end with \.coords, as those of to"):
        write("tomotwin", file)
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    write("tomotwin", empty)
    names = sorted(path.name for path in empty.iterdir())
    assert names == ["TS_1_a.coords", "TS_1_b.coords"]


def test_several_files_do_not_fit_into_one(tmp_path):
    with pytest.raises(ValueError, match="make 2 files of cbox; expected one for --o"):
        write("cbox", tmp_path / "a.cbox")
    assert list(tmp_path.iterdir()) == []


def test_no_picks_have_no_file_without_a_class(tmp_path):
    path = tmp_path / "warp.star"
    with pytest.raises(ValueError, match="give --particle NAME for one with a header"):
        write("warp", path, no_picks(), ())
    assert list(tmp_path.iterdir()) == []
    write("warp", path, no_picks(), PARTICLES[:1])
    assert "rlnMicrographName" in path.read_text()


@pytest.mark.parametrize(("kind", "ending"), [("peet", ".csv"), ("dynamo", ".doc")])
def test_what_belongs_beside_replaces_its_like_alone(tmp_path, kind, ending):
    output = tmp_path / {"peet": "x.mod", "dynamo": "x.tbl"}[kind]
    beside = output.with_suffix(ending)
    beside.write_text("tomogram,x,y,z\n")
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"x\{ending} exists, .* beside .*x\."):
            write(kind, output, PICKS.of("a"), PARTICLES[:1])
        assert list(tmp_path.iterdir()) == [beside]
        assert beside.read_text() == "tomogram,x,y,z\n"
        beside.unlink()
        for _ in range(2):
            write(kind, output, PICKS.of("a"), PARTICLES[:1])
        output.unlink()
        beside.write_text("tomogram,x,y,z\n")


def test_a_table_replaces_the_one_that_is_named(tmp_path):
    output = tmp_path / "x.csv"
    output.write_text("mine")
    write("kaggle", output)
    assert "mine" not in output.read_text()
