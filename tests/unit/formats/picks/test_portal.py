"""Points of the CryoET data portal, as its files have them."""

from __future__ import annotations

import json

import pytest

from tests.unit.formats.picks.reading import PLACE_ZYX, check, read


def test_points_of_the_portal(tmp_path, caplog):
    path = tmp_path / "ribosome"
    point = {"type": "point", "location": {"x": 30, "y": 40, "z": 20}}
    oriented = {
        "type": "orientedPoint",
        "location": {"x": 1.5, "y": 2.5, "z": 3.5},
        "xyz_rotation_matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "instance_id": 4,
    }
    path.write_text(f"{json.dumps(point)}\n{json.dumps(oriented)}\n\n")
    places = [PLACE_ZYX, [35, 25, 15]]
    assert check(path, caplog, "CryoET portal ndjson", places) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"type": "point", "location": {"x": 1, "y": 2}}',
            "line 2 has None; expected",
        ),
        (
            '{"location": {"x": 1, "y": "a", "z": NaN}}',
            "line 2 has 'a'; expected a fin",
        ),
        ('{"location": [1, 2, 3]}', r"line 2 has location \[1, 2, 3\]; expected lines"),
        ('{"location": {"x": 1, "y": 2, "z": 3}', "line 2 is no JSON .*expected"),
        ("[" * 100_000, "line 2 is no JSON"),
        ("7", "line 2 holds 7; expected a JSON object"),
        ('{"location": {"x": 1, "y": 2, "z": 1e300}}', "pick 2 has x, y, z, .*up to"),
        ('{"location": {"x": 1, "y": 2, "z": ' + "9" * 400 + "}}", "line 2 has 999"),
    ],
)
def test_damaged_points(tmp_path, line, message):
    path = tmp_path / "ribosome"
    path.write_text('{"location": {"x": 1, "y": 2, "z": 3}}\n' + line + "\n")
    with pytest.raises(ValueError, match=f"ribosome.*{message}"):
        read(path)
