"""RELION 5's index for importing coordinates, and the files that it names."""

from __future__ import annotations

import pytest

from picker.core.picks import no_picks
from picker.formats.picks import read, star_targets
from picker.formats.picks.read import read_coordinates, read_file
from picker.formats.picks.star import read_picks
from tests.unit.formats.picks.star_examples import OPTICS, make_tomogram, places_of

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
    files = []
    monkeypatch.setattr(
        read, "read_file", lambda file: files.append(file) or read_file(file)
    )
    assert len(read_coordinates(path).value_zyx) == 40
    assert files == [tmp_path / "a.star"]


def test_coordinates_are_not_asked_of_an_index(tmp_path):
    path = index(tmp_path, ("TS_01", "index.star"))
    with pytest.raises(ValueError, match="is an index and has no coordinates; fix"):
        read_coordinates(path)
    with pytest.raises(ValueError, match="holds names of files; expected picks of t"):
        read_picks(path)
    path.write_text("data_\nloop_\n_rlnTomoImportParticleFile\na.star\n")
    with pytest.raises(ValueError, match="has no column rlnTomoName; expected it bes"):
        read_coordinates(path)


def test_an_index_of_nothing_and_of_missing_files(tmp_path):
    star_targets.write_relion5(tmp_path, [make_tomogram("01", no_picks())], ["a"])
    index = tmp_path / "import" / "a" / "index.star"
    assert len(read_coordinates(index).value_zyx) == 0
    index.write_text(
        "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\nTS_1 no.star\n"
    )
    with pytest.raises(ValueError, match=r"index.star names no.star, which does not"):
        read_coordinates(index)


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
    assert places_of(index, "TS_1") == [[110, 0, 270]]
    assert places_of(index, "TS_2") == [[88, 0, 216]]
    (tmp_path / "a.star").write_text("damaged")
    assert places_of(index, "TS_2") == [[88, 0, 216]]
    with pytest.raises(ValueError, match=r"a\.star"):
        places_of(index, "TS_1")


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
    assert places_of(index, "TS_1") == [[60, 100, 140]]
    assert places_of(index, "TS_2") == [[60, 100, 135]]
