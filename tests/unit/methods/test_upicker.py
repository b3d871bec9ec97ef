from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import (
    AugmentSettings,
    BurnInSettings,
    Config,
    LinkSettings,
    Particle,
    PredictSettings,
    TrainSettings,
    UPickerSettings,
)
from picker.config.blobs import BlobsSettings
from picker.config.detr import DenoisingSettings, DetrSettings
from picker.config.upicker import OnBlobsSettings
from picker.machine.signals import Interrupted
from picker.methods import Data, load, without_doubtful
from picker.methods.upicker import particles_per_voxel
from picker.training import loop
from tests.unit.training.test_loop import StopAfter, blobs, unlabeled

BLOB = Particle(name="blob", radius=40)
VOXEL = 10.0
SMALL = UPickerSettings(
    network=DetrSettings(
        edge=32,
        channels=3,
        widths=(8, 16),
        width=32,
        feedforward=32,
        heads=2,
        decoder_layers=2,
        queries=12,
    ),
    denoising=DenoisingSettings(number=4),
    pretrain=OnBlobsSettings(steps=60, warmup_steps=5, learning_rate=5e-3),
)
SHARED = TrainSettings(
    num_workers=0,
    precision="float32",
    checkpoint_every=10,
    augment=AugmentSettings(intensity=0.2),
)
SETTINGS = {
    "upicker": SMALL,
    "burn_in": BurnInSettings(
        steps=30, warmup_steps=5, learning_rate=5e-3, ema_decay=0.8
    ),
    "train": SHARED,
    "predict": PredictSettings(),
    "blobs": BlobsSettings(),
    "link": LinkSettings(),
}


def section(name, kind):
    assert isinstance(SETTINGS[name], kind)
    return SETTINGS[name]


def data(labeled, others=()):
    return Data(
        particles=(BLOB,),
        section=section,
        labeled=labeled,
        unlabeled=list(others),
        voxel_size=VOXEL,
        calibrate=lambda model: pytest.fail("no threshold is needed"),
        hidden=lambda model: pytest.fail("nothing is to be estimated"),
    )


def partly_labeled(hidden):
    """Two of the four balls have a label."""
    whole = blobs(0)
    return replace(
        whole,
        index_zyx=whole.index_zyx[:2],
        particle=whole.particle[:2],
        hidden=np.array([hidden]),
    )


def untrained():
    torch.manual_seed(0)
    return load("upicker").network(section("upicker", UPickerSettings), 1)


def task(stage, data, model=None):
    method = load("upicker")
    stage = method.row.stage(stage)
    proposals = method.proposals(stage, data)
    if proposals is not None:
        data = replace(data, labeled=proposals)
    return method.task(stage, data, model or untrained())


def train(folder, one, **more):
    return loop.train(
        one,
        SHARED,
        device=torch.device("cpu"),
        checkpoint=folder / "state.pt",
        log=folder / "log.tsv",
        **more,
    )


def found(model):
    """Return how far known particles of a new volume are from picks [voxels]."""
    finder = load("upicker").finder([model], (BLOB,), section, torch.device("cpu"))
    new = blobs(7)
    picks = finder.candidates(new.volume, VOXEL)
    assert (np.diff(picks.score) <= 0).all()
    best = picks.position_zyx[:4] / VOXEL
    return np.linalg.norm(new.index_zyx[:, None] - best, axis=2).min(axis=1)


def test_it_learns_of_blobs_then_of_labels(tmp_path):
    sources = data([blobs(0)], [unlabeled(1), unlabeled(2)])
    model = train(tmp_path / "pretrain", task("pretrain", sources))
    model = train(tmp_path / "fine", task("fine_tune", sources, model.requires_grad_()))
    # Their radius is 4; untrained or by chance none is so near.
    assert np.sum(found(model) < 4) >= 3
    assert np.sum(found(untrained().eval()) < 4) == 0
    header = (tmp_path / "fine/log.tsv").read_text().split("\n")[0]
    for loss in ("class_loss", "distance_loss", "overlap_loss", "denoising_loss"):
        assert loss in header


