"""What preprocessing excludes holds in every later stage."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from picker.__main__ import main
from picker.config import (
    ModelSettings,
    Particle,
    PreprocessSettings,
    TrainSettings,
)
from picker.core.picks import picks_from_arrays
from picker.encodings.heatmap import Gaussians
from picker.formats.picks import star
from picker.formats.volumes import mrc
from picker.formats.volumes.ome_zarr import read_volume
from picker.formats.volumes.read import read_mask
from picker.jobs.model_card import ModelCard, write_model
from picker.jobs.training_data import patch_source
from picker.networks import build_model
from picker.project.manifests import read_preprocessed, write_manifest
from picker.project.records import Picked, Predicted, Preprocessed
from picker.training.patches import PatchDataset
from tests.unit.predicted import MODEL, calibrated, thresholds_of, write_predicted
from tests.unit.volumes.test_exclude import SHAPE, V, ball, noise


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a folder with a tomogram that has a bead and a lamella."""
    monkeypatch.chdir(tmp_path)
    volume = noise()
    volume[ball((12, 20, 12), 4)] -= 500
    mrc.write_volume(tmp_path / "a.mrc", volume, V)
    known = [[120, 200, 480], [120, 200, 170], [10, 200, 480], [120, 60, 480]]
    star.write_picks(
        tmp_path / "a.star", picks_from_arrays(known, ["ribosome"] * 4, [0.9] * 4)
    )
    mask = np.ones(SHAPE, np.float32)
    mask[:, :10] = 0
    mrc.write_volume(tmp_path / "carbon.mrc", mask, V)
    (tmp_path / "particles.json").write_text('[{"name": "ribosome", "radius": 30}]')
    (tmp_path / "thresholds.json").write_text(thresholds_of({"ribosome": calibrated()}))
    return tmp_path


def preprocessed(folder, row, **settings):
    columns = "tomogram\tpath\tsplit\tpicks"
    values = "a\ta.mrc\tlabeled\ta.star"
    for name, value in row.items():
        columns, values = f"{columns}\t{name}", f"{values}\t{value}"
    (folder / "tomograms.tsv").write_text(f"{columns}\n{values}\n")
    (folder / "preprocess.json").write_text(json.dumps(settings))
    words = "--tomograms tomograms.tsv --settings particles.json preprocess.json"
    words += " --volumes v --labels l --output manifest.json"
    assert main(["preprocess", *words.split()]) == 0
    (entry,) = read_preprocessed([folder / "manifest.json"])
    assert isinstance(entry, Preprocessed)
    return entry


@pytest.mark.parametrize("target", [None, 20.0])
def test_all_exclusions_travel_as_one_mask_to_the_picks(project, target):
    row = {"mask": "carbon.mrc", "slab_z_low": 30, "slab_z_high": 200}
    entry = preprocessed(project, row, avoid_gold=30, target_voxel_size=target)
    assert (
        "3 of 4 known picks lie outside of the mask, the slab or" in entry.warnings[0]
    )
    assert entry.mask == project.joinpath("masks", "a.zarr").relative_to(project)
    region = read_mask(entry.mask, SHAPE)
    expected = np.zeros(SHAPE, bool)
    expected[3:21, 10:] = True
    expected &= ~ball((12, 20, 12), 4)
    assert not region[~expected].any()
    assert region[3:21, 10:, 20:].all()
    found = Predicted(preprocessed=entry, candidates=entry.labels, fingerprint="c")
    write_predicted(project / "predicted.json", [found])
    words = "--manifests predicted.json --thresholds thresholds.json --settings"
    words += " particles.json --picks p --output picked.json"
    assert main(["pick", *words.split()]) == 0
    picks = star.read_picks(project / "p" / "a.star")
    assert picks.position_zyx.tolist() == [[120, 200, 480]]


def test_a_lost_mask_is_made_again(project):
    entry = preprocessed(project, {"slab_z_low": 30})
    shutil.rmtree(entry.mask)
    again = preprocessed(project, {"slab_z_low": 30})
    assert read_mask(again.mask, SHAPE)[2:4, 0, 0].tolist() == [False, True]


