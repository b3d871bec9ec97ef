"""From slices to detections and from these to candidates, by the verbs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from picker.__main__ import main
from picker.config import ModelSettings, Particle, PreprocessSettings, SlicesSettings
from picker.finding.square_detector import SquareDetector
from picker.formats.picks.detections import read_detections
from picker.formats.picks.star import read_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.model_card import ModelCard, write_model
from picker.methods import load
from picker.project.manifests import read_predicted, write_manifest
from picker.project.records import failed
from tests.unit.predicted import preprocessed

PARTICLES = (Particle(name="ribosome", radius=60),)
SLICES = SlicesSettings(edge=32, widths=(8, 16), width=16)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A detector that is not trained, two tomograms, and one that failed before."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = load("yolo_slices").network(SLICES, 1)
    card = ModelCard(
        stage="burn_in",
        method="yolo_slices",
        particles=PARTICLES,
        model=ModelSettings(),
        slices=SLICES,
        preprocess=PreprocessSettings(),
        training_voxel_size=10.0,
    )
    write_model(tmp_path / "model.safetensors", model, card)
    entries = []
    for i in range(2):
        volume = tmp_path / f"TS_{i}.zarr"
        data = np.random.default_rng(i).standard_normal((12, 32, 32))
        write_volume(volume, data.astype(np.float16), 10.0, {"fingerprint": str(i)})
        more = {"volume": volume, "fingerprint": str(i), "shape_zyx": data.shape}
        entries.append(preprocessed(f"TS_{i}", **more))
    entries.append(failed(preprocessed("TS_2"), tmp_path / "TS_2.zarr", "it is cut"))
    write_manifest(tmp_path / "preprocessed.json", entries)
    settings("particles", [p.model_dump(mode="json") for p in PARTICLES])
    settings("predict", {"min_score": 0.0, "device": "cpu"})
    link(min_length_per_diameter=0.1)
    return tmp_path


def settings(section, content):
    Path(f"{section}.json").write_text(json.dumps(content))


def link(**values):
    settings("link", values)


FILES = ("particles.json", "predict.json", "link.json")


def detect(*words):
    given = ["--model", "model.safetensors", "--manifests", "preprocessed.json"]
    given += ["--settings", *FILES, "--detections", "detections"]
    return main(["predict", *given, "--output", "detected.json", *words])


def linked():
    given = ["--manifest", "detected.json", "--settings", *FILES]
    return main(["link", *given, "--candidates", "candidates", "--output", "p.json"])


def test_linking_stored_detections_gives_what_predicting_at_once_gives(project):
    assert detect() == 0
    assert linked() == 0
    given = ["--model", "model.safetensors", "--manifests", "preprocessed.json"]
    given += ["--settings", *FILES, "--candidates", "at_once", "--output", "once.json"]
    assert main(["predict", *given]) == 0
    ours, once = (read_predicted([project / f]) for f in ("p.json", "once.json"))
    # Thresholds of the one hold for the other.
    assert ours.model == once.model
    assert ours.histograms == once.histograms
    for number in range(2):
        found, other = (
            read_picks(project / folder / f"TS_{number}.star")
            for folder in ("candidates", "at_once")
        )
        assert len(found) == len(other) > 0
        np.testing.assert_allclose(found.position_zyx, other.position_zyx, atol=0.01)
    assert ours.tomograms[0].detections.name == "TS_0.star"
    assert "it is cut" in ours.tomograms[2].error


def test_another_link_changes_candidates_but_not_what_detections_are_made_from(
    project, monkeypatch
):
    assert detect() == 0
    assert linked() == 0
    first = read_predicted([project / "p.json"])
    before = (project / "detected.json").read_bytes()
    link(min_length_per_diameter=0.6)
    monkeypatch.setattr(SquareDetector, "on_slice", None)  # nothing is looked at again
    assert detect() == 0
    assert (project / "detected.json").read_bytes() == before
    assert linked() == 0
    second = read_predicted([project / "p.json"])
    assert first.model != second.model
    assert first.tomograms[0].fingerprint != second.tomograms[0].fingerprint
    count = [sum(map(sum, one.histograms[0].values())) for one in (first, second)]
    assert count[0] > count[1]


def test_candidates_that_are_there_and_valid_are_left_alone(project, capsys):
    assert detect() == 0
    assert linked() == 0
    capsys.readouterr()
    assert linked() == 0
    said = capsys.readouterr().err
    assert "TS_0 is up to date" in said
    assert "TS_1 is up to date" in said


def test_another_step_looks_again(project):
    assert detect() == 0
    assert linked() == 0
    first = read_predicted([project / "p.json"])
    settings("predict", {"min_score": 0.0, "device": "cpu", "slice_step": 3})
    assert detect() == 0
    found = read_detections(project / "detections" / "TS_0.star")
    assert np.unique(found.squares.position_zyx[:, 0]).tolist() == [0, 30, 60, 90]
    assert found.step == 3
    assert linked() == 0
    assert read_predicted([project / "p.json"]).model != first.model


def test_slices_that_cannot_be_linked_are_refused_in_single_files_too(project, capsys):
    settings("predict", {"min_score": 0.0, "device": "cpu", "slice_step": 5})
    given = ["predict", "TS_0.zarr", "--model", "model.safetensors", "--settings"]
    assert main([*given, "predict.json", "link.json", "--output", "o.star"]) == 1
    said = capsys.readouterr().err
    assert "predict.slice_step is 5, which leaves out 4 slices in a row" in said
    assert not (project / "o.star").exists()


def test_a_damaged_file_takes_no_other_tomogram_down(project):
    assert detect() == 0
    path = project / "detections" / "TS_0.star"
    path.write_text(path.read_text() + "1 2 3\n")
    assert linked() == 0
    bad, good, _ = read_predicted([project / "p.json"]).tomograms
    assert "TS_0.star: row" in bad.error
    assert len(read_picks(good.candidates)) > 0


def test_noisy_copies_have_detections_of_their_own(project):
    settings("calibrate", {"noisy_copies": 2})
    assert detect("--noisy", "--settings", *FILES, "calibrate.json") == 0
    found = [read_detections(project / "detections" / f"TS_0_{i}.star") for i in (0, 1)]
    assert not np.array_equal(found[0].squares.score, found[1].squares.score)
    assert linked() == 0
    assert (project / "candidates" / "TS_1_1.star").is_file()


def test_a_method_without_slices_has_no_detections(project, capsys):
    given = ["--method", "blobs", "--manifests", "preprocessed.json", "--settings"]
    given += [*FILES, "--detections", "detections", "--output", "d.json"]
    assert main(["predict", *given]) == 1
    assert "method blobs looks at no slices" in capsys.readouterr().err


def test_a_manifest_of_another_stage_is_refused(project, capsys):
    write_manifest(project / "detected.json", [preprocessed("TS_0")], model="m")
    assert linked() == 1
    assert "expected detected ones" in capsys.readouterr().err
