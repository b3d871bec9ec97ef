"""EMAN's boxes in micrographs."""

from __future__ import annotations

import pytest

from picker.formats.picks.read import read_coordinates


def boxes(folder, text):
    path = folder / "mic.box"
    path.write_text(text)
    return read_coordinates(path)


def test_a_particle_is_at_half_of_its_box_without_a_fraction(tmp_path):
    found = boxes(tmp_path, "100\t200\t64\t64\n-8 3 31 31 -3\n")
    assert (found.kind, found.unit, found.has_z) == ("EMAN box", "voxels", False)
    assert found.value_zyx.tolist() == [[0, 232, 132], [0, 18, 7]]


def test_an_empty_file_has_no_picks(tmp_path):
    assert len(boxes(tmp_path, "").value_zyx) == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 2 64 64\n1 2\n", "line 2 has 2 values; expected lines of x, y, width"),
        ("1 2 64 64\n1 2 64 x\n", "line 2"),
        ("1 2 64 64 -1\n9 9 64 64 -2\n", "line 1 is one end of a helix"),
    ],
)
def test_other_lines_are_an_error(tmp_path, text, problem):
    with pytest.raises(ValueError, match=problem):
        boxes(tmp_path, text)
