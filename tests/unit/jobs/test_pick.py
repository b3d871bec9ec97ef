from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from picker.__main__ import main
from picker.core.picks import picks_from_arrays
from picker.formats.picks import star
from picker.formats.tables.star_table import read_comments
from picker.jobs import refined
from picker.jobs.pick_files import picks_alone
from picker.jobs.picked_tables import ranking_table
from picker.project.manifests import read_picked, read_predicted
from picker.project.records import Failed, failed
from tests.unit.predicted import (
    calibrated,
    picked,
    predicted,
    thresholds_of,
    write_predicted,
)

SPLITS = {
    "TS_a": ("unlabeled", [0.9, 0.7]),
    "TS_b": ("predict", [0.6, 0.65, 0.65, 0.2]),
    "TS_c": ("unlabeled", [0.3]),
    "TS_d": ("labeled", [0.6]),
    "TS_e": ("test", [0.6]),
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with candidates of five tomograms and one that failed."""
    monkeypatch.chdir(tmp_path)
    entries = []
    for name, (split, scores) in SPLITS.items():
        places = [[100.0, 100.0, 100.0 * (1 + i)] for i in range(len(scores))]
        found = picks_from_arrays(places, ["ribosome"] * len(scores), scores)
        path = tmp_path / f"{name}.star"
        star.write_picks(path, found, {"fingerprint": name})
        entries.append(predicted(path, name, split, shape_zyx=(20, 40, 60)))
    bad = predicted(path, "TS_f", "unlabeled")
    entries.append(failed(bad, path, "bad"))
    write_predicted(tmp_path / "predicted.json", entries)
    (tmp_path / "particles.json").write_text('[{"name": "ribosome", "radius": 30}]')
    (tmp_path / "t.json").write_text(
        thresholds_of({"ribosome": calibrated(source="labeled")})
    )
    words = "--manifests predicted.json --thresholds t.json --settings particles.json"
    words += " --picks picks --output picked.json --label-next next.tsv"
    return words.split()


def test_tomograms_without_labels_are_ranked_the_fullest_first(project, tmp_path):
    assert main(["pick", *project]) == 0
    assert (tmp_path / "next.tsv").read_text().splitlines() == [
        "tomogram\tsplit\tmean_score\tpicks",
        "TS_b\tpredict\t0.6333\t3",
        "TS_a\tunlabeled\t0.8\t2",
        "TS_c\tunlabeled\t\t0",
    ]
    *done, bad = read_picked([tmp_path / "picked.json"])
    assert (bad.tomogram, bad.error) == ("TS_f", "bad")
    assert {e.tomogram: e.mean_score for e in done} == {
        "TS_a": 0.8,
        "TS_b": 0.6333,
        "TS_c": None,
        "TS_d": 0.6,
        "TS_e": 0.6,
    }


def test_partial_tomograms_are_ranked_too():
    entries = [
        replace(picked(Path("x"), name, split), counts={"ribosome": number})
        for name, split, number in (
            ("TS_a", "predict", 3),
            ("TS_b", "partial", 5),
            ("TS_c", "labeled", 9),
        )
    ]
    lines = ranking_table(entries).splitlines()[1:]
    assert [line.split("\t")[0] for line in lines] == ["TS_b", "TS_a"]


def test_picks_that_are_there_are_kept_and_ranked_the_same(project, tmp_path):
    assert main(["pick", *project]) == 0
    first, path = (tmp_path / "next.tsv").read_text(), tmp_path / "picks" / "TS_a.star"
    before = path.stat().st_mtime_ns
    assert main(["pick", *project]) == 0
    assert path.stat().st_mtime_ns == before
    assert (tmp_path / "next.tsv").read_text() == first


def test_picks_of_an_earlier_run_do_not_pass_for_those_of_one_that_failed(
    project, tmp_path
):
    assert main(["pick", *project]) == 0
    old = [tmp_path / "picks" / f"{name}.star" for name in ("TS_a", "TS_f")]
    assert old[0].exists()
    old[1].write_text("picks of TS_f before it failed")
    (tmp_path / "TS_a.star").write_text("not candidates any more")
    assert main(["pick", *project]) == 0
    assert not any(path.exists() for path in old)
    assert (tmp_path / "picks" / "TS_b.star").exists()


@pytest.mark.parametrize("error", [MemoryError(), KeyError("x"), ZeroDivisionError()])
def test_whatever_befalls_one_tomogram_the_others_have_picks(
    project, tmp_path, monkeypatch, error
):
    def read(path):
        if path.stem == "TS_a":
            raise error
        return star.read_picks(path)

    monkeypatch.setattr(refined, "read_picks", read)
    assert main(["pick", *project]) == 0
    entries = {e.tomogram: e for e in read_picked([tmp_path / "picked.json"])}
    bad = entries.pop("TS_a")
    kinds = ("memory is too small", "KeyError", "ZeroDivisionError")
    assert bad.retry
    assert any(kind in bad.error for kind in kinds)
    assert [n for n, e in entries.items() if isinstance(e, Failed)] == ["TS_f"]
    assert (tmp_path / "picks" / "TS_b.star").exists()


@pytest.mark.parametrize("source", ["validation", "labeled"])
def test_what_to_expect_is_told_where_held_out_tomograms_tell(
    project, tmp_path, source
):
    known = calibrated(source=source)
    (tmp_path / "t.json").write_text(thresholds_of({"ribosome": known}))
    for _ in range(2):  # again with the picks that are there
        assert main(["pick", *project, "--estimate", "estimate.tsv"]) == 0
        lines = (tmp_path / "estimate.tsv").read_text().splitlines()
        assert lines.pop(0) == "split\tparticle\ttomograms\tpicks\tprecision\trecall"
        if source == "labeled":  # what was trained on scores too high
            assert lines == []
            continue
        assert lines == [
            # .9 and .7 of TS_a are picked, .3 of TS_c is not
            "unlabeled\tribosome\t2\t2\t0.800\t0.674",
            "predict\tribosome\t1\t3\t0.633\t0.724",
            "test\tribosome\t1\t1\t0.600\t0.800",
        ]


def test_thresholds_cut_the_scores_of_their_own_model_alone(project, tmp_path, capsys):
    path = tmp_path / "t.json"
    path.write_text(thresholds_of({"ribosome": calibrated()}, model="f" * 16))
    assert main(["pick", *project]) == 1
    assert (
        "thresholds t.json are of another model (fingerprint ffffffffffff, expected"
        " 0123456789ab)"
    ) in capsys.readouterr().err
    assert not (tmp_path / "picked.json").exists()


def test_candidates_of_two_models_are_not_picked_as_one(project, tmp_path, capsys):
    entries = read_predicted([tmp_path / "predicted.json"]).tomograms
    write_predicted(tmp_path / "other.json", entries, model="f" * 16)
    both = [project[0], "other.json", *project[1:]]
    assert main(["pick", *both]) == 1
    said = capsys.readouterr().err
    assert "predicted by several models, whose scores do not compare" in said
    write_predicted(tmp_path / "other.json", entries, model=None)
    assert main(["pick", *both]) == 1
    assert "other.json does not say which model predicted" in capsys.readouterr().err


def test_entries_around_picks_are_in_the_file_alone_and_it_says_so(
    project, tmp_path, capsys
):
    settings = {"offsets": {"particles": ["ribosome"]}}
    (tmp_path / "pick.json").write_text(json.dumps(settings))
    words = [*project[:5], "pick.json", *project[5:]]
    for _ in range(2):  # again with the picks that are there
        assert main(["pick", *words]) == 0
        said = capsys.readouterr().err
        assert "15 entries a pick of ribosome (pick.offsets)" in said
        first = read_picked([tmp_path / "picked.json"])[0]
        assert first.counts == {"ribosome": 2}
    path = tmp_path / "picks" / "TS_a.star"
    assert len(star.read_picks(path)) == 30
    assert len(picks_alone(path)) == 2
    notes = read_comments(path)
    assert notes["offsets"] == "ribosome"
    assert "not for averaging" in notes["warning"]
    for target in ("relion5", "copick", "imod"):
        given = ["--manifests", "picked.json", "--settings", "particles.json"]
        given += ["--target", target, "--output", f"out/{target}"]
        assert main(["export", *given]) == 1
        assert "expected them in Kaggle's file alone" in capsys.readouterr().err
        assert not (tmp_path / "out" / target).exists()
    given[-3:] = ["kaggle", "--output", "out/kaggle"]
    assert main(["export", *given]) == 0
    rows = (tmp_path / "out" / "kaggle" / "submission.csv").read_text().splitlines()
    assert sum(",TS_a," in row for row in rows) == 30


def test_candidates_are_looked_at_and_merged_before_thresholds(project, tmp_path):
    # TS_a's two candidates lie 100 Å apart, more than three radii of 30 Å.
    (tmp_path / "pick.json").write_text('{"merge_per_radius": 3.5}')
    assert main(["pick", *project[:5], "pick.json", *project[5:]]) == 0
    found = star.read_picks(tmp_path / "picks" / "TS_a.star")
    assert found.position_zyx.tolist() == [[100.0, 100.0, 150.0]]
    (tmp_path / "pick.json").write_text('{"contrast": {"least": {"ribosome": 0.1}}}')
    assert main(["pick", *project[:5], "pick.json", *project[5:]]) == 0
    # Of these there is no volume to look at.
    assert all(isinstance(e, Failed) for e in read_picked([tmp_path / "picked.json"]))
