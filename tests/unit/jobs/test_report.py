"""The report: from files that stages wrote to a page."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from picker.config import EvaluateSettings, Particle, PickSettings
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.report import ReportFiles, write_report
from picker.project.manifests import read_manifest, write_manifest
from picker.refining.select import select_picks
from tests.unit.predicted import (
    calibrated,
    picked,
    predicted,
    thresholds_of,
    write_predicted,
)

PARTICLES = (Particle(name="ribosome", radius=30),)


@pytest.fixture
def project(tmp_path):
    """A folder with volume and picks of three tomograms, and labels of one."""
    volume = np.random.default_rng(0).normal(0, 1, (10, 10, 10)).astype(np.float16)
    entries = []
    for name, split in (("TS_a", "predict"), ("TS_b", "test"), ("TS_c", "predict")):
        write_volume(tmp_path / f"{name}.zarr", volume, 10.0, {"fingerprint": "f"})
        found = picks_from_arrays([[50, 50, 50]], ["ribosome"], [0.9])
        write_picks(tmp_path / f"{name}.star", found)
        labels = tmp_path / f"{name}.star" if split == "test" else None
        entry = picked(
            tmp_path / f"{name}.star",
            name,
            split,
            volume=tmp_path / f"{name}.zarr",
            labels=labels,
        )
        entries.append(replace(entry, counts={"ribosome": 1}))
    write_manifest(tmp_path / "picked.json", entries)
    return tmp_path


def report(folder, max_pictures=50, pick=None, **files):
    """Return the page and the tomograms that it could not read."""
    write_report(
        ReportFiles(picked=[folder / "picked.json"], **files),
        folder / "page.html",
        "semietpicker",
        PARTICLES,
        pages=folder / "pages",
        pick=pick or PickSettings(),
        evaluate=EvaluateSettings(),
        max_pictures=max_pictures,
        failed=folder / "failed.json",
    )
    failed = read_manifest(folder / "failed.json").tomograms
    return (folder / "page.html").read_text(), [entry.tomogram for entry in failed]


def drawn(page):
    return re.findall(r"<figcaption>(.*?)</figcaption>", page)


def test_tomograms_with_known_particles_are_drawn_first(project):
    page, failed = report(project)
    assert drawn(page) == ["TS_b", "TS_a", "TS_c"]
    assert failed == []
    assert drawn(report(project, max_pictures=1)[0]) == ["TS_b"]


def test_picks_that_are_least_likely_right_are_named(project):
    right = {"TS_1": 2, "TS_2": 7, "TS_3": 1, "TS_4": 4, "TS_5": 5, "TS_6": 6}
    table = ["tomogram\tsplit\tmean_score\tpicks"]
    entries = []
    for name, number in right.items():
        entry = picked(project / "TS_a.star", name, "predict")
        counts, to_expect = {"ribosome": 10}, {"ribosome": (number, 20.0)}
        entries.append(
            # The scores themselves say the contrary.
            replace(
                entry, counts=counts, expected=to_expect, mean_score=1 - number / 10
            )
        )
        table.append(f"{name}\tpredict\t0.5\t10")
    write_manifest(project / "picked.json", entries)
    (project / "ranking.tsv").write_text("\n".join(table) + "\n")
    page, _ = report(project, max_pictures=0, label_next=project / "ranking.tsv")
    assert "Least sure: <b>TS_3, TS_1, TS_4, TS_5, TS_6</b>" in page


def test_a_tomogram_that_cannot_be_read_costs_its_picture_alone(project):
    (project / "TS_a.star").write_text("no STAR")
    page, failed = report(project)
    assert drawn(page) == ["TS_b", "TS_c"]
    assert failed == ["TS_a"]


def test_a_tomogram_without_its_labels_is_shown_as_failed(project):
    (project / "TS_b.star").write_text("no STAR")
    page, failed = report(project)
    assert drawn(page) == ["TS_a", "TS_c"]
    assert failed == ["TS_b"]
    assert "TS_b failed" in page


def test_a_stage_costs_what_the_jobs_of_this_run_took(project):
    """Shards of an earlier table are not counted, nor stages that left no file."""
    seconds = {
        "preprocess/shard_0": 10,
        "preprocess/shard_9": 1000,
        "semietpicker/burn_in": 50,
        "semietpicker/predict/shard_0": 30,
        "semietpicker/link/shard_0": 2,
        "semietpicker/pick": 5,
        "other/evaluate": 7,
    }
    for job, time in seconds.items():
        path = project / "costs" / f"{job}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{time}\t100\n")
    write_predicted(project / "shard_0.json", [])
    (project / "burn_in.tsv").write_text("step\tloss\n0\t1\n")
    page, _ = report(
        project,
        predicted=[project / "shard_0.json"],
        training=[project / "burn_in.tsv"],
        costs=project / "costs",
    )
    table = page[page.index("Time and memory") :]
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>", table)
    assert rows == [
        ("preprocess", "1", "0:00:10"),
        ("burn in", "1", "0:00:50"),
        ("predict", "1", "0:00:30"),
        ("link", "1", "0:00:02"),
        ("pick", "1", "0:00:05"),
    ]


def test_pages_have_what_picking_would_find_at_any_threshold(project):
    """Thresholds of the settings come first, and old pages go."""
    (project / "pages" / "tomograms").mkdir(parents=True)
    (project / "pages" / "tomograms" / "old.html").touch()
    rng = np.random.default_rng(0)
    crowded = picks_from_arrays(
        rng.uniform(-5, 95, (300, 3)),
        rng.choice(["ribosome", "other"], 300),
        # Some are equal, some are the thresholds themselves.
        (rng.integers(0, 20, 300) / 20).astype(np.float32),
    )
    write_picks(project / "candidates.star", crowded)
    entry = predicted(project / "candidates.star", "TS_b", "test")
    write_predicted(project / "predicted.json", [entry])
    (project / "t.json").write_text(thresholds_of({"ribosome": calibrated(0.37)}))
    settings = PickSettings(thresholds={"ribosome": 0.4}, edge_margin=10)
    report(
        project,
        predicted=[project / "predicted.json"],
        thresholds=project / "t.json",
        pick=settings,
    )
    names = {path.name for path in (project / "pages" / "tomograms").glob("*.js")}
    assert names == {"TS_a.js", "TS_b.js", "TS_c.js"}
    assert not (project / "pages" / "tomograms" / "old.html").exists()
    script = (project / "pages" / "tomograms" / "TS_b.js").read_text()
    (shown,) = json.loads(script[script.index("(") + 1 : -3])["classes"]
    assert (shown["threshold"], shown["set"]) == (0.4, 0.4)
    for threshold in (0.0, 0.1, 0.35, 0.37, 0.4, 0.7, 0.95, 1.0):
        at = settings.model_copy(update={"thresholds": {"ribosome": threshold}})
        at_none = dict.fromkeys(("ribosome",), 0.0)
        picks = select_picks(crowded, PARTICLES, at_none, at, 10.0, (10, 10, 10))
        # As the page compares them.
        number = int((np.float32(shown["score"]) >= np.float32(threshold)).sum())
        assert number == len(picks)
        best = np.reshape(shown["position"][: 3 * number], (-1, 3))[:, ::-1]
        assert np.array_equal(best, picks.position_zyx.round(1))


def test_scores_of_all_shards_are_one_histogram_with_its_threshold(project):
    for shard in ("shard_0", "shard_1"):
        write_manifest(
            project / f"{shard}.json",
            [],
            histograms={"ribosome": (0,) * 49 + (30,)},
            model="m" * 16,
        )
    thresholds = thresholds_of({"ribosome": calibrated(0.37)}, model="m" * 16)
    (project / "t.json").write_text(thresholds)

    def chart(*shards):
        page, _ = report(project, predicted=shards, thresholds=project / "t.json")
        return page[
            page.index("Scores of all candidates") : page.index("Look at the picks")
        ]

    both = chart(project / "shard_0.json", project / "shard_1.json")
    assert ">0.37<" in both
    # The axis ends at twice the highest bar: 120, and 60 with one shard.
    assert ">100<" in both
    assert ">100<" not in chart(project / "shard_0.json")
