"""Pages of classes: from manifests, candidates and volumes to pages."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from picker.config import EvaluateSettings, Particle, PickSettings
from picker.core.files import write_text
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.report import ReportFiles, write_report
from picker.project.layout import Results
from picker.project.manifests import read_manifest, write_manifest
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
    """Two tomograms with two candidates each, and the halves of the first."""
    volume = np.random.default_rng(0).normal(0, 1, (20, 20, 20)).astype(np.float16)
    picks, whole, halves = [], [], []
    for name in ("TS_a", "TS_b"):
        stored = tmp_path / f"{name}.zarr"
        write_volume(stored, volume, 10.0, {"fingerprint": "f"})
        about = {"volume": stored, "shape_zyx": (20, 20, 20)}
        star = tmp_path / f"{name}.star"
        places = [[50, 60, 70], [120, 110, 100]]
        write_picks(star, picks_from_arrays(places, ["ribosome"] * 2, [0.9, 0.4]))
        picks.append(replace(picked(star, name, **about), counts={"ribosome": 1}))
        whole.append(predicted(star, name, **about))
    write_picks(tmp_path / "none.star", picks_from_arrays([], []))
    for half, found in (("even", "TS_a.star"), ("odd", "none.star")):
        one = replace(whole[0], half=half, candidates=tmp_path / found)
        halves.append(one)
    write_manifest(tmp_path / "picked.json", picks)
    write_predicted(tmp_path / "whole.json", whole)
    write_predicted(tmp_path / "halves.json", halves)
    (tmp_path / "thresholds.json").write_text(thresholds_of({"ribosome": calibrated()}))
    return tmp_path


def write(folder, halves=(), max_pictures=9, results=None, **picking):
    """Write the report and its pages."""
    write_report(
        ReportFiles(
            picked=[folder / "picked.json"],
            predicted=[folder / "whole.json"],
            thresholds=folder / "thresholds.json",
            halves=halves,
        ),
        folder / "report.html",
        "semietpicker",
        PARTICLES,
        max_pictures=max_pictures,
        failed=folder / "failed.json",
        pages=folder / "report",
        results=results,
        pick=PickSettings(**picking),
        evaluate=EvaluateSettings(),
    )


def page(folder, halves=(), results=None, **picking):
    """Return the page of the class, the report, and the tomograms that failed."""
    write(folder, halves, results=results, **picking)
    failed = read_manifest(folder / "failed.json").tomograms
    text = (folder / "report" / "classes" / "ribosome.html").read_text()
    return text, (folder / "report.html").read_text(), [e.tomogram for e in failed]


def shown(text, title):
    """Return tomograms and scores of a gallery."""
    part = text[text.index(f"<h2>{title}</h2>") :].split("</section>")[0]
    return re.findall(
        r'html#at=[\d.,]+&amp;particle=ribosome">(.*?)</a>'
        r'(?:<span>|</div>\n<div class="looks">)'
        r"(.*?)</",
        part,
    )


def test_the_report_links_to_a_page_with_each_tomograms_candidates(project):
    text, report, failed = page(project)
    assert shown(text, "The highest scores") == [("TS_a", "0.900"), ("TS_b", "0.900")]
    below = shown(text, "The highest scores below the threshold")
    assert below == [("TS_a", "0.400"), ("TS_b", "0.400")]
    assert '<a href="report/classes/ribosome.html">ribosome</a>' in report
    assert failed == []
    assert "<h2>The most disputed</h2>" not in text
    assert "There is nothing to\ncompare" in text


def test_thresholds_and_margins_are_those_of_picking(project):
    text, *_ = page(project, thresholds={"ribosome": 0.3}, edge_margin=55)
    # The other candidate is nearer to a face than that.
    assert shown(text, "The highest scores") == [("TS_a", "0.400"), ("TS_b", "0.400")]


def test_distances_are_charts_where_they_are_wanted(project):
    text, *_ = page(project)
    assert "What is around the picks" not in text
    text, *_, failed = page(project, context={"columns": True})
    part = text[text.index("What is around the picks") :].split("</section>")[0]
    # Neither membranes nor faces nor gold are known.
    assert (part.count("<svg"), failed) == (1, [])
    assert "Distance to the tomogram" in part


def test_halves_say_what_is_disputed(project):
    text, *_ = page(project, halves=[project / "halves.json"])
    disputed = shown(text, "The most disputed")
    assert disputed == [("TS_a", "even half 0.900, odd half none")]
    assert (
        "even half (threshold 0.500) with odd half (threshold 0.500) in 1 tom" in text
    )
    assert "There is nothing to" not in text


@pytest.fixture
def blobs(project):
    """What another method left of TS_a and of an earlier volume of TS_b."""
    run = Results(str(project)).run("blobs")
    places = [[52, 60, 70], [20, 150, 20]]
    star = project / "blobs.star"
    write_picks(star, picks_from_arrays(places, ["ribosome"] * 2, [0.8, 0.7]))
    about = {"shape_zyx": (20, 20, 20)}
    entries = [
        predicted(star, "TS_a", **about),
        predicted(star, "TS_b", **about, fingerprint="older"),
    ]
    write_predicted(Path(run.predicted("test-0of1")), entries, model="fedcba9876543210")
    thresholds = thresholds_of({"ribosome": calibrated(0.3)}, "fedcba9876543210")
    write_text(Path(run.thresholds), thresholds)
    return run


def test_another_methods_picks_are_compared_as_they_are(project, blobs):
    results = Results(str(project))
    text, *_ = page(project, results=results)
    disputed = shown(text, "The most disputed")
    assert disputed == [("TS_a", "blobs 0.700, semietpicker none")]
    compared = (
        "semietpicker (threshold 0.500) with blobs (threshold 0.300,"
        " model fedcba987654) in 1 tomogram."
    )
    assert compared in text
    # Of a half and of a method together the greater dispute is first.
    both, *_ = page(project, halves=[project / "halves.json"], results=results)
    assert [said for _, said in shown(both, "The most disputed")] == [
        "even half 0.900, odd half none",
        "blobs 0.700, semietpicker none",
    ]


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda run: Path(run.thresholds).write_text("{"), "picks of blobs are not"),
        (
            lambda run: write_predicted(
                Path(run.predicted("test-1of2")), [], model="another"
            ),
            "predicted by several models",
        ),
        (
            lambda run: (Path(run.folder).parent / "blobs.star").unlink(),
            "candidates of blobs are not compared",
        ),
    ],
)
def test_a_method_that_is_half_there_is_told_and_left_out(
    project, blobs, break_it, told, caplog
):
    break_it(blobs)
    text, _, failed = page(project, results=Results(str(project)))
    assert "<h2>The most disputed</h2>" not in text
    assert failed == []
    assert told in caplog.text


def test_a_tomogram_that_cannot_be_read_is_left_out_and_told(project):
    (project / "TS_a.zarr" / "zarr.json").write_text("{}")
    text, _, failed = page(project)
    assert shown(text, "The highest scores") == [("TS_b", "0.900")]
    assert failed == ["TS_a"]


def test_pages_of_an_earlier_run_are_gone(project):
    old = project / "report" / "classes" / "gone.html"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    page(project)
    assert not old.exists()


def test_damaged_candidates_of_a_half_cost_that_tomogram_alone(project):
    (project / "none.star").write_text("no STAR")
    text, report, failed = page(project, halves=[project / "halves.json"])
    assert failed == ["TS_a"]
    assert shown(text, "The highest scores") == [("TS_b", "0.900")]
    assert "TS_b" in report


def test_answers_of_two_projects_are_kept_apart(project, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "project"
    shutil.copytree(project, other)
    ids = {
        re.search(r'"run":"(\w+)"', page(folder)[0])[1] for folder in (project, other)
    }
    assert len(ids) == 2


def test_without_pictures_there_are_no_pages_of_classes_to_link_to(project):
    write(project, max_pictures=0)
    assert "classes/" not in (project / "report.html").read_text()
    assert not (project / "report" / "classes").exists()
