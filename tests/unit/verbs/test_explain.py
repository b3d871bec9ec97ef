"""Where exported picks came from, also after they or what they came from changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from picker.__main__ import main
from picker.core.picks import picks_from_arrays
from picker.core.stamps import file_stamp
from picker.formats.picks import star
from picker.project.manifests import read_picked, write_manifest
from picker.project.records import failed
from tests.unit.predicted import MODEL, calibrated, picked, thresholds_of


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project of two tomograms whose picks are exported for two programs."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    settings, run = Path("results/settings"), Path("results/blobs")
    entries = []
    for name in ("TS_1", "TS_2"):
        Path(f"{name}.mrc").write_text(name)
        path = run / f"picks/{name}.star"
        path.parent.mkdir(parents=True, exist_ok=True)
        star.write_picks(path, picks_from_arrays([[10, 20, 30]], ["ribosome"], [0.9]))
        stamps = {f"{name}.mrc": file_stamp(Path(f"{name}.mrc"))}
        entry = picked(path, name, stamps=stamps, tilt_pixel_size=2.5)
        entries.append(replace(entry, counts={"ribosome": 1}))
    manifest, thresholds = run / "manifests/pick.json", run / "models/thresholds.json"
    write_manifest(manifest, entries)
    Path("results/run.json").touch()
    for path, text in (
        (thresholds, thresholds_of({"ribosome": calibrated(), "virus": calibrated(0)})),
        (settings / "particles.json", json.dumps([{"name": "ribosome", "radius": 30}])),
        (settings / "pick.json", json.dumps({"thresholds": {"virus": 0.25}})),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for target in ("relion5", "warp"):
        words = f"--manifests {manifest} --target {target} --run blobs"
        words += f" --thresholds {thresholds} --settings {settings}/particles.json"
        words += f" {settings}/pick.json --output {run}/export/{target}"
        assert main(["export", *words.split()]) == 0
    return run


def explained(capsys, path):
    assert main(["explain", str(path)]) == 0
    return capsys.readouterr().out


def test_a_file_says_what_it_came_from(project, capsys):
    said = explained(capsys, project / "export/relion5/ribosome.star")
    assert "2 picks of all classes in 2 tomograms, found by blobs" in said
    assert f"model {MODEL}" in said
    assert "threshold of ribosome: 0.500, chosen on 7 known particles of" in said
    assert "threshold of virus: 0.250, set in pick.thresholds" in said
    assert "TS_1 (test): 1 ribosome; 10×10×10 voxels (z, y, x) of 10 Å, tilt s" in said
    assert "the file is what was written" in said
    assert "all input files are there as they were read" in said
    record = json.loads((project / "export/relion5/provenance.json").read_text())
    content = (project / "export/relion5/ribosome.star").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert record["files"]["ribosome.star"]["sha256"] == digest


def test_a_file_of_one_tomogram_tells_of_that_alone(project, capsys):
    said = explained(capsys, project / "export/warp/TS_2_ribosome.star")
    assert "1 picks of all classes in tomogram TS_2" in said
    assert "TS_1" not in said


def test_what_changed_since_is_told_also_of_a_copy(project, capsys, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(project / "export/relion5", copy)
    with (copy / "ribosome.star").open("a") as file:
        file.write("TS_1 0 0 0 1 1\n")
    Path("TS_1.mrc").write_text("another volume")
    Path("TS_2.mrc").unlink()
    (copy / "import/ribosome/index.star").unlink()
    said = explained(capsys, copy)
    assert "CHANGED ribosome.star was changed since" in said
    assert "CHANGED import/ribosome/index.star is gone" in said
    assert "CHANGED input TS_1.mrc was changed since" in said
    assert "CHANGED input TS_2.mrc is not there now" in said
    said = explained(capsys, copy / "import/ribosome/coordinates")
    assert "the file is what was written" in said


def test_a_runs_own_picks_are_explained_too(project, capsys):
    path = project / "picks/TS_1.star"
    said = explained(capsys, path)
    assert "1 picks of all classes in tomogram TS_1, found by blobs" in said
    assert "written for picker" in said
    assert "the file is what was written" in said
    path.touch()
    assert "CHANGED TS_1.star was changed since" in explained(capsys, path)


def test_picks_that_the_last_run_did_not_write_say_so(project, capsys):
    manifest = project / "manifests/pick.json"
    first, second = read_picked([manifest])
    bad = failed(second.preprocessed, second.picks, "TS_2.mrc is truncated")
    write_manifest(manifest, [first, bad])
    assert main(["explain", str(second.picks)]) == 1
    err = capsys.readouterr().err
    assert "TS_2.star was not written by the last run" in err
    assert f"{manifest} has no such picks: TS_2 failed: TS_2.mrc is truncated" in err
    write_manifest(manifest, [first])
    assert main(["explain", str(second.picks)]) == 1
    assert "no tomogram of it has this file" in capsys.readouterr().err


def test_what_nobody_knows_is_an_error(project, capsys, tmp_path):
    (tmp_path / "mine.star").touch()
    (project / "export/warp/mine.star").touch()
    for path, message in (
        (tmp_path / "mine.star", "has no provenance.json in its folder or above"),
        (project / "export/warp/mine.star", "is not among the files of"),
        (tmp_path / "none.star", "does not exist; fix the path"),
    ):
        assert main(["explain", str(path)]) == 1
        assert message in capsys.readouterr().err
    (project / "export/warp/provenance.json").write_text("{}")
    assert main(["explain", str(project / "export/warp")]) == 1
    assert "is damaged; expected the record of an export" in capsys.readouterr().err