def test_gold_does_not_set_the_scale(project):
    """Otherwise the bead's 500 would make most of the standard deviation."""
    entry = preprocessed(project, {}, avoid_gold=0, clip="none")
    volume, _, _ = read_volume(entry.volume)
    region = read_mask(entry.mask)
    assert float(volume[region].astype(np.float32).std()) == pytest.approx(1, abs=0.01)
    assert float(volume[region].astype(np.float32).mean()) == pytest.approx(0, abs=0.01)


def test_a_users_mask_may_be_deleted_once_it_was_read(project):
    entry = preprocessed(project, {"mask": "carbon.mrc"})
    (project / "carbon.mrc").unlink()
    region = read_mask(entry.mask, SHAPE)
    assert not region[:, :10].any()
    assert region[:, 10:].all()


def test_nothing_outside_of_the_mask_is_learned_or_calibrated_on(project):
    """Nobody looked there: a particle found there would count as false."""
    entry = preprocessed(project, {"mask": "carbon.mrc"}, target_voxel_size=20.0)
    particles = (Particle(name="ribosome", radius=30),)
    source = patch_source(entry, particles, labeled=True)
    assert len(source.particle) == 3
    data = PatchDataset(
        [source],
        [source],
        TrainSettings(patch_zyx=(8, 20, 8)),
        "co_train",
        Gaussians(),
    )
    batch = data[0]
    for region in (batch.labeled_region, batch.unlabeled_region):
        assert region.shape == (2, 1, 4, 10, 4)
        assert (region.sum((1, 2, 3, 4)) == 4 * 7 * 4).all()
    found = [[120, 200, 480], [120, 200, 170], [10, 200, 480], [120, 60, 480]]
    score = [0.9, 0.8, 0.7, 0.95]
    star.write_picks(
        project / "found.star", picks_from_arrays(found, ["ribosome"] * 4, score)
    )
    truth = picks_from_arrays(found[:2], ["ribosome"] * 2)
    star.write_picks(entry.labels, truth)
    peaks = project / "found.star"
    found = Predicted(preprocessed=entry, candidates=peaks, fingerprint="c")
    write_predicted(project / "predicted.json", [found])
    words = "--manifests predicted.json --settings particles.json --output t.json"
    assert main(["calibrate", *words.split()]) == 0
    saved = json.loads((project / "t.json").read_text())
    assert saved["model"] == MODEL
    chosen = saved["particles"]["ribosome"]
    assert (chosen["f"], chosen["num_truth"]) == (1.0, 2)
    assert chosen["threshold"] == pytest.approx(0.75)
    kept = Picked(preprocessed=entry, picks=peaks, fingerprint="p", counts={})
    write_manifest(project / "picked.json", [kept])
    words = "--picks picked.json --candidates predicted.json --split labeled"
    words += " --thresholds t.json --settings particles.json --output m"
    words += " --curves c.tsv --by-tomogram t.tsv"
    assert main(["evaluate", *words.split()]) == 0
    rows = (project / "c.tsv").read_text().splitlines()
    assert "\t0.95" not in "".join(rows)
    assert len(rows) == 1 + 3


def test_predicting_one_file_gives_no_picks_near_gold(project):
    settings = PreprocessSettings(avoid_gold=100)
    model = ModelSettings(preset="small", widths=(4, 4), blocks=(1, 1))
    particles = (Particle(name="ribosome", radius=30),)
    card = ModelCard(
        stage="burn_in",
        method="supervised",
        particles=particles,
        model=model,
        preprocess=settings,
        training_voxel_size=V,
    )
    write_model(project / "model.safetensors", build_model(model, 1), card)
    (project / "thresholds.json").unlink()  # untrained scores are low
    (project / "predict.json").write_text(
        '{"min_score": 0, "window_zyx": [24, 40, 56], "precision": "float32"}'
    )
    words = "--model model.safetensors a.mrc --output one.star --settings predict.json"
    assert main(["predict", *words.split()]) == 0
    picks = star.read_picks(project / "one.star")
    distance = np.linalg.norm(picks.position_zyx - np.array([120, 200, 120]), axis=1)
    assert len(picks) > 10
    assert distance.min() > 130
