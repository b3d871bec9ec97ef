"""Evaluation: files of picks and known particles to metrics and a summary."""

import json
from dataclasses import replace

import pytest

from picker.config import EvaluateSettings, PartialSettings, Particle, PickSettings
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.jobs.evaluate import EvaluationFiles, evaluate_picks
from picker.jobs.finish import finish
from picker.project.manifests import read_manifest, write_manifest
from tests.unit.predicted import (
    MODEL,
    calibrated,
    picked,
    predicted,
    thresholds_of,
    write_predicted,
)

PARTICLES = (Particle(name="ribosome", radius=20),)
PART = {"rule": "f1", "number": 14.0, "number_is": "expected", "recall": 1.0}


def on_line(*x, score=None):
    return picks_from_arrays([[50.0, 50.0, v] for v in x], ["ribosome"] * len(x), score)


@pytest.fixture
def folder(tmp_path):
    """Twenty labels 50 Å apart; the picks find the first twelve and lie elsewhere."""
    labels = on_line(*range(0, 1000, 50))
    write_picks(tmp_path / "labels.star", labels)
    right, other = [*range(0, 600, 50)], [*range(1500, 2100, 50)]
    scores = [0.9] * 12 + [0.6] * 12
    write_picks(tmp_path / "picks.star", on_line(*right, *other, score=scores))
    return tmp_path


def evaluated(folder, split, *, settings=None, labels="labels.star", **partial):
    of = {
        "labels": folder / labels,
        "shape_zyx": (20, 20, 300),
        "source_voxel_size": 4.0,
    }
    if split == "partial":
        of["expected"] = {"ribosome": 30}
    picks = folder / "picks.star"
    entry = replace(picked(picks, "TS_1", split, **of), counts={"ribosome": 24})
    write_manifest(folder / "picked.json", [entry])
    write_predicted(folder / "shard.json", [predicted(picks, "TS_1", split, **of)])
    known = calibrated(source=split, partial=PART if split == "partial" else None)
    (folder / "t.json").write_text(thresholds_of({"ribosome": known}, model=MODEL))
    evaluate_picks(
        [folder / "picked.json"],
        [folder / "shard.json"],
        folder / "t.json",
        EvaluationFiles(
            metrics=folder / "metrics.json",
            curves=folder / "curves.tsv",
            by_tomogram=folder / "by_tomogram.tsv",
            failed=folder / "failed.json",
        ),
        split=split,
        particles=PARTICLES,
        settings=settings or EvaluateSettings(),
        picking=PickSettings(),
        partial=PartialSettings(**partial),
    )
    return json.loads((folder / "metrics.json").read_text())


def summary(folder):
    finish(
        [folder / "picked.json"],
        [],
        folder / "metrics.json",
        folder / "report.html",
        folder / "summary.txt",
    )
    return (folder / "summary.txt").read_text()


def columns(path):
    return path.read_text().splitlines()[0].split("\t")


def test_of_partial_tomograms_no_pick_is_wrong(folder):
    found = evaluated(folder, "partial")
    assert not any("f1" in key or "precision" in key for key in found)
    assert found["num_truth"] == {"ribosome": 4}  # a fifth
    assert found["labels"] == {"ribosome": "held out"}
    assert found["n"] == {"ribosome": 30}
    assert found["recall@0.5"]["ribosome"] in (0.25, 0.5, 0.75, 1.0)
    text = "".join((folder / f"{n}.tsv").read_text() for n in ("curves", "by_tomogram"))
    assert "wrong" not in text
    assert "precision" not in text
    assert columns(folder / "curves.tsv") == [
        "particle",
        "threshold",
        "picks",
        "recall",
    ]
    assert "of labels (held out) on partial; 24 picks" in summary(folder)


def test_what_trained_is_counted_only_if_nothing_was_held_out(folder):
    found = evaluated(folder, "partial", held_out=0)
    assert found["labels"] == {"ribosome": "trained"}
    assert found["num_truth"] == {"ribosome": 20}
    assert found["recall@0.5"]["mean"] == pytest.approx(12 / 20)
    assert summary(folder).startswith(
        "mean recall@0.5 0.600 of labels (trained) on partial; 24 picks"
    )


def test_of_complete_truth_all_others_are_wrong(folder):
    settings = EvaluateSettings(distance_voxels=10)
    found = evaluated(folder, "test", settings=settings)
    assert found["precision@0.5"]["mean"] == pytest.approx(12 / 24)
    # In voxels of the file that came, 4 Å: within 40 Å are all of the same pairs.
    assert found["f1@10voxels"] == found["f1@0.5"]
    assert columns(folder / "curves.tsv")[2] == "precision"
    assert columns(folder / "by_tomogram.tsv")[3] == "wrong"
    assert summary(folder).startswith("mean F1@0.5 0.545 on test; 24 picks")


@pytest.mark.parametrize("split", ["test", "partial"])
def test_labels_that_cannot_be_read_are_recorded(folder, split):
    (folder / "bad.star").write_text("no STAR")
    with pytest.raises(ValueError, match=f"no {split} tomogram could be used"):
        evaluated(folder, split, labels="bad.star")
    assert not (folder / "failed.json").exists()


def test_nothing_failed(folder):
    evaluated(folder, "partial")
    assert read_manifest(folder / "failed.json").tomograms == ()
