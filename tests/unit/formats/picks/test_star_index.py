"""RELION 5's index for importing coordinates, and the files that it names."""

from __future__ import annotations

import pytest

from picker.formats.picks import kinds
from picker.formats.picks.kinds import read_coordinates

HEAD = "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\n"
CENTRED = "data_\nloop_\n{more}" + "".join(
    f"_rlnCenteredCoordinate{axis}Angst\n" for axis in "XYZ"
)


def index(folder, *rows):
    path = folder / "index.star"
    path.write_text(HEAD + "".join(f"{name} {file}\n" for name, file in rows))
    return path


def test_files_of_text_are_voxels(tmp_path):
    path = index(tmp_path, ("TS_01", "TS_01.coords"), ("TS_02", "TS_02.coords"))
    (tmp_path / "TS_01.coords").write_text("30 40 20\n31 41 21\n")
    (tmp_path / "TS_02.coords").write_text("1 2 3\n")
    found = read_coordinates(path)
    assert (found.kind, found.unit) == ("TomoTwin coords", "voxels")
    assert found.tomogram == ["TS_01", "TS_01", "TS_02"]
    assert found.value_zyx.tolist() == [[20, 40, 30], [21, 41, 31], [3, 2, 1]]
    (warning,) = found.warnings
    assert "in voxels; a factor of RELION's import is not applied" in warning
    (tmp_path / "TS_01.coords").unlink()
    assert read_coordinates(path, "TS_02").value_zyx.tolist() == [[3, 2, 1]]
    with pytest.raises(ValueError, match=r"names TS_01\.coords, which does not exist"):
        read_coordinates(path, "TS_01")


def test_files_of_several_kinds_are_an_error(tmp_path):
    path = index(tmp_path, ("TS_01", "a.coords"), ("TS_02", "b.star"))
    (tmp_path / "a.coords").write_text("30 40 20\n")
    (tmp_path / "b.star").write_text(CENTRED.format(more="") + "1 2 3\n")
    match = r"names files of RELION 5 STAR, TomoTwin coords; expected rlnCentered"
    with pytest.raises(ValueError, match=match):
        read_coordinates(path)
    assert len(read_coordinates(path, "TS_02").value_zyx) == 1


def test_a_file_of_several_tomograms_gives_each_its_own(tmp_path):
    path = index(tmp_path, ("TS_01", "a.star"), ("TS_02", "a.star"), ("X", "b.star"))
    named = CENTRED.format(more="_rlnTomoName\n")
    (tmp_path / "a.star").write_text(named + "TS_02 1 2 3\nTS_01 4 5 6\n")
    (tmp_path / "b.star").write_text(named + "TS_9 7 8 9\n")
    found = read_coordinates(path)
    assert found.tomogram == ["TS_01", "TS_02", "X"]
    assert found.value_zyx.tolist() == [[6, 5, 4], [3, 2, 1], [9, 8, 7]]
    path = index(tmp_path, ("TS_03", "a.star"))
    with pytest.raises(
        ValueError, match=r"a\.star for tomogram TS_03, but it holds TS_0"
    ):
        read_coordinates(path)


def test_a_file_that_is_named_often_is_read_once(tmp_path, monkeypatch):
    path = index(tmp_path, *((f"TS_{number}", "a.star") for number in range(20)))
    (tmp_path / "a.star").write_text(CENTRED.format(more="") + "1 2 3\n4 5 6\n")
    read = []
    monkeypatch.setattr(
        kinds, "read_file", lambda file: read.append(file) or original(file)
    )
    assert len(read_coordinates(path).value_zyx) == 40
    assert read == [tmp_path / "a.star"]


original = kinds.read_file


def test_coordinates_are_not_asked_of_an_index(tmp_path):
    path = index(tmp_path, ("TS_01", "index.star"))
    with pytest.raises(ValueError, match="is an index and has no coordinates; fix"):
        read_coordinates(path)
    with pytest.raises(ValueError, match=r"names files that have .*; expected one of"):
        kinds.star.read_coordinates(path)
    path.write_text("data_\nloop_\n_rlnTomoImportParticleFile\na.star\n")
    with pytest.raises(ValueError, match="has no column rlnTomoName; expected it bes"):
        read_coordinates(path)
