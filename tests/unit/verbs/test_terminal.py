"""Messages about damaged files, disks, and what a verb could not use."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import picker
from picker.__main__ import main
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.project.manifests import write_manifest
from picker.project.records import Failed, Picked, Predicted
from picker.verbs.terminal import run_logged
from tests.unit.predicted import (
    calibrated,
    picked,
    preprocessed,
    thresholds_of,
    write_predicted,
)

DAMAGED = {
    "cut": b'{"tomograms": [',
    "empty": b"",
    "deep": b"[" * 100_000,
    "no text": b"\xff\xfe",
    "foreign": b'{"ribosome": 0.5}',
}


@pytest.fixture
def manifest(tmp_path):
    write_manifest(tmp_path / "picks.json", [picked(tmp_path / "TS_1.star")])
    return tmp_path / "picks.json"


def finish(folder, *more):
    return main(
        [
            *("finish", "--picks", str(folder / "picks.json"), "--report", "r.html"),
            *("--output", str(folder / "summary.txt"), *more),
        ]
    )


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_manifest_is_named_with_what_to_do(tmp_path, capsys, kind):
    (tmp_path / "picks.json").write_bytes(DAMAGED[kind])
    assert finish(tmp_path) == 1
    err = capsys.readouterr().err
    assert f"{tmp_path}/picks.json is damaged; expected the manifest of a stage" in err
    assert "Delete it and run again" in err
    assert len(err) < 1000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tomogram": "../../x"}, "name '../../x' cannot be used"),
        ({"voxel_size": float("nan")}, "finite number"),
        ({"voxel_size": -10}, "greater than 0"),
        ({"shape_zyx": [1, 1, 10**30]}, "less than or equa"),
        ({"mean_score": float("inf")}, "finite number"),
    ],
)
def test_a_manifest_with_impossible_values_is_damaged(
    tmp_path, manifest, capsys, change, said
):
    content = json.loads(manifest.read_text())
    (entry,) = content["tomograms"]
    (entry if "mean_score" in change else entry["preprocessed"]).update(change)
    manifest.write_text(json.dumps(content))
    assert finish(tmp_path) == 1
    err = capsys.readouterr().err
    assert f"{manifest} is damaged; expected the manifest of a stage" in err
    assert said in err


@pytest.mark.parametrize(
    ("distance", "mean", "said"),
    [
        ("0.6", 0.25, "mean F1@0.6 0.250 on test; "),
        ("0.5", None, "mean F1@0.5 none on test; "),
    ],
)
def test_the_last_line_has_the_first_distances_f1(
    tmp_path, manifest, distance, mean, said
):
    metrics = {f"f1@{distance}": {"mean": mean}, "split": "test"}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    assert finish(tmp_path, "--metrics", str(tmp_path / "metrics.json")) == 0
    assert (tmp_path / "summary.txt").read_text().startswith(said)


def test_the_end_tells_what_exports_and_tomograms_warn_of(tmp_path, capsys):
    star = tmp_path / "TS_1.star"
    write_picks(star, picks_from_arrays([[10, 20, 30]], ["a"], [0.9]))
    one = replace(picked(star), picking_warnings=("nothing is dropped",))
    write_manifest(tmp_path / "picks.json", [one])
    (tmp_path / "particles.json").write_text('[{"name": "a", "radius": 30}]')
    folders = [tmp_path / target for target in ("relion4", "portal")]
    for folder in folders:
        words = f"--manifests {tmp_path}/picks.json --target {folder.name}"
        words += f" --settings {tmp_path}/particles.json --output {folder}"
        assert main(["export", *words.split()]) == 0
    capsys.readouterr()
    assert finish(tmp_path, "--exports", *map(str, folders)) == 0
    _, tomograms, *exports = (tmp_path / "summary.txt").read_text().splitlines()
    assert tomograms == (
        "warning: 1 of 1 tomograms have warnings, see Problems in r.html"
    )
    assert len(exports) == 1
    assert exports[0].startswith("warning: export relion4: the tilt series' pixel size")
    err = capsys.readouterr().err
    assert tomograms in err
    assert exports[0] in err
    # As an earlier version left it.
    (folders[0] / "provenance.json").unlink()
    assert finish(tmp_path, "--exports", *map(str, folders)) == 0
    assert "export relion4" not in (tmp_path / "summary.txt").read_text()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "free some space, then run again"),
        (errno.EROFS, "name another folder, or have it fixed, then run again"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_with_what_to_do(capsys, code, said):
    def verb():
        raise OSError(code, "no", "results")

    assert run_logged(verb) == 1
    err = capsys.readouterr().err
    assert said in err
    assert ("space" in err) == (code == errno.ENOSPC)


def test_the_python_that_a_verb_starts_looks_for_modules_in_no_project(tmp_path):
    """Processes of `picker pick` are such ones."""
    (tmp_path / "socket.py").write_text("raise SystemExit('hijacked')")
    code = (
        "import os, subprocess, sys; sys.argv[1:] = ['status', '--results', 'none'];"
        " from picker.__main__ import main; main();"
        " subprocess.run([sys.executable, '-c', 'import socket'], check=True)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(picker.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_evaluation_goes_on_without_a_tomogram_that_cannot_be_read(tmp_path, capsys):
    """And says so; `finish` then fails with it."""
    found, peaks = [], []
    for name, labels in (("good", "good.star"), ("bad", "labels.star")):
        path = tmp_path / f"{name}.star"
        write_picks(path, picks_from_arrays([[50, 50, 50]], ["ribosome"], [0.9]))
        before = preprocessed(name, labels=tmp_path / labels)
        found.append(
            Picked(preprocessed=before, picks=path, fingerprint="p", counts={})
        )
        peaks.append(Predicted(preprocessed=before, candidates=path, fingerprint="c"))
    (tmp_path / "labels.star").write_text("no STAR")
    write_manifest(tmp_path / "picks.json", found)
    write_predicted(tmp_path / "predicted.json", peaks)
    (tmp_path / "t.json").write_text(thresholds_of({"ribosome": calibrated(0.5)}))
    (tmp_path / "particles.json").write_text('[{"name": "ribosome", "radius": 9}]')
    files = {
        "picks": "picks.json",
        "candidates": "predicted.json",
        "thresholds": "t.json",
        "settings": "particles.json",
        "output": "metrics.json",
        "curves": "curves.tsv",
        "by-tomogram": "by.tsv",
        "failed": "failed.json",
    }
    words = [w for key, name in files.items() for w in (f"--{key}", tmp_path / name)]
    assert main(["evaluate", *map(str, words)]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["num_tomograms"], metrics["f1@0.5"]["mean"]) == (1, 1.0)
    assert "bad cannot be used: " in capsys.readouterr().err
    assert finish(tmp_path, "--failed", str(tmp_path / "failed.json")) == 1
    assert "1 of 2 tomograms could not be used" in capsys.readouterr().err


def test_no_verb_prints_what_a_terminal_would_obey(tmp_path, capsys):
    entry = Failed(
        tomogram="a\x1b[2J", split="labeled", path=Path("a"), error="\x1b[31mred"
    )
    write_manifest(tmp_path / "m.json", [entry])

    def verb():
        logging.getLogger("picker").error("%s: %s", entry.tomogram, entry.error)
        raise ValueError("\x1b]0;title\x07")

    assert run_logged(verb) == 1
    said = capsys.readouterr().err
    assert said.replace("\n", "").isprintable()
    assert r"a\x1b[2J: \x1b[31mred" in said
    assert r"error: \x1b]0;title\x07" in said
    assert json.loads((tmp_path / "m.json").read_text())["tomograms"]
