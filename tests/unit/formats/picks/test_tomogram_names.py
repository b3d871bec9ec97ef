"""Which tomogram the rows of several files belong to."""

from __future__ import annotations

from pathlib import Path

import pytest

from picker.formats.picks.records import coordinates_from_xyz
from picker.formats.picks.tomogram_names import tomograms_of_files


def rows(*tomograms):
    """Return coordinates with one row of each tomogram; without names, with one row."""
    return coordinates_from_xyz(
        "CSV",
        "Å",
        [[1.5, 2, 3]] * max(1, len(tomograms)),
        tomogram=list(tomograms) or None,
    )


def found(*inputs, name=None, volume=None):
    """Return file, tomogram and number of rows of each part that is yielded."""
    files = [(Path(file), coordinates) for file, coordinates in inputs]
    parts = tomograms_of_files(files, name, volume and Path(volume))
    return [(path.name, tomogram, len(part.score)) for path, tomogram, part in parts]


def test_each_tomogram_of_a_file_is_a_part():
    parts = found(("a.csv", rows("a", "b", "a")))
    assert parts == [("a.csv", "a", 2), ("a.csv", "b", 1)]
    assert found(("a.csv", rows("a", "b", "a")), name="b") == [("a.csv", "b", 1)]


def test_the_only_tomogram_of_the_files_can_be_renamed(caplog):
    one = ("a.csv", rows("Position_7"))
    assert found(one, name="TS_01") == [("a.csv", "TS_01", 1)]
    assert "picks of tomogram Position_7 are called TS_01" in caplog.text
    # It is not certain that both are TS_01.
    with pytest.raises(ValueError, match="it knows Position_7; give --name letter for"):
        found(one, ("b.csv", rows("Position_8")), name="TS_01")


@pytest.mark.parametrize(
    "name",
    [
        "TS_01_10.00Apx.coords",
        "TS_01_10.00Apx_particles.coords",
        "TS_01.mrc.coords",
        "TS_01.coords",
    ],
)
def test_a_file_is_named_after_its_tomogram(name):
    assert found((name, rows())) == [(name, "TS_01", 1)]
    assert found((name, rows()), volume="V.mrc") == [(name, "V", 1)]


def test_two_names_of_one_tomogram_in_a_file():
    file = ("a.csv", rows("TS_01_10.00Apx", "TS_01_5.00Apx"))
    with pytest.raises(
        ValueError, match=r"picks of TS_01_10\.00Apx and of TS_01_5\.00Apx, which are"
    ):
        found(file)
    with pytest.raises(ValueError, match=r"may be TS_01_10\.00Apx or TS_01_5.00Apx"):
        found(file, name="TS_01")
    part = ("a.csv", "TS_01_5.00Apx", 1)
    assert found(file, name="TS_01_5.00Apx") == [part]


def test_files_that_do_not_say_their_tomogram(caplog):
    files = (("A.coords", rows()), ("B.coords", rows()))
    with pytest.raises(ValueError, match=r"A\.coords, B\.coords do not say") as error:
        found(*files, volume="V.mrc")
    assert "either all are picks of V, or they are of tomograms A, B, of" in (
        str(error.value)
    )
    assert "give --name V" in str(error.value)
    assert [part[1] for part in found(*files, name="V", volume="V.mrc")] == ["V", "V"]
    assert caplog.text == ""
    assert [part[1] for part in found(*files)] == ["A", "B"]
    assert "taken as tomograms A, B, after their names" in caplog.text


def test_files_that_are_named_after_the_volume():
    files = [(f"V{end}.coords", rows()) for end in ("", "_virus", "-b")]
    assert [part[1] for part in found(*files, volume="V.mrc")] == ["V", "V", "V"]
