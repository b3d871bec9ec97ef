"""The folders of copick projects and of the Kaggle challenge."""

from __future__ import annotations

import json

import pytest

from picker.config import Config, CopickSettings, Particle
from picker.formats.picks.copick_layout import find_tomograms
from picker.formats.picks.known import read_known_picks
from picker.formats.tables.tomograms import tomogram_rows

PARTICLES = (
    Particle(name="ribosome", radius=150, color="#0a141e"),
    Particle(name="beta_amylase", radius=65),
)


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


def test_halves_lie_beside_the_tomogram(project):
    with_halves = project.model_copy(update={"even_type": "even", "odd_type": "odd"})
    with pytest.raises(ValueError, match=r"does not exist; .* and even_type"):
        find_tomograms(with_halves)
    for denoised in project.root.rglob("denoised.zarr"):
        for kind in ("even", "odd"):
            denoised.with_name(f"{kind}.zarr").mkdir()
    rows = find_tomograms(with_halves)
    assert [file.name for file in rows[2].halves] == ["even.zarr", "odd.zarr"]
    assert rows[2].odd.parent == rows[2].path.parent
    assert find_tomograms(project)[2].halves == ()


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
        ValueError, match=r"has no picks; .*none of these files is wanted: .*_o"
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
    picks, _ = read_known_picks([file], "TS_1", [particle, *PARTICLES], 1, (9, 9, 9))
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
        ("TS_2\ttrain", "line 2: split: Input should be 'labeled', 'partial'"),
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
