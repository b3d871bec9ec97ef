"""Reproducibility: manifests of halves to a table of what to expect."""

from dataclasses import replace

import numpy as np
import pytest

from picker.config import EvaluateSettings, Particle, PickSettings
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.tables.tsv import read_rows
from picker.jobs.finish import finish
from picker.jobs.reproducibility import write_reproducibility
from picker.project.manifests import read_manifest, write_manifest
from picker.project.records import failed
from tests.unit.predicted import (
    calibrated,
    picked,
    predicted,
    thresholds_of,
    write_predicted,
)

PARTICLES = (Particle(name="ribosome", radius=20),)
HALVES = (None, "even", "odd")


@pytest.fixture
def folder(tmp_path):
    """Two tomograms; a half finds 20 particles again, and 10 of noise are its own."""
    rng = np.random.default_rng(0)
    (tmp_path / "t.json").write_text(thresholds_of({"ribosome": calibrated(0.5)}))
    for name in ("TS_1", "TS_2"):
        places = rng.permutation(40 * 40)[:50]
        for i, half in enumerate(HALVES):
            own = places[20 + 10 * i : 30 + 10 * i]
            x, y = np.divmod(np.concatenate([places[:20], own]), 40)
            zyx = np.stack([np.full(30, 50.0), 100.0 * y, 100.0 * x], 1)
            found = picks_from_arrays(zyx, ["ribosome"] * 30, [0.9] * 20 + [0.7] * 10)
            write_picks(tmp_path / f"{name}_{half}.star", found)
    return tmp_path


def entries(folder, *names):
    made = []
    for name in names:
        for half in HALVES:
            path = folder / f"{name}_{half}.star"
            shape = {"shape_zyx": (11, 400, 400)}
            made.append(replace(predicted(path, name, "predict", **shape), half=half))
    return made


def table(folder, made, **picking):
    write_predicted(folder / "whole.json", [e for e in made if e.half is None])
    write_predicted(folder / "halves.json", [e for e in made if e.half])
    return written(folder, **picking)


def written(folder, **picking):
    write_reproducibility(
        [folder / "halves.json"],
        [folder / "whole.json"],
        folder / "t.json",
        folder / "table.tsv",
        particles=PARTICLES,
        settings=EvaluateSettings(),
        picking=PickSettings(**picking),
        failed=folder / "failed.json",
    )
    return read_rows(folder / "table.tsv")


def at_threshold(rows):
    (row,) = (row for row in rows if row["is_threshold"] == "1")
    return row


def test_the_table_says_what_is_found_again_and_what_to_expect(folder):
    rows = table(folder, entries(folder, "TS_1", "TS_2"))
    row = at_threshold(rows)
    assert (row["particle"], float(row["threshold"])) == ("ribosome", 0.5)
    assert (row["tomograms"], row["picks"]) == ("2", "60")
    assert float(row["half_picks"]) == 60
    assert float(row["found_again"]) == pytest.approx(2 / 3, abs=0.03)
    assert float(row["expected_precision"]) == pytest.approx(2 / 3, abs=0.03)
    assert float(row["expected_recall"]) == pytest.approx(1, abs=0.01)
    best = next(row for row in rows if row["threshold"] == "0.8000")
    assert float(best["expected_precision"]) == pytest.approx(1, abs=0.01)
    assert read_manifest(folder / "failed.json").tomograms == ()


def test_the_threshold_of_the_settings_comes_first(folder):
    row = at_threshold(
        table(folder, entries(folder, "TS_1"), thresholds={"ribosome": 0.8})
    )
    assert (row["threshold"], row["picks"]) == ("0.8000", "20")


def test_picks_that_lie_too_near_to_a_face_do_not_count(folder):
    row = at_threshold(table(folder, entries(folder, "TS_1"), edge_margin=150.0))
    assert row["picks"] == "0"


def test_one_that_failed_or_cannot_be_read_is_recorded_and_others_are_used(folder):
    made = entries(folder, "TS_1", "TS_2")
    (folder / "TS_2_odd.star").write_text("damaged")
    bad = failed(predicted(folder / "x.star", "TS_3").preprocessed, folder, "no disk")
    write_predicted(folder / "whole.json", [e for e in made if e.half is None])
    write_predicted(folder / "halves.json", [*(e for e in made if e.half), bad, bad])
    assert at_threshold(written(folder))["tomograms"] == "1"
    told = read_manifest(folder / "failed.json").tomograms
    assert [one.tomogram for one in told] == ["TS_3", "TS_2"]


def test_without_a_usable_tomogram_the_table_is_empty(folder):
    assert table(folder, entries(folder, "TS_1")[:2]) == []
    assert (folder / "table.tsv").read_text().startswith("particle\tthreshold\t")


def test_the_summary_tells_it_where_no_particles_are_known(folder):
    table(folder, entries(folder, "TS_1", "TS_2"))
    write_manifest(folder / "pick.json", [picked(folder / "p.star", "TS_1", "predict")])
    inputs = ([folder / "pick.json"], [], None, folder / "report.html")
    finish(*inputs, folder / "summary.txt", folder / "table.tsv")
    told = "mean precision of at most 0.67 to expect, from halves of 2 tomograms; 0 pi"
    assert (folder / "summary.txt").read_text().startswith(told)
    table(folder, entries(folder, "TS_1")[:2])
    finish(*inputs, folder / "summary.txt", folder / "table.tsv")
    assert (folder / "summary.txt").read_text().startswith("0 picks of 1 tomograms")
