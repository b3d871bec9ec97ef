from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import (
    BurnInSettings,
    Config,
    CoTrainSettings,
    ModelSettings,
    Particle,
    PredictSettings,
    TomoPickerSettings,
)
from picker.config.methods import METHODS
from picker.machine.signals import Interrupted
from picker.methods import Data, load
from picker.training import loop
from tests.unit.training.test_loop import SHARED, StopAfter, blobs

METHOD_NAMES = ["tomopicker_pn", "tomopicker_pu", "tomopicker_kl"]
BLOB = Particle(name="blob", radius=40)
VOXEL = 10.0
SETTINGS = {
    "burn_in": BurnInSettings(
        steps=40, warmup_steps=5, learning_rate=1e-2, ema_decay=0.8
    ),
    "co_train": CoTrainSettings(steps=10),
    "train": SHARED,
    "predict": PredictSettings(precision="float32", device="cpu"),
    "tomopicker": TomoPickerSettings(),
}


def section(name, kind):
    assert isinstance(SETTINGS[name], kind)
    return SETTINGS[name]


def data(sources):
    return Data(
        particles=(BLOB,),
        section=section,
        labeled=sources,
        unlabeled=[],
        voxel_size=VOXEL,
        calibrate=lambda model: {},
        hidden=lambda model: pytest.fail("nothing is to be estimated"),
    )


def partly_labeled(hidden=2.0):
    """Two of the four balls have a label."""
    whole = blobs(0)
    return replace(
        whole,
        index_zyx=whole.index_zyx[:2],
        particle=whole.particle[:2],
        hidden=np.array([hidden]),
    )


def task(name, sources):
    method = load(name)
    torch.manual_seed(0)
    model = method.network(ModelSettings(preset="small"), 1)
    return method.task(method.row.stages[0], data(sources), model)


def train(folder, name, sources, **more):
    return loop.train(
        task(name, sources),
        SHARED,
        device=torch.device("cpu"),
        checkpoint=folder / "state.pt",
        log=folder / "log.tsv",
        **more,
    )


@pytest.mark.parametrize(
    ("name", "sources"),
    [(name, [partly_labeled()]) for name in METHOD_NAMES]
    + [("tomopicker_kl", [blobs(0)])],
)
def test_it_learns_to_find_blobs(tmp_path, name, sources):
    model = train(tmp_path, name, sources)
    finder = load(name).finder([model], (BLOB,), section, torch.device("cpu"))
    new = blobs(7)
    picks = finder.candidates(new.volume, VOXEL)
    assert (np.diff(picks.score) <= 0).all()
    best = picks.position_zyx[:4] / VOXEL
    away = np.linalg.norm(new.index_zyx[:, None] - best, axis=2).min(axis=1)
    assert np.sum(away < 2) >= 3
    assert np.median(away) < 0.25 * 4
    header = (tmp_path / "log.tsv").read_text().split("\n")[0]
    assert "known_loss" in header
    assert "open_loss" in header


def test_an_interrupted_training_ends_bit_equal(tmp_path, monkeypatch):
    name = "tomopicker_kl"
    short = BurnInSettings(steps=10, warmup_steps=2)
    monkeypatch.setitem(SETTINGS, "burn_in", short)
    monkeypatch.setitem(SETTINGS, "co_train", CoTrainSettings(steps=0))
    sources = [partly_labeled()]
    whole = train(tmp_path / "whole", name, sources).state_dict()
    with pytest.raises(Interrupted):
        train(tmp_path / "cut", name, sources, stop=StopAfter(5))
    resumed = train(tmp_path / "cut", name, sources).state_dict()
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


def test_without_the_means_a_resumed_training_would_differ(tmp_path):
    one = task("tomopicker_kl", [partly_labeled()])
    one.begin(torch.device("cpu"))
    one.losses(one.model, one.patches[0], 0)
    saved = one.state()
    other = task("tomopicker_kl", [partly_labeled()])
    other.begin(torch.device("cpu"))
    other.restore(saved)
    batch = one.patches[1]
    first, second = (t.losses(t.model, batch, 1)["open_loss"] for t in (one, other))
    assert torch.equal(first, second)
    other.means.sums = None
    assert not torch.equal(first, other.losses(other.model, batch, 1)["open_loss"])


@pytest.mark.parametrize("name", ["tomopicker_pu", "tomopicker_kl"])
@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (np.nan, "tomogram t0: the number of blob is unknown"),
        (0.0, "tomogram t0: the number of blob is not above its 2 labels"),
        (1e4, "tomogram t0: the number of blob, 10000 besides those labeled, is too"),
    ],
)
def test_a_number_that_is_missing_or_wrong_is_an_error(name, hidden, message):
    with pytest.raises(ValueError, match=message):
        task(name, [blobs(1), partly_labeled(hidden)])


def test_positive_negative_learning_needs_no_number(tmp_path):
    one = task("tomopicker_pn", [partly_labeled(np.nan)])
    one.begin(torch.device("cpu"))
    losses = one.losses(one.model, one.patches[0], 0)
    assert all(torch.isfinite(value) for value in losses.values())


def test_a_class_without_labels_needs_no_number_and_is_left_out():
    source = partly_labeled()
    both = replace(source, radius=np.array([4.0, 5.0]), hidden=np.array([2.0, np.nan]))
    method = load("tomopicker_kl")
    model = method.network(ModelSettings(preset="small"), 2)
    particles = (BLOB, Particle(name="other", radius=50))
    one = method.task(
        method.row.stages[0], replace(data([both]), particles=particles), model
    )
    one.begin(torch.device("cpu"))
    losses = one.losses(one.model, one.patches[0], 0)
    sum(losses.values()).backward()
    assert one.model.head.weight.grad[1].abs().max() == 0
    assert one.model.head.weight.grad[0].abs().max() > 0


def test_what_is_found_is_logged_beside_what_is_expected(tmp_path, caplog):
    caplog.set_level("INFO")
    one = task("tomopicker_kl", [partly_labeled()])
    one.begin(torch.device("cpu"))
    one.losses(one.model, one.patches[0], one.schedule.steps - 1)
    share = 100 * 2 * 268 / (20 * 40 * 44 - 2 * 268)
    found = float(caplog.text.split("expected ")[1].split("%")[0])
    assert found == pytest.approx(share, rel=0.1)


def test_the_loss_is_part_of_what_a_checkpoint_is_of():
    keys = {task(name, [partly_labeled()]).key() for name in METHOD_NAMES}
    assert len(keys) == 3


def test_the_rows_differ_in_their_loss_alone():
    rows = [METHODS[name] for name in METHOD_NAMES]
    assert [row.options["loss"] for row in rows] == ["pn", "pu", "kl"]
    assert len({replace(row, options={}).__repr__() for row in rows}) == 1
    (stage,) = rows[0].stages
    assert stage.labeled == ("labeled", "partial")
    assert {"partial", "tomopicker"} <= set(stage.sections)
    assert rows[0].sections == ("tomopicker",)


@pytest.mark.parametrize(
    "wrong",
    [{"momentum": 1.0}, {"smooth_per_radius": 0}, {"divergence": "symmetric"}],
)
def test_wrong_settings_are_refused(wrong):
    given = {"particles": [BLOB.model_dump(mode="json")], "tomopicker": wrong}
    with pytest.raises(ValueError, match=f"tomopicker.{next(iter(wrong))}"):
        Config.model_validate(given)
