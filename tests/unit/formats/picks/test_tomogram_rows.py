"""The rows of each tomogram in a file of many."""

from __future__ import annotations

from picker.formats.picks.read import read_coordinates
from picker.formats.picks.tomogram_rows import (
    each_tomogram,
    rows_by_tomogram,
)
from tests.unit.formats.picks.test_pixel_size import HEAD


def test_rows_keep_their_order():
    rows = rows_by_tomogram(["b", "a", "b", "c", "a"])
    assert {name: part.tolist() for name, part in rows.items()} == {
        "b": [0, 2],
        "a": [1, 4],
        "c": [3],
    }
    assert rows_by_tomogram([]) == {}


def test_every_tomogram_keeps_what_is_its_own(tmp_path):
    """Sizes, classes and shifts go with their rows."""
    path = tmp_path / "a.star"
    head = HEAD.format(tilt=1, image=4.0).replace("1 1 4.0\n", "1 1 4.0\n2 1 5.0\n")
    head += "_rlnOriginXAngst\n"
    path.write_text(head + "A.tomostar 1 2 3 1 7\nB.tomostar 4 5 6 2 8\n")
    whole = read_coordinates(path)
    parts = dict(each_tomogram(whole))
    assert list(parts) == ["A", "B"]
    for name, size, shift in (("A", 4.0, -7), ("B", 5.0, -8)):
        assert parts[name].doubtful_sizes["rlnImagePixelSize"] == size
        assert parts[name].shift_zyx.tolist() == [[0, 0, shift]]
        assert parts[name].tomogram == [name]
