from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import (
    AugmentSettings,
    BurnInSettings,
    Config,
    CoTrainSettings,
    LinkSettings,
    Particle,
    PredictSettings,
    SlicesSettings,
    TrainSettings,
)
from picker.config.blobs import BlobsSettings
from picker.machine.signals import Interrupted
from picker.methods import Data, load
from picker.training import loop
from picker.training.review import Places, Review
from tests.unit.training.test_loop import StopAfter, blobs

BLOB = Particle(name="blob", radius=40)
VOXEL = 10.0
METHODS = ("yolo_slices", "faster_rcnn_slices")
SHARED = TrainSettings(
    num_workers=0,
    precision="float32",
    checkpoint_every=100,
    augment=AugmentSettings(intensity=0.2),
)
SETTINGS = {
    "slices": SlicesSettings(
        edge=32,
        min_chord=0.7,
        widths=(8, 16),
        width=16,
        anchors=(7,),
        proposals=12,
    ),
    "burn_in": BurnInSettings(
        steps=260, warmup_steps=5, learning_rate=1e-2, ema_decay=0.8
    ),
    "co_train": CoTrainSettings(steps=40),
    "train": SHARED,
    "predict": PredictSettings(),
    "blobs": BlobsSettings(),
    "link": LinkSettings(),
}


def section(name, kind):
    assert isinstance(SETTINGS[name], kind)
    return SETTINGS[name]


def task(name, sources=None):
    torch.manual_seed(0)
    method = load(name)
    data = Data(
        particles=(BLOB,),
        section=section,
        labeled=sources or [blobs(0)],
        unlabeled=[],
        voxel_size=VOXEL,
        calibrate=lambda model: pytest.fail("no threshold is needed"),
        hidden=lambda model: pytest.fail("nothing is to be estimated"),
    )
    (stage,) = method.row.stages
    return method.task(stage, data, method.network(SETTINGS["slices"], 1))


def train(folder, one, **more):
    return loop.train(
        one,
        SHARED,
        device=torch.device("cpu"),
        checkpoint=folder / "state.pt",
        log=folder / "log.tsv",
        **more,
    )


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_of_labels_and_finds(name, tmp_path):
    model = train(tmp_path, task(name))
    finder = load(name).finder([model], (BLOB,), section, torch.device("cpu"))
    new = blobs(7)
    picks = finder.candidates(new.volume, VOXEL)
    assert (np.diff(picks.score) <= 0).all()
    best = picks.position_zyx[:4] / VOXEL
    away = np.linalg.norm(new.index_zyx[:, None] - best, axis=2).min(axis=1)
    # Their radius is 4.
    assert (away < 3).all()


def test_it_learns_of_micrographs_and_finds_in_them(tmp_path):
    def flat(tomogram):
        """The slice through one of the centres, which cuts them all."""
        cut = np.abs(tomogram.index_zyx[:, 0] - 9) < 4
        return replace(
            tomogram,
            volume=tomogram.volume[9:10],
            index_zyx=tomogram.index_zyx[cut] * [0, 1, 1],
            particle=tomogram.particle[cut],
        )

    model = train(tmp_path, task("yolo_slices", [flat(blobs(0))]))
    finder = load("yolo_slices").finder([model], (BLOB,), section, torch.device("cpu"))
    new = flat(blobs(7))
    picks = finder.candidates(new.volume, VOXEL)
    away = np.linalg.norm(
        new.index_zyx[:, None] * VOXEL - picks.position_zyx[:4], axis=2
    )
    assert (away.min(axis=1) < 3 * VOXEL).all()


@pytest.mark.parametrize("name", METHODS)
def test_an_interrupted_training_ends_bit_equal(name, tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "burn_in", BurnInSettings(steps=4, warmup_steps=2))
    monkeypatch.setitem(SETTINGS, "co_train", CoTrainSettings(steps=2))
    whole = train(tmp_path / "whole", task(name)).state_dict()
    with pytest.raises(Interrupted):
        train(tmp_path / "cut", task(name), stop=StopAfter(3))
    resumed = train(tmp_path / "cut", task(name)).state_dict()
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


@pytest.mark.parametrize("name", METHODS)
def test_a_part_of_the_labels_teaches_no_blob_without_one_as_background(name):
    whole = blobs(0)
    part = replace(
        whole,
        index_zyx=whole.index_zyx[:2],
        particle=whole.particle[:2],
        hidden=np.array([np.nan]),
    )
    patches = task(name, [part]).patches
    (source,) = patches.sources
    known = source.known(np.zeros(3, np.int64), whole.volume.shape, 1)
    for z, y, x in whole.index_zyx.astype(int):
        assert known[z, y, x] == 0
    assert 0.8 < known.mean() < 1
    batch = patches[0]
    assert batch.labeled_region.min() == 0


def test_answers_about_single_places_alone_teach_it_to_find(tmp_path):
    whole = blobs(0)
    wrong = Places(np.array([[9.0, 20, 22]]), np.zeros(1, np.int64))
    nobody = Places(np.zeros((0, 3)), np.zeros(0, np.int64))
    one = replace(whole, review=Review(wrong, nobody))
    model = train(tmp_path, task("yolo_slices", [one]))
    finder = load("yolo_slices").finder([model], (BLOB,), section, torch.device("cpu"))
    new = blobs(7)
    best = finder.candidates(new.volume, VOXEL).position_zyx[:4] / VOXEL
    away = np.linalg.norm(new.index_zyx[:, None] - best, axis=2).min(axis=1)
    assert np.median(away) < 3


def test_a_tomogram_narrower_than_a_patch_is_told(monkeypatch):
    monkeypatch.setitem(SETTINGS, "slices", SlicesSettings(edge=64))
    with pytest.raises(ValueError, match=r"lower their edge, slices\.edge"):
        task("yolo_slices")


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slices": {"edge": 100}}, "edge is 100; expected a multiple of 16"),
        ({"slices": {"width": 60}}, "width has 60 channels; expected a multiple of 8"),
        ({"slices": {"min_chord": 1}}, "slices.min_chord"),
        ({"slices": {"context": -1}}, "slices.context"),
        ({"slices": {"anchors": []}}, "slices.anchors"),
        (
            {"predict": {"slice_step": 4}},
            "slice_step is 4, which leaves out 3 slices in a row, and link.z_gap is 2",
        ),
        (
            {"train": {"accumulate": 3, "batch_size": 3}},
            "slices.batch_size is 4 and train.accumulate 3; expected a multiple of 3",
        ),
    ],
)
def test_wrong_settings_say_what_to_do(name, changes, message):
    given = {"particles": [{"name": "a", "radius": 60}], "method": name}
    with pytest.raises(ValueError, match=r".") as caught:
        Config.model_validate(given | changes)
    assert message in str(caught.value).replace("\n", ".").replace("..", ".")
