"""EMAN2's info files."""

from __future__ import annotations

import json

import pytest

from tests.unit.formats.picks.reading import PLACE_ZYX, check, read


def test_boxes_of_eman2_count_from_the_centre(tmp_path, caplog):
    path = tmp_path / "a_info.json"
    # x: (30 - 75) · 10 / 2.5; y: (40 - 60) · 4; z: (20 - 32) · 4.
    content = {
        "apix_unbin": 2.5,
        "boxes_3d": [[-180, -80, -48, "tm", 0.5, 1]],
        "class_list": {"0": {"name": "virus"}, "1": {"name": "ribosome"}},
    }
    path.write_text(json.dumps(content))
    assert check(path, caplog, "EMAN2 json", score=0.5) == []
    # The file's own pixel size is that of its numbers.
    assert read(path, tilt_pixel_size=3.0)[0].position_zyx.tolist() == [PLACE_ZYX]


def test_boxes_of_eman2_without_apix_are_voxels(tmp_path, caplog):
    path = tmp_path / "ribosome_info.json"
    path.write_text(
        json.dumps({"boxes_3d": [[30, 40, 20, "manual", 0.0, 0]]}, indent=1)
    )
    assert check(path, caplog, "EMAN2 json") == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"boxes_3d": 7}, "has boxes_3d 7; expected"),
        ({"boxes_3d": [[1, 2]]}, r"box 1 is \[1, 2\]; expected"),
        ({"boxes_3d": [[1, 2, None]]}, "box 1 has None; expected a finite"),
        ({"apix_unbin": "x"}, "apix_unbin has 'x'; expected a finite"),
        ({"apix_unbin": 0}, "pixel size is 0 Å; expected 0.01 to 1000"),
        (
            {"class_list": {"7": {"name": "a"}}},
            "box 1 is of class '0', which class_list",
        ),
        ({"class_list": [1]}, r"has class_list \[1\]; expected"),
    ],
)
def test_damaged_boxes(tmp_path, more, message):
    path = tmp_path / "ribosome.json"
    path.write_text(json.dumps({"boxes_3d": [[1, 2, 3, "tm", 1, 0]], **more}))
    for t in (None, 2.5):
        with pytest.raises(ValueError, match=f"ribosome.json.*{message}"):
            read(path, tilt_pixel_size=t)
