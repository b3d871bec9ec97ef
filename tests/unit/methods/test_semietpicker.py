import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from picker.config import Config, CoTrainSettings, PartialSettings, Particle
from picker.config.methods import METHODS, PRETRAIN
from picker.encodings.heatmap import Gaussians
from picker.methods import Data, load
from picker.training import loop
from picker.training.patches import PatchDataset
from picker.training.source import Noise
from tests.unit.training.test_loop import blobs

PARTICLES = (Particle(name="blob", radius=40),)
CONFIG = Config.model_validate(
    {
        "particles": [p.model_dump() for p in PARTICLES],
        "model": {"preset": "small", "widths": [8, 8], "blocks": [1, 1]},
        "train": {"patch_zyx": [16, 24, 24], "num_workers": 0, "precision": "float32"},
        "burn_in": {
            **{"steps": 80, "warmup_steps": 5, "learning_rate": 0.01},
            "ema_decay": 0.9,
        },
        "co_train": {"steps": 20, "pseudo_labels": "picks"},
        "predict": {"window_zyx": [20, 40, 44], "flips": False},
    }
)


def section(name, kind):
    found = getattr(CONFIG, name)
    assert isinstance(found, kind)
    return found


def test_co_training_shows_halves_where_the_settings_say_so():
    noise = Noise(np.ones((20, 40, 44), np.float32), 1.0)
    data = Data(
        particles=PARTICLES,
        section=lambda name, kind: (
            CONFIG.co_train.model_copy(
                update={"halves": "opposite", "pseudo_labels": "heatmap"}
            )
            if name == "co_train"
            else section(name, kind)
        ),
        labeled=[blobs(0)],
        unlabeled=[replace(blobs(1), noise=noise)],
        voxel_size=10.0,
        calibrate=lambda one: {},
        hidden=lambda one: np.array([np.nan]),
    )
    method = load("semietpicker")
    stage = METHODS["semietpicker"].stage("co_train")
    patches = method.task(stage, data, method.network(CONFIG.model, 1)).patches
    weak = patches[0].weak
    whole = replace(data.unlabeled[0], noise=None)
    plain = PatchDataset([blobs(0)], [whole], CONFIG.train, "co_train", Gaussians())
    # Noise that is 1 everywhere moves all voxels alike.
    moved = 2**0.5 * weak - plain[0].weak
    torch.testing.assert_close(moved.abs(), torch.ones_like(moved), rtol=0, atol=1e-5)


def part(seed):
    whole = blobs(seed)
    return replace(
        whole,
        index_zyx=whole.index_zyx[:2],
        particle=whole.particle[:2],
        hidden=np.array([np.nan]),
    )


@pytest.mark.parametrize("kind", ["empty", "count"])
@pytest.mark.parametrize("name", ["semietpicker", "supervised"])
def test_partial_labels_alone_train_it(tmp_path, name, kind):
    """A tiny real run: two of four particles have labels, in two tomograms."""
    method = load(name)
    partial = PartialSettings(loss=kind)
    torch.manual_seed(0)
    model = method.network(CONFIG.model, 1)
    asked = []

    def hidden(one):
        asked.append(one)
        return np.array([4.0])

    data = Data(
        particles=PARTICLES,
        section=lambda name, kind: (
            partial if kind is PartialSettings else section(name, kind)
        ),
        labeled=[part(0), part(1)],
        unlabeled=[part(0), part(1)],
        voxel_size=10.0,
        # As of partial tomograms without held-out labels.
        calibrate=lambda one: {"blob": SimpleNamespace(threshold=0.5, f=None)},
        hidden=hidden,
    )
    for stage in METHODS[name].stages:
        # As read from the file of the stage before.
        model = copy.deepcopy(model).train().requires_grad_()
        task = method.task(stage, data, model)
        model = loop.train(
            task,
            CONFIG.train,
            device=torch.device("cpu"),
            checkpoint=tmp_path / f"{stage.name}.pt",
            log=tmp_path / f"{stage.name}.tsv",
        )
    # Each stage asks once, where the number is of use.
    assert len(asked) == (len(METHODS[name].stages) if kind == "count" else 0)
    finder = method.finder([model], PARTICLES, section, torch.device("cpu"))
    new = blobs(7)
    best = finder.candidates(new.volume, 10.0).position_zyx[:4] / 10
    away = np.linalg.norm(new.index_zyx[:, None] - best[None], axis=2)
    assert (away.min(axis=1) < 2).all()


TWO = (Particle(name="ribosome", radius=40), Particle(name="rare", radius=40))


@pytest.mark.parametrize(
    ("co_train", "expected"),
    [
        ({}, None),
        ({"trusted_only": True, "min_f": 0.3}, [True, False]),
        ({"trusted_only": True, "min_f": 0.1}, [True, True]),
        ({"pseudo_labels": "picks", "min_f": 0.3}, [True, False]),
    ],
)
def test_classes_that_burn_in_cannot_find_are_left_out(co_train, expected):
    config = CONFIG.model_copy(
        update={"co_train": CoTrainSettings(steps=20, **co_train)}
    )
    asked = []

    def calibrate(one):
        asked.append(one)
        return {
            "ribosome": SimpleNamespace(threshold=0.5, f=0.9),
            "rare": SimpleNamespace(threshold=0.5, f=0.2),
        }

    method = load("semietpicker")
    data = Data(
        particles=TWO,
        section=lambda name, kind: getattr(config, name),
        labeled=[two(0)],
        unlabeled=[two(1)],
        voxel_size=10.0,
        calibrate=calibrate,
        hidden=None,
    )
    stage = METHODS["semietpicker"].stage("co_train")
    task = method.task(stage, data, method.network(config.model, 2))
    assert (task.trusted is None) == (expected is None) == (not asked)
    if expected:
        assert task.trusted.tolist() == expected
    assert (task.pseudo_picks is None) == ("pseudo_labels" not in co_train)


def two(seed):
    return replace(blobs(seed), radius=np.array([4.0, 4.0]))


@pytest.mark.parametrize("name", ["semietpicker", "supervised"])
def test_pre_training_takes_proposals_for_labels(name):
    doubtful = {
        "outside_zyx": np.array([[10.0, 20, 20]]),
        "outside_particle": np.array([0]),
    }
    data = Data(
        particles=PARTICLES,
        section=section,
        labeled=[replace(blobs(0), **doubtful)],
        unlabeled=[],
        voxel_size=10.0,
        calibrate=lambda one: {},
        hidden=lambda one: np.array([np.nan]),
    )
    method = load(name)
    task = method.task(PRETRAIN, data, method.network(CONFIG.model, 1))
    assert (task.name, task.schedule.steps) == ("pretrain", CONFIG.pretrain.steps)
    # At a doubtful one nothing is known.
    regions = [task.patches[step].labeled_region for step in range(4)]
    assert any((region == 0).any() for region in regions)
