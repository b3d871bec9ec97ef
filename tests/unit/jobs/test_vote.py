"""A shard by a vote: from members' candidates and imported picks to a manifest."""

from __future__ import annotations

import json
from collections import Counter
from typing import get_args

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from picker.__main__ import main
from picker.config import Target
from picker.config.base import ONLY_OF_MICROGRAPHS
from picker.core.picks import picks_from_arrays
from picker.formats.picks import peet
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import read_picks, write_picks
from picker.jobs.settings import read_particles
from picker.project.manifests import read_predicted, write_manifest
from picker.project.records import Failed, failed
from tests.unit.formats.volumes.test_em import write_em
from tests.unit.predicted import (
    calibrated,
    picked,
    predicted,
    preprocessed,
    thresholds_of,
    write_predicted,
)

SHAPE = (40, 40, 40)
PLACES = np.array([[100.0, 100, 100], [100, 200, 200], [200, 100, 300]])
CURVE = {"score": [0.0, 1.0], "right": [0.0, 0.5], "found": 0.8}


def ribosomes(places, score=None):
    return picks_from_arrays(places, ["ribosome"] * len(places), score)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two methods with candidates in TS_1 and TS_2; the second failed in TS_2."""
    monkeypatch.chdir(tmp_path)
    found = {
        "vnet": (PLACES, [0.9, 0.8, 0.2], calibrated()),
        "fpn": (PLACES[:2] + 6.0, [0.4, 0.3], calibrated(reliability=CURVE)),
    }
    for name, (places, score, known) in found.items():
        entries = []
        for tomogram in ("TS_1", "TS_2"):
            path = tmp_path / name / f"{tomogram}.star"
            write_picks(path, ribosomes(places, score), {"fingerprint": name})
            entries.append(predicted(path, tomogram, "test", shape_zyx=SHAPE))
        if name == "fpn":
            entries[1] = failed(entries[1], path, "no memory")
        write_predicted(tmp_path / f"{name}.json", entries, model=name * 4)
        text = thresholds_of({"ribosome": known}, model=name * 4)
        (tmp_path / f"{name}_t.json").write_text(text)
    (tmp_path / "particles.json").write_text('[{"name": "ribosome", "radius": 30}]')
    settings(tmp_path, methods={"vnet": 1, "fpn": 1})
    return tmp_path


def settings(folder, **vote):
    (folder / "vote.json").write_text(json.dumps(vote))


def voted(*words, members=("vnet", "fpn")):
    given = [w for m in members for w in ("--member", m, f"{m}_t.json", f"{m}.json")]
    given += ["--settings", "particles.json", "vote.json"]
    given += ["--candidates", "votes", "--output", "votes.json", *words]
    return main(["vote", *given])


def test_members_scores_compare_before_they_are_joined(project):
    assert voted() == 0
    found = read_picks(project / "votes" / "TS_1.star")
    # What is found by both comes first, and lies between, nearer to the surer member.
    assert found.score[0] == pytest.approx((0.9 + 0.5 * 0.4) / 2, abs=0.01)
    assert 100 < found.position_zyx[0, 0] < 103
    assert len(found) == 3
    first, bad = read_predicted([project / "votes.json"]).tomograms
    assert first.candidates.name == "TS_1.star"
    assert isinstance(bad, Failed)
    assert "fpn has no candidates: no memory" in bad.error


def test_what_is_valid_stays_and_what_changed_is_made_again(project):
    assert voted() == 0
    path = project / "votes" / "TS_1.star"
    model = read_predicted([project / "votes.json"]).model
    before = path.stat().st_mtime_ns
    assert voted() == 0
    assert path.stat().st_mtime_ns == before
    settings(project, methods={"vnet": 1, "fpn": 2})
    assert voted() == 0
    assert path.stat().st_mtime_ns > before
    assert read_predicted([project / "votes.json"]).model != model


def test_the_members_are_those_of_the_settings(project, capsys):
    assert voted(members=["vnet"]) == 1
    assert "got the members vnet; expected" in capsys.readouterr().err
    assert voted("--member", "fpn", "fpn_t.json", members=["vnet"]) == 1
    assert "each with its thresholds and the manifests" in capsys.readouterr().err


@pytest.fixture
def imported(project):
    """Picks of another program in both tomograms; of TS_1 the particles are known."""
    folder = project / "other"
    # crYOLO's confidences may be anything; here a score in thousands.
    write_picks(folder / "TS_1.star", ribosomes(PLACES + 3, [3000.0, 2000.0, 1.0]))
    write_picks(folder / "TS_1_2_ribosome.star", ribosomes(PLACES[:1], [5.0]))
    write_picks(folder / "ribosome" / "TS_2.star", ribosomes(PLACES[:1], [9.0]))
    (folder / "README.md").write_text("not picks")
    write_picks(project / "known.star", ribosomes(PLACES[:2]))
    labels = project / "known.star"
    known = preprocessed("TS_1", "validation", labels=labels, shape_zyx=SHAPE)
    write_manifest(project / "known.json", [known])
    one = preprocessed("TS_1", "test", shape_zyx=SHAPE)
    two = preprocessed("TS_2", "test", shape_zyx=SHAPE)
    write_manifest(project / "tomograms.json", [one, two])
    return folder


ALONE = ("--tomograms", "tomograms.json", "--known", "known.json")


def test_picks_of_another_program_are_worth_what_known_particles_say(imported, project):
    settings(project, methods={"other": 1}, imported={"other": "other"})
    assert voted(*ALONE, members=[]) == 0
    entries = read_predicted([project / "votes.json"]).tomograms
    found = [read_picks(entry.candidates) for entry in entries]
    # Of three picks in TS_1 the best two are right.
    assert found[0].position_zyx == pytest.approx(PLACES + 3)
    assert found[0].score[:2] == pytest.approx([1, 1], abs=0.01)
    assert found[0].score[2] == pytest.approx(0, abs=0.01)
    assert len(found[1]) == 1


def test_other_programs_and_methods_vote_together(imported, project):
    settings(
        project, methods={"vnet": 1, "other": 3}, imported={"other": "other/TS_1.star"}
    )
    assert voted("--known", "known.json", members=["vnet"]) == 0
    found = read_picks(project / "votes" / "TS_1.star")
    assert len(found) == 3
    assert found.score[0] == pytest.approx((0.9 + 3) / 4, abs=0.01)


def test_names_that_fit_no_tomogram_are_told(imported, project, capsys):
    settings(project, methods={"other": 1}, imported={"other": "other/ribosome"})
    assert voted(*ALONE, members=[]) == 1
    said = capsys.readouterr().err
    assert "vote.imported.other: other/ribosome has no picks of TS_1" in said
    assert "column called" in said


def test_each_file_is_read_once_to_see_whose_picks_it_has(
    imported, project, monkeypatch
):
    reads = Counter()

    def counted(file):
        reads[file.name] += 1
        return read_coordinates(file)

    monkeypatch.setattr("picker.jobs.imported_files.read_coordinates", counted)
    settings(project, methods={"other": 1}, imported={"other": "other"})
    assert voted(*ALONE, members=[]) == 0
    assert reads == {"TS_1.star": 1, "TS_1_2_ribosome.star": 1, "TS_2.star": 1}


def test_an_exported_folder_votes_and_a_file_of_something_else_is_told(
    imported, project, capsys
):
    picks = imported / "TS_1.star"
    write_manifest(
        project / "picked.json",
        [picked(picks, name, shape_zyx=SHAPE) for name in ("TS_1", "TS_2")],
    )
    words = "--manifests picked.json --settings particles.json --target warp"
    assert main(["export", *words.split(), "--output", "warp"]) == 0
    assert (project / "warp" / "provenance.json").is_file()
    settings(project, methods={"other": 1}, imported={"other": "warp"})
    assert voted(*ALONE, members=[]) == 0
    assert len(read_picks(project / "votes" / "TS_2.star")) == 3
    (project / "warp" / "notes.txt").write_text("Of last week's run.")
    assert voted(*ALONE, members=[]) == 1
    said = capsys.readouterr().err
    assert "warp/notes.txt is no file of picks" in said
    assert "The name notes.txt is no tomogram's" in said


TWO_CLASSES = [{"name": "ribosome", "radius": 30}, {"name": "virus", "radius": 40}]


@pytest.mark.parametrize(
    "target", [t for t in get_args(Target) if t not in ONLY_OF_MICROGRAPHS]
)
def test_every_export_of_several_classes_votes_as_it_is(imported, project, target):
    (project / "particles.json").write_text(json.dumps(TWO_CLASSES))
    turned = Rotation.from_rotvec(PLACES / 300).as_matrix()
    picks = picks_from_arrays(
        PLACES, ["ribosome", "virus", "virus"], [0.9, 0.8, 0.7], turned
    )
    entries = []
    for name in ("TS_1", "TS_2"):
        write_picks(project / f"{name}.star", picks)
        entries.append(picked(project / f"{name}.star", name, shape_zyx=SHAPE))
    write_manifest(project / "picked.json", entries)
    words = f"--manifests picked.json --settings particles.json --target {target}"
    assert main(["export", *words.split(), "--output", "exported"]) == 0
    if target == "av3":  # a volume is no list of picks, although its name ends so
        write_em(project / "exported" / "TS_1.em", np.zeros((3, 4, 5), np.float32))
    settings(project, methods={"other": 1}, imported={"other": "exported"})
    assert voted(*ALONE, members=[]) == 0
    for name in ("TS_1", "TS_2"):
        found = read_picks(project / "votes" / f"{name}.star")
        assert sorted(found.particle) == ["ribosome", "virus", "virus"]
        order = np.lexsort(found.position_zyx.T[::-1])
        assert found.position_zyx[order] == pytest.approx(PLACES, abs=5.1)


def test_a_changed_motive_list_is_voted_on_again(imported, project):
    folder = project / "peet"
    geometry = {"voxel_size": 10.0, "shape_zyx": SHAPE}
    tomograms = [
        TomogramPicks(tomogram=name, picks=ribosomes(PLACES), **geometry)
        for name in ("TS_1", "TS_2")
    ]
    peet.write_lists(folder, tomograms, read_particles([project / "particles.json"]))
    settings(project, methods={"other": 1}, imported={"other": "peet"})
    assert voted(*ALONE, members=[]) == 0
    file = folder / "TS_2_ribosome.csv"
    text = file.read_text().splitlines()
    cells = text[1].split(",")
    cells[10] = "2.0"  # two voxels of 10 Å along x
    file.write_text("\n".join([text[0], ",".join(cells), *text[2:], ""]))
    assert voted(*ALONE, members=[]) == 0
    found = read_picks(project / "votes" / "TS_2.star")
    assert sorted(found.position_zyx[:, 2]) == [120, 200, 300]


@pytest.mark.parametrize("name", ["TS_2.star", "TS_2_ribosome.star", "TS_2/picks.star"])
def test_a_file_that_cannot_be_read_fails_its_own_tomogram(imported, project, name):
    bad = imported / name
    bad.parent.mkdir(exist_ok=True)
    bad.write_text("data_\n\nloop_\n_rlnCoordinateX #1\nnothing\n")
    settings(project, methods={"other": 1}, imported={"other": "other"})
    assert voted(*ALONE, members=[]) == 0
    good, failure = read_predicted([project / "votes.json"]).tomograms
    assert len(read_picks(good.candidates)) == 3
    assert isinstance(failure, Failed)
    assert str(bad.relative_to(project)) in failure.error


def test_a_file_of_another_jobs_tomogram_is_left_to_that_job(imported, project, capsys):
    (imported / "TS_9.star").write_text("x")
    settings(project, methods={"other": 1}, imported={"other": "other"})
    assert voted(*ALONE, members=[]) == 1
    assert "The name TS_9.star is no tomogram's" in capsys.readouterr().err
    rows = [{"tomogram": "TS_09", "called": "TS_9", "path": "a.mrc", "split": "test"}]
    (project / "rows.json").write_text(json.dumps(rows))
    assert voted(*ALONE, "--rows", "rows.json", members=[]) == 0
    entries = read_predicted([project / "votes.json"]).tomograms
    assert not any(isinstance(entry, Failed) for entry in entries)


def test_a_bad_file_of_what_thresholds_rest_on_is_an_error(imported, project, capsys):
    (imported / "TS_1.star").write_text("x")
    settings(project, methods={"other": 1}, imported={"other": "other"})
    assert voted(*ALONE, members=[]) == 1
    assert "other/TS_1.star is no file of picks" in capsys.readouterr().err


def test_picks_of_micrographs_are_joined_in_their_plane(imported, project):
    flat = PLACES * [0, 1, 1]
    image = preprocessed("TS_1", "test", shape_zyx=(1, 40, 40))
    for name, shift in (("one", 0.0), ("two", 6.0)):
        folder = project / name
        folder.mkdir()
        rows = "".join(
            f"{x / 10 - 5:g} {y / 10 - 5:g} 10 10\n"
            for _, y, x in flat + np.array([0, shift, 0])
        )
        (folder / "TS_1.box").write_text(rows)
    write_manifest(project / "tomograms.json", [image])
    settings(
        project,
        methods={"one": 1, "two": 1},
        imported={"one": "one", "two": "two"},
        min_methods=2,
    )
    assert voted("--tomograms", "tomograms.json", members=[]) == 0
    found = read_picks(project / "votes" / "TS_1.star")
    assert len(found) == 3
    assert (found.position_zyx[:, 0] == 0).all()
    assert sorted(found.position_zyx[:, 2]) == sorted(flat[:, 2])
