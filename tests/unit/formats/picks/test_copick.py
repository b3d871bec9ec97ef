"""Copick's JSON and the folders of the Kaggle challenge."""

from __future__ import annotations

import json

import numpy as np
import pytest

from picker.config import Config, CopickSettings, Particle
from picker.core.picks import picks_from_arrays
from picker.formats.picks.copick import (
    find_tomograms,
    object_name,
    read_picks,
    write_project,
)
from picker.formats.picks.given import read_given_picks
from picker.formats.picks.star import TomogramPicks
from picker.formats.tables.tomograms import tomogram_rows

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
    name, run, positions, scores = read_picks(folder / "me_1_ribosome.json")
    assert (name, run) == ("ribosome", "TS_1")
    assert positions == [[30, 20.5, 1 / 3], [4, 5, 6]]
    assert scores == [0.9, 0]
    assert read_picks(folder / "me_1_beta-amylase.json")[2:] == ([], [])
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
    with pytest.raises(ValueError, match="a_b, a-b are not told apart by copick"):
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
            r"point 1 is not finite \(z, y, x \[2.0, 1.0, nan\]",
        ),
    ],
)
def test_damaged_json(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_picks(tmp_path / "a.json")


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
    _, _, positions, _ = read_picks(tmp_path / "a.json")
    assert positions == [[303, 30, 1.75], [3, 50, 1.25], [3, 50, 1.25]]


@pytest.mark.parametrize(
    "matrix",
    [
        *([], 7, "1", [[1]], np.eye(3).tolist(), np.eye(4).tolist()[:3]),
        [*np.eye(4).tolist()[:3], [0, 0, 0, 2]],
        [[1, 0, 0, None], *np.eye(4).tolist()[1:]],
        [[1, 0, 0, [1]], *np.eye(4).tolist()[1:]],
    ],
)
def test_a_transformation_that_is_none_is_refused(tmp_path, matrix):
    point = {"location": {"x": 1, "y": 2, "z": 3}, "transformation_": matrix}
    content = {"pickable_object_name": "a", "points": [point]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    match = r"a\.json is no copick picks file .*transformation_ of 4 rows and 4 columns"
    with pytest.raises(ValueError, match=match):
        read_picks(tmp_path / "a.json")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_a_shift_that_is_not_finite_is_refused(tmp_path, value):
    row = f"[[1, 0, 0, {value}], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]"
    (tmp_path / "a.json").write_text(
        '{"pickable_object_name": "a", "points": [{"location": {"x": 1, "y": 2,'
        f' "z": 3}}, "transformation_": {row}}}]}}'
    )
    with pytest.raises(ValueError, match="point 1 is not finite"):
        read_picks(tmp_path / "a.json")


def test_a_byte_order_mark_and_a_score_of_0(tmp_path):
    point = {"location": {"x": 1, "y": 2, "z": 3}, "score": 0}
    content = {"pickable_object_name": "a", "run_name": "01", "points": [point]}
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8-sig")
    assert read_picks(tmp_path / "a.json") == ("a", "01", [[3.0, 2.0, 1.0]], [0.0])


def test_missing_scores_are_one_and_missing_points_none(tmp_path):
    point = {"location": {"x": 1, "y": 2, "z": 3}}
    content = {"pickable_object_name": "a", "points": [point, {**point, "score": None}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert read_picks(tmp_path / "a.json") == (
        "a",
        None,
        [[3, 2, 1], [3, 2, 1]],
        [1, 1],
    )
    (tmp_path / "a.json").write_text('{"pickable_object_name": "a", "points": null}')
    assert read_picks(tmp_path / "a.json")[2] == []


# The layout


@pytest.fixture
def project(tmp_path):
    """Return the settings of a project with three tomograms."""
    for name in ("TS_1", "TS_2", "01"):
        run = tmp_path / "static" / "ExperimentRuns" / name
        (run / "VoxelSpacing10.000" / "denoised.zarr").mkdir(parents=True)
    picks = tmp_path / "overlay" / "ExperimentRuns" / "TS_1" / "Picks"
    picks.mkdir(parents=True)
    for name in ("ribosome", "me_0_beta-amylase", "me_0_other", "80s_ribosome"):
        (picks / f"{name}.json").write_text("{}")
    (tmp_path / "splits.tsv").write_text(
        "tomogram\tsplit\nTS_1\tlabeled\r\nTS_2\tunlabeled\n01\ttest\n"
    )
    return CopickSettings(
        root=tmp_path / "static",
        splits=tmp_path / "splits.tsv",
        picks={"labeled": tmp_path / "overlay", "test": tmp_path / "truth"},
    )


def test_tomograms_are_found_with_the_picks_of_their_split(project):
    rows = find_tomograms(project)
    assert [(r.tomogram, r.split, len(r.picks)) for r in rows] == [
        ("TS_1", "labeled", 4),
        ("TS_2", "unlabeled", 0),
        ("01", "test", 0),
    ]
    assert rows[0].path == (
        project.root / "ExperimentRuns/TS_1/VoxelSpacing10.000/denoised.zarr"
    )
    assert rows[0].voxel_size is None


def test_only_files_of_known_particles_are_taken(project):
    rows = find_tomograms(project, ["ribosome", "beta_amylase"])
    assert [p.stem for p in rows[0].picks] == ["me_0_beta-amylase", "ribosome"]


def add_picks(project, *stems):
    folder = project.picks["labeled"] / "ExperimentRuns" / "TS_1" / "Picks"
    for stem in stems:
        (folder / f"{stem}.json").write_text("{}")


def test_several_users_of_one_object_are_an_error_that_lists_them(project):
    add_picks(project, "curation_0_virus", "octopi_1_virus", "octopi_2_virus")
    with pytest.raises(ValueError, match=r"line 2: tomogram TS_1 has 3 files") as e:
        find_tomograms(project, ["virus"])
    assert (
        "of virus (curation_0_virus.json, octopi_1_virus.json, octopi_2_virus.json)"
    ) in str(e.value)
    assert "tomograms.copick.user_id and session_id" in str(e.value)
    # Of other objects there may be as many as there are.
    assert len(find_tomograms(project, ["ribosome"])[0].picks) == 1


@pytest.mark.parametrize(
    ("chosen", "stem"),
    [
        ({"user_id": "curation"}, "curation_0_virus"),
        ({"session_id": "1"}, "octopi_1_virus"),
        ({"user_id": "some_one"}, "some-one_3_virus"),
        ({"user_id": "octopi", "session_id": "2"}, "octopi_2_virus"),
    ],
)
def test_a_user_and_a_session_choose(project, chosen, stem):
    add_picks(project, "curation_0_virus", "octopi_1_virus", "octopi_2_virus")
    add_picks(project, "some-one_3_virus")
    settings = project.model_copy(update=chosen)
    rows = find_tomograms(settings, ["virus", "ribosome"])
    # Kaggle's layout names no user.
    assert {p.stem for p in rows[0].picks} == {stem, "ribosome"}
    if chosen == {"user_id": "curation"}:
        both = settings.model_copy(update={"user_id": "octopi"})
        with pytest.raises(ValueError, match="TS_1 has 2 files of virus"):
            find_tomograms(both, ["virus"])


def test_several_users_of_several_objects_are_wanted_all_or_chosen(project):
    add_picks(project, "octopi_1_virus")
    wanted = ["virus", "beta_amylase"]
    with pytest.raises(ValueError, match="split labeled are of several users") as error:
        find_tomograms(project, wanted)
    assert "me (TS_1/Picks/me_0_beta-amylase.json), octopi (TS_1/Picks/octopi" in (
        str(error.value)
    )
    for chosen, num in ((("me", "octopi"), 2), (("me", "you"), 1), ("me", 1)):
        settings = project.model_copy(update={"user_id": chosen})
        assert len(find_tomograms(settings, wanted)[0].picks) == num
    assert CopickSettings.model_validate({"user_id": ["a", "b"]}).user_id == ("a", "b")


def test_picks_of_other_names_are_told_of_where_none_is_wanted(project):
    with pytest.raises(
        ValueError, match=r"has no picks; .*none is wanted: .*_other.js"
    ):
        find_tomograms(project, ["virus"])


def test_an_object_is_called_as_the_user_says(project):
    add_picks(project, "me_1_cytosolic-ribosome")
    particle = Particle(name="virus", radius=1, called="cytosolic ribosome")
    config = Config(
        particles=(particle,), tomograms={"source": "copick", "copick": project}
    )
    (file,) = tomogram_rows(config)[0].picks
    assert file.stem == "me_1_cytosolic-ribosome"
    point = {"location": {"x": 1, "y": 2, "z": 3}}
    file.write_text(
        json.dumps({"pickable_object_name": "cytosolic-ribosome", "points": [point]})
    )
    picks, _ = read_given_picks([file], "TS_1", [particle, *PARTICLES], 1, (9, 9, 9))
    assert picks.particle.tolist() == ["virus"]


def test_an_object_without_picks_of_the_chosen_user_is_told_of(project, caplog):
    add_picks(project, "octopi_1_virus")
    settings = project.model_copy(update={"user_id": "me"})
    rows = find_tomograms(settings, ["virus", "ribosome"])
    assert [p.stem for p in rows[0].picks] == ["ribosome"]
    assert "TS_1 has picks of virus, but none of the user" in caplog.text
    with pytest.raises(ValueError, match="TS_1 is labeled but has no picks"):
        find_tomograms(settings, ["virus"])


def test_two_spellings_of_one_object_are_two_files(project):
    add_picks(project, "beta_amylase")
    with pytest.raises(ValueError, match="TS_1 has 2 files of beta-amylase"):
        find_tomograms(project, ["beta_amylase"])


@pytest.mark.parametrize("key", ["tomogram_type", "voxel_spacing"])
@pytest.mark.parametrize("value", ["../../x", "a/b", "", ".."])
def test_a_volume_lies_in_its_project(key, value):
    with pytest.raises(ValueError, match=f"{key}(.|\n)*cannot be used"):
        CopickSettings.model_validate({key: value})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("TS_1\tlabeled\nTS_1\tlabeled", "line 3: tomogram TS_1 stands in line 2 alre"),
        ("TS_2\tlabeled", r"TS_2 is labeled but has no picks; .*copick.picks.labeled"),
        ("TS_9\tunlabeled", r"line 2: .*denoised.zarr does not exist; check tomograms"),
        ("TS_2\ttrain", "line 2: split: Input should be 'labeled', 'unlabeled'"),
        ("../TS_2\tunlabeled", "line 2: tomogram: name '../TS_2' cannot be used"),
        ("", "has no rows"),
    ],
)
def test_splits_with_errors(project, lines, message):
    project.splits.write_text(f"tomogram\tsplit\n{lines}\n")
    with pytest.raises(ValueError, match=message):
        find_tomograms(project)


def test_a_table_without_columns_or_none_at_all(project):
    project.splits.write_text("TS_1\tlabeled\n")
    with pytest.raises(
        ValueError, match="no column tomogram; no column split; unknown"
    ):
        find_tomograms(project)
    project.splits.unlink()
    with pytest.raises(
        ValueError, match=r"does not exist; set tomograms.copick.splits"
    ):
        find_tomograms(project)
