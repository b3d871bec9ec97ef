"""CrYOLO's boxes."""

from __future__ import annotations

import pytest

from tests.unit.formats.picks.reading import check, read

CBOX = """
data_global

_cbox_version 1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Depth #6
_EstWidth #7
_EstHeight #8
_Confidence #9
_NumBoxes #10
_Angle #11
11.5 22.0 20.0 37 36 37 {est} 37.0 0.5 <NA> <NA>

data_cryolo_include

loop_
_slice_index #1
"""


def test_boxes_of_cryolo_have_corners_and_a_central_slice(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(CBOX.format(est="nan"))
    assert check(path, caplog, "CBOX", score=0.5) == []
    path.write_text(CBOX.format(est="1").replace("_CoordinateZ #3", "_Other #3"))
    with pytest.raises(ValueError, match=r"\(CBOX\) has no z: its picks are of a micr"):
        read(path)
    path.write_text(CBOX.format(est="1").replace(" 20.0 37", " <NA> 37"))
    with pytest.raises(ValueError, match=r"\(CBOX\) has no z"):
        read(path)
    path.write_text(CBOX.format(est="1").replace(" 37 36", " <NA> 36"))
    with pytest.raises(ValueError, match="row 1 has no Width"):
        read(path)
