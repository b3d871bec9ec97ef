"""Copick's JSON of picks, and projects that copick opens."""

from __future__ import annotations

import json

import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import picks_from_arrays
from picker.formats.picks.copick import read_points, write_project
from picker.formats.picks.copick_layout import object_name
from picker.formats.picks.records import TomogramPicks

PARTICLES = (
    Particle(name="ribosome", radius=150, color="#0a141e"),
    Particle(name="beta_amylase", radius=65),
)


def make_tomogram(name="TS_1", picks=None):
    if picks is None:
        picks = picks_from_arrays(
            [[30, 20.5, 1 / 3], [4, 5, 6]], ["ribosome", "ribosome"], [0.9, 0]
        )
    return TomogramPicks(
        tomogram=name, voxel_size=10.012, shape_zyx=(12, 20, 28), picks=picks
    )


def test_picks_round_trip(tmp_path, caplog):
    write_project(tmp_path, [make_tomogram()], PARTICLES, "me", "1")
    folder = tmp_path / "ExperimentRuns" / "TS_1" / "Picks"
    assert sorted(p.name for p in folder.iterdir()) == [
        "me_1_beta-amylase.json",
        "me_1_ribosome.json",
    ]
    found = read_points(folder / "me_1_ribosome.json")
    assert found.particle == ["ribosome"] * 2
    assert found.tomogram == ["TS_1"] * 2
    assert found.value_zyx.tolist() == [[30, 20.5, 1 / 3], [4, 5, 6]]
    assert found.score.tolist() == [np.float32(0.9), 0]
    assert len(read_points(folder / "me_1_beta-amylase.json").score) == 0
    assert "no picks of beta_amylase in 1 of 1 tomograms" in caplog.text
    assert "beta_amylase is called beta-amylase in copick" in caplog.text


def test_json_has_what_copick_asks_for(tmp_path):
    write_project(tmp_path, [make_tomogram()], PARTICLES[:1], "me_too", "1")
    folder = tmp_path / "ExperimentRuns" / "TS_1" / "Picks"
    content = json.loads((folder / "me-too_1_ribosome.json").read_text())
    (point, _) = content.pop("points")
    assert content == {
        "pickable_object_name": "ribosome",
        "user_id": "me-too",
        "session_id": "1",
        "run_name": "TS_1",
        "voxel_spacing": 10.012,
        "unit": "angstrom",
        "trust_orientation": False,
    }
    assert point == {
        "location": {"x": 1 / 3, "y": 20.5, "z": 30.0},
        "transformation_": np.eye(4).tolist(),
        "instance_id": 0,
        "score": 0.9,
    }


def test_configuration(tmp_path):
    later = tmp_path / "export" / "copick"
    write_project(tmp_path, [make_tomogram()], PARTICLES, "me", "1", later)
    config = json.loads((tmp_path / "copick_config.json").read_text())
    assert config["config_type"] == "filesystem"
    assert config["overlay_root"] == f"local://{later}"
    assert config["static_root"] is None
    assert config["pickable_objects"] == [
        {
            "name": "ribosome",
            "is_particle": True,
            "label": 1,
            "color": [10, 20, 30, 255],
            "radius": 150,
        },
        {
            "name": "beta-amylase",
            "is_particle": True,
            "label": 2,
            "color": [230, 25, 75, 255],
            "radius": 65,
        },
    ]


def test_names_that_copick_cannot_tell_apart(tmp_path):
    twins = [Particle(name="a_b", radius=1), Particle(name="a-b", radius=1)]
    with pytest.raises(ValueError, match="a_b, a-b cannot be told apart in copick"):
        write_project(tmp_path, [], twins, "me", "1")
    assert object_name("80s_ribosome") == "80s-ribosome"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no copick picks file"),
        ("[]", "is no copick picks file"),
        ('{"points": []}', "KeyError.*expected pickable_object_name"),
        (
            '{"pickable_object_name": "a", "points": [{"location": {"x": 1}}]}',
            "is no copick picks file",
        ),
        (
            '{"pickable_object_name": "a", "points": [], "unit": "pixel"}',
            "gives positions in 'pixel'; expected angstrom",
        ),
        (
            '{"pickable_object_name": "a", "points": [{"location": {"x": NaN, "y": 1,'
            ' "z": 2}}]}',
            r"point 1 is not finite \(x, y, z \[nan, 1.0, 2.0\]",
        ),
    ],
)
def test_damaged_json(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_points(tmp_path / "a.json")


def test_a_shift_is_added_as_copick_does(tmp_path):
    """Of a matrix that rotates too, the translation alone moves the point."""
    turned = [[0, -1, 0, 0.5], [1, 0, 0, -20], [0, 0, 1, 300], [0, 0, 0, 1]]
    location = {"x": 1.25, "y": 50, "z": 3}
    content = {
        "pickable_object_name": "a",
        "points": [
            {"location": location, "transformation_": turned},
            {"location": location, "transformation_": None},
            {"location": location, "transformation_": np.eye(4).tolist()},
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = read_points(tmp_path / "a.json")
    assert found.value_zyx.tolist() == [[303, 30, 1.75], [3, 50, 1.25], [3, 50, 1.25]]


@pytest.mark.parametrize(
    "matrix",
    [
        *([], 7, "1", [[1]], np.eye(3).tolist(), np.eye(4).tolist()[:3]),
        [*np.eye(4).tolist()[:3], [0, 0, 0, 2]],
        [[1, 0, 0, None], *np.eye(4).tolist()[1:]],
        [[1, 0, 0, [1]], *np.eye(4).tolist()[1:]],
    ],
)
def test_a_damaged_transformation_is_refused(tmp_path, matrix):
    point = {"location": {"x": 1, "y": 2, "z": 3}, "transformation_": matrix}
    content = {"pickable_object_name": "a", "points": [point]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    match = r"a\.json is no copick picks file .*transformation_ of 4 rows and 4 columns"
    with pytest.raises(ValueError, match=match):
        read_points(tmp_path / "a.json")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_a_shift_that_is_not_finite_is_refused(tmp_path, value):
    row = f"[[1, 0, 0, {value}], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]"
    (tmp_path / "a.json").write_text(
        '{"pickable_object_name": "a", "points": [{"location": {"x": 1, "y": 2,'
        f' "z": 3}}, "transformation_": {row}}}]}}'
    )
    with pytest.raises(ValueError, match="point 1 is not finite"):
        read_points(tmp_path / "a.json")


def test_a_byte_order_mark_and_a_score_of_0(tmp_path):
    point = {"location": {"x": 1, "y": 2, "z": 3}, "score": 0}
    content = {"pickable_object_name": "a", "run_name": "01", "points": [point]}
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8-sig")
    found = read_points(tmp_path / "a.json")
    assert (found.particle, found.tomogram) == (["a"], ["01"])
    assert (found.value_zyx.tolist(), found.score.tolist()) == ([[3, 2, 1]], [0])


def test_missing_scores_are_one_and_missing_points_none(tmp_path):
    point = {"location": {"x": 1, "y": 2, "z": 3}}
    content = {"pickable_object_name": "a", "points": [point, {**point, "score": None}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = read_points(tmp_path / "a.json")
    assert (found.particle, found.tomogram) == (["a", "a"], None)
    assert found.value_zyx.tolist() == [[3, 2, 1], [3, 2, 1]]
    assert found.score.tolist() == [1, 1]
    (tmp_path / "a.json").write_text('{"pickable_object_name": "a", "points": null}')
    assert len(read_points(tmp_path / "a.json").value_zyx) == 0
