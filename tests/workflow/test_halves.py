"""A project with halves: thresholds rest on them, and they tell how good picks are."""

import json

import pytest

from picker.formats.tables.tsv import read_rows
from tests.workflow.project import SMALL, Project


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    config = {
        **SMALL,
        "method": "supervised",
        "simulate": SMALL["simulate"] | {"halves": True, "unlabeled": 3, "test": 0},
        "export": {"targets": ["copick"]},
        "report": {"max_pictures": 1},
        "reproducibility": {"tomograms": 2},
    }
    made = Project(tmp_path_factory.mktemp("halves") / "project", config)
    made.output = made.succeed()
    return made


def test_thresholds_rest_on_halves_and_the_first_others_tell_how_good_picks_are(halves):
    method = halves.path("supervised")
    names = sorted(path.stem for path in (method / "halves").glob("*.star"))
    # Two labeled ones to calibrate on, and the first two that nobody labeled.
    assert names == [f"sim_00{i}_{h}" for i in range(4) for h in ("even", "odd")]
    assert not (method / "noisy").exists()
    thresholds = json.loads((method / "models" / "thresholds.json").read_text())
    known = thresholds["particles"]["ribosome"]["num_truth"]
    labels = [halves.path("labels", f"sim_00{i}.star") for i in (0, 1)]
    whole = sum(path.read_text().count("ribosome") for path in labels)
    assert known == 3 * whole
    rows = read_rows(method / "reproducibility.tsv")
    assert {row["particle"] for row in rows} == {"ribosome", "apo-ferritin"}
    assert {row["tomograms"] for row in rows} == {"2"}
    assert "What is found again in the other half?" in halves.path(
        "report.html"
    ).read_text("utf-8")
    assert halves.succeed().count("Nothing to be done") == 1


def test_more_tomograms_predict_no_half_again(halves):
    folder = halves.path("supervised", "halves")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.star")}
    halves.change("reproducibility", tomograms=3)
    output = halves.succeed()
    assert "rule predict_halves" in output
    assert "rule predict:" not in output
    after = {path: path.stat().st_mtime_ns for path in folder.glob("*.star")}
    assert len(after) == len(before) + 2
    assert all(after[path] == time for path, time in before.items())