def test_micrographs_are_trained_on_and_picked(tmp_path, monkeypatch):
    def flat(tomogram):
        return replace(
            tomogram,
            volume=tomogram.volume[8:9],
            index_zyx=tomogram.index_zyx * [0, 1, 1],
        )

    monkeypatch.setitem(SETTINGS, "burn_in", BurnInSettings(steps=2))
    monkeypatch.setitem(SETTINGS, "predict", PredictSettings(min_score=0.0))
    sources = data([flat(blobs(0))], [flat(unlabeled(1))])
    assert len(task("pretrain", sources).patches.sources[1].particle) > 0
    model = train(tmp_path, task("fine_tune", sources))
    finder = load("upicker").finder([model], (BLOB,), section, torch.device("cpu"))
    picks = finder.candidates(blobs(7).volume[8:9], VOXEL)
    assert len(picks) > 0
    assert (picks.position_zyx[:, 0] == 0).all()


def test_an_interrupted_training_ends_bit_equal(tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "burn_in", BurnInSettings(steps=6, warmup_steps=2))
    sources = data([blobs(0)])
    whole = train(tmp_path / "whole", task("fine_tune", sources)).state_dict()
    with pytest.raises(Interrupted):
        train(tmp_path / "cut", task("fine_tune", sources), stop=StopAfter(3))
    resumed = train(tmp_path / "cut", task("fine_tune", sources)).state_dict()
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


def test_blobs_of_all_tomograms_are_learned_without_their_labels(caplog):
    sources = data([partly_labeled(2.0)], [unlabeled(1)])
    with caplog.at_level("INFO"):
        patches = task("pretrain", sources).patches
    # Both are as large, and four particles are expected in each.
    assert "8 blobs in 2 tomograms stand for particles" in caplog.text
    for source, known in zip(patches.sources, (blobs(0), blobs(1)), strict=True):
        gap = np.linalg.norm(known.index_zyx[:, None] - source.index_zyx, axis=2)
        assert (gap.min(axis=1) < 1.5).all()


def test_without_steps_on_blobs_labels_are_learned_from_scratch(monkeypatch):
    never = OnBlobsSettings(steps=0)
    monkeypatch.setitem(
        SETTINGS, "upicker", SMALL.model_copy(update={"pretrain": never})
    )
    assert task("pretrain", data([blobs(0)])) is None


@pytest.mark.parametrize("hidden", [2.0, np.nan])
def test_a_blob_without_a_label_is_neither_particle_nor_none(hidden):
    whole = blobs(0)
    source, same = without_doubtful(data([partly_labeled(hidden), whole]))
    gap = np.linalg.norm(whole.index_zyx[:, None] - source.outside_zyx, axis=2)
    assert (gap.min(axis=1) < 1.5).all()
    assert len(source.particle) == 2
    known = source.known(np.zeros(3, np.int64), (20, 40, 44), 1)
    for z, y, x in whole.index_zyx.astype(int):
        assert known[z, y, x] == 0
    assert 0.8 < known.mean() < 1
    assert same is whole


def test_how_many_particles_a_voxel_has():
    room = 20 * 40 * 44
    sources = [blobs(0), partly_labeled(4.0), partly_labeled(np.nan)]
    assert particles_per_voxel(sources, 1) == pytest.approx([10 / (2 * room)])
    assert np.isnan(particles_per_voxel(sources[2:], 1)).all()


def test_patches_with_more_particles_than_queries_are_told(monkeypatch, caplog):
    few = SMALL.model_copy(
        update={"network": SMALL.network.model_copy(update={"queries": 1})}
    )
    monkeypatch.setitem(SETTINGS, "upicker", few)
    task("fine_tune", data([blobs(0)]))
    assert "the network has 1 queries: it cannot find all" in caplog.text
    assert "raise upicker.network.queries to" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"upicker": {"network": {"edge": 100}}}, "edge is 100; expected a multiple"),
        ({"upicker": {"min_chord": 1}}, "upicker.min_chord"),
        ({"upicker": {"network": {"width": 60}}}, "width has 60 channels"),
        ({"train": {"accumulate": 3, "batch_size": 3}}, "multiple of 3 as batch_size"),
        ({"link": {"z_gap": -1}}, "link.z_gap"),
    ],
)
def test_wrong_settings_say_what_to_do(changes, message):
    given = {"particles": [{"name": "a", "radius": 60}], "method": "upicker"}
    with pytest.raises(ValueError, match=r".") as caught:
        Config.model_validate(given | changes)
    assert message in str(caught.value).replace("\n", ".").replace("..", ".")
