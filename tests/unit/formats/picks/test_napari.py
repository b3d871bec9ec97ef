"""Points saved by napari."""

from __future__ import annotations

import pytest

from tests.unit.formats.picks.reading import PLACE_ZYX, check, read


def test_points_of_napari(tmp_path, caplog):
    path = tmp_path / "ribosome.csv"
    path.write_text("index,axis-0,axis-1,axis-2\n0.0,20.0,40.0,30.0\n1.0,3.5,2.5,1.5\n")
    assert check(path, caplog, "napari points", [PLACE_ZYX, [35, 25, 15]]) == []
    path.write_text("index,axis-0,axis-1,axis-2\n0,1,2,nan\n")
    with pytest.raises(ValueError, match="line 2 has 'nan'; expected a finite number"):
        read(path)
    path.write_text("index,axis-0,axis-1,axis-2\n0,1,2\n")
    with pytest.raises(ValueError, match="line 2 has None; expected a finite number"):
        read(path)


def test_points_in_time_are_refused(tmp_path):
    path = tmp_path / "ribosome.csv"
    path.write_text("index,axis-0,axis-1,axis-2,axis-3\n0,0,1,2,3\n")
    with pytest.raises(ValueError, match=r"more than three axes.*of one tomogram"):
        read(path)
