"""A project whose only labels are a part of one tomogram's particles."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.mrc import write_volume
from tests.workflow.project import SMALL, Project

SHAPE = (24, 64, 64)
NUMBER, LABELED = 40, 12


def write_tomogram(path, seed):
    """Write dark blobs in noise, and return where they are [Å]."""
    rng = np.random.default_rng(seed)
    # A grid of 10 voxels, of which some places stay empty.
    grid = np.stack(np.meshgrid((6, 17), range(6, 62, 10), range(6, 62, 10)), -1)
    places = rng.permutation(grid.reshape(-1, 3))[:NUMBER][:, [0, 1, 2]]
    volume = np.zeros(SHAPE, np.float32)
    volume[tuple(places.T)] = -400.0
    volume = gaussian_filter(volume, 2.0) + rng.normal(0, 1, SHAPE)
    write_volume(path, volume.astype(np.float32), 10.0)
    return places * 10.0


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """A project with 12 of 40 particles labeled in one tomogram, and another one."""
    folder = tmp_path_factory.mktemp("partial") / "project"
    particles = [{"name": "ribosome", "radius": 40}]
    config = {
        **SMALL,
        "method": "supervised",
        "particles": particles,
        "tomograms": {"source": "table"},
        "export": {"targets": ["copick"]},
        "report": {"max_pictures": 1},
        "burn_in": SMALL["burn_in"] | {"steps": 60},
    }
    made = Project(folder, config)
    found = write_tomogram(folder / "TS_1.mrc", 0)
    write_tomogram(folder / "TS_2.mrc", 1)
    labels = picks_from_arrays(found[:LABELED], ["ribosome"] * LABELED)
    write_picks(folder / "TS_1.star", labels)
    (folder / "tomograms.tsv").write_text(
        "tomogram\tpath\tsplit\tpicks\texpected\n"
        f"TS_1\tTS_1.mrc\tpartial\tTS_1.star\tribosome:{NUMBER}\n"
        "TS_2\tTS_2.mrc\tpredict\t\t\n"
    )
    made.truth = found
    made.output = made.succeed()
    return made


def test_a_project_with_partial_labels_alone_runs_to_its_end(partial):
    method = partial.path("supervised")
    thresholds = json.loads((method / "models" / "thresholds.json").read_text())
    ribosome = thresholds["particles"]["ribosome"]
    assert ribosome["source"] == "partial"
    assert ribosome["partial"]["rule"] == "f1"
    assert "reliability" not in ribosome
    # A fifth of 12 is held out; 10 train, so that 30 particles are left.
    assert ribosome["num_truth"] == 2
    assert ribosome["partial"]["number"] == NUMBER - 10
    log = partial.path("logs", "supervised", "calibrate.log").read_text()
    assert "30 expected particles without a label that trained" in log
    metrics = json.loads((method / "evaluation" / "metrics.json").read_text())
    assert metrics["labels"] == {"ribosome": "held out"}
    assert metrics["n"] == {"ribosome": NUMBER}
    assert not any(key.startswith(("f1", "precision")) for key in metrics)
    # Were the others taken for wrong, there would be a dozen.
    assert 30 <= metrics["num_picks"]["ribosome"] <= 50
    summary = partial.path("summary.txt").read_text()
    assert summary.startswith("mean recall@0.5 ")
    assert "of labels (held out) on partial" in summary
    curves = (method / "evaluation" / "curves.tsv").read_text().splitlines()
    assert curves[0].split("\t") == ["particle", "threshold", "picks", "recall"]
    page = partial.path("report.html").read_text()
    assert "there is neither precision nor F1" in page
    assert "What thresholds rest on" in page
    assert "rule predict_noisy" not in partial.output


def test_a_partial_tomogram_is_worth_labeling_on(partial):
    lines = partial.path("supervised", "label_next.tsv").read_text().splitlines()
    assert {line.split("\t")[0] for line in lines[1:]} == {"TS_1", "TS_2"}


def test_what_is_held_out_decides_what_runs_again(partial):
    assert "Nothing to be done" in partial.succeed()
    partial.change("partial", held_out=0.3)
    assert {"burn_in", "calibrate", "evaluate", "report"} <= partial.jobs()
    partial.configure({k: v for k, v in partial.config.items() if k != "partial"})
