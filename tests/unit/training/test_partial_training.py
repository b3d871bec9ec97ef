"""Training where a part of the particles has labels: what the tasks make of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import BurnInSettings, CoTrainSettings, PartialSettings
from picker.encodings.heatmap import Gaussians
from picker.training import loop
from picker.training.checkpoint import load_checkpoint
from picker.training.co_training import CoTraining
from picker.training.losses import HeatmapLoss
from picker.training.patches import PatchDataset
from picker.training.supervised import heatmap_task
from tests.unit.training.test_loop import SHARED, KillAfter, Killed, blobs, small_model


def part(seed, hidden):
    """A tomogram in which two of four particles have labels."""
    whole = blobs(seed)
    return replace(
        whole,
        index_zyx=whole.index_zyx[:2],
        particle=whole.particle[:2],
        hidden=np.array([hidden]),
    )


LOSS = HeatmapLoss(background_weight=4.0)


def counted(model):
    """A number that is another with the last digit of a weight."""
    return np.array([abs(float(next(model.parameters()).double().sum())) + 1.5])


def task(settings, hidden=counted, kind="count", sources=None):
    sources = sources or [part(0, np.nan), blobs(5)]
    partial = PartialSettings(loss=kind)
    if isinstance(settings, BurnInSettings):
        return heatmap_task(
            *("burn_in", small_model(), sources, settings, SHARED, partial, hidden)
        )
    data = PatchDataset(sources, sources[:1], SHARED, "co_train", Gaussians())
    return CoTraining(
        *("co_train", settings, small_model(), data, LOSS, None, partial, hidden)
    )


def train(folder, one, stop=None):
    return loop.train(
        one,
        SHARED,
        device=torch.device("cpu"),
        checkpoint=folder / "state.pt",
        log=folder / "log.tsv",
        stop=stop,
    )


@pytest.mark.parametrize("kind", ["count", "non_negative"])
@pytest.mark.parametrize(
    "settings",
    [BurnInSettings(steps=24), CoTrainSettings(steps=24, ramp_up_steps=5)],
    ids=["burn_in", "co_train"],
)
def test_a_resumed_run_ends_bit_equal_to_an_uninterrupted_one(tmp_path, settings, kind):
    one = task(settings, kind=kind)
    loss = one.loss if isinstance(settings, BurnInSettings) else one.labeled_loss
    whole = train(tmp_path / "whole", one).state_dict()
    assert loss.estimated is not None
    assert loss.sums is not None
    with pytest.raises(Killed):
        train(tmp_path, task(settings, kind=kind), KillAfter(17))
    kept = load_checkpoint(tmp_path / "state.pt")
    assert kept["step"] == 10
    assert kept["loss"]["sums"] is not None
    resumed = train(tmp_path, task(settings, kind=kind)).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    # Both are part of the result: without either it is another.
    for left_out in ("sums", "estimated"):
        other = task(settings, kind=kind)
        with pytest.raises(Killed):
            train(tmp_path / left_out, other, KillAfter(17))

        def forgetful(saved, other=other, left_out=left_out):
            return {**saved, left_out: None}

        again = task(settings, kind=kind)
        ours = again.loss if isinstance(settings, BurnInSettings) else None
        ours = ours or again.labeled_loss
        restore = ours.restore
        ours.restore = lambda saved, restore=restore: restore(forgetful(saved))
        forgot = train(tmp_path / left_out, again).state_dict()
        assert not all(torch.equal(whole[name], forgot[name]) for name in whole)


def test_unknown_numbers_are_estimated_after_a_third_or_at_once():
    asked = []

    def hidden(model):
        assert not model.training
        asked.append(model)
        return np.array([3.0])

    burn_in = task(BurnInSettings(steps=30), hidden)
    burn_in.begin(torch.device("cpu"))
    for step in range(30):
        burn_in.before_step(step)
        assert len(asked) == (step >= 10)
    assert asked == [burn_in.teacher]
    expected = burn_in.patches.hidden.where_unknown(np.array([3.0]))
    assert burn_in.loss.estimated.tolist() == pytest.approx(expected.tolist())
    co_train = task(CoTrainSettings(steps=30), hidden)
    co_train.begin(torch.device("cpu"))
    for step in range(30):
        co_train.before_step(step)
        assert len(asked) == 2


@pytest.mark.parametrize(
    ("sources", "kind"),
    [
        ([part(0, 2.0)], "count"),
        ([blobs(0)], "count"),
        ([part(0, np.nan)], "empty"),
        ([part(0, np.nan)], "none"),
    ],
)
def test_what_is_known_or_of_no_use_is_not_estimated(sources, kind):
    one = task(BurnInSettings(steps=3), lambda model: 1 / 0, kind, sources)
    one.begin(torch.device("cpu"))
    one.before_step(1)
    assert one.loss.estimated is None


def test_labels_are_drawn_into_what_the_teacher_says():
    one = task(CoTrainSettings(steps=3, ramp_up_steps=0))
    one.begin(torch.device("cpu"))
    batch = next(b for b in map(one.patches.__getitem__, range(20)) if _shows(b))
    seen = {}

    def student(both):
        seen["both"] = torch.zeros((len(both), 1, 8, 12, 12), requires_grad=True)
        return seen["both"]

    with_labels = one.losses(student, batch, 0)["unlabeled_loss"]
    (gradient,) = torch.autograd.grad(with_labels, seen["both"])
    without = one.losses(student, replace(batch, weak_target=None), 0)
    (other,) = torch.autograd.grad(without["unlabeled_loss"], seen["both"])
    unlabeled = slice(len(batch.labeled), None)
    at_label = batch.weak_target == batch.weak_target.max()
    assert (gradient[unlabeled] < other[unlabeled])[at_label].all()


def _shows(batch):
    return batch.weak_target.max() > 0.8


def test_the_number_makes_more_of_what_has_no_label():
    """The running mean comes near the expected one, which background alone forbids."""
    means = {}
    burn_in = BurnInSettings(steps=60, warmup_steps=5, learning_rate=5e-3)
    for weight in (0.0, 10.0):
        one = task(burn_in, sources=[part(0, 12.0)])
        one.loss.settings = one.loss.settings.model_copy(update={"weight": weight})
        one.begin(torch.device("cpu"))
        optimizer = torch.optim.Adam(one.model.parameters(), lr=5e-3)
        for step in range(60):
            optimizer.zero_grad()
            one.losses(one.model, one.patches[step], step)["labeled_loss"].backward()
            optimizer.step()
        found = 0
        for step in range(60, 70):
            batch = one.patches[step]
            with torch.no_grad():
                heatmap = one.model(batch.labeled).sigmoid()
            found += (batch.open * (heatmap - batch.target)).sum() / batch.open.sum()
        means[weight] = found / 10 / one.patches[0].hidden_mean.max()
    assert means[0.0] < 0.5
    assert means[10.0] == pytest.approx(1, abs=0.4)


def test_where_the_rest_is_empty_a_partial_tomogram_is_as_any_other():
    """Patches lie around labels as often, and no voxel of them is left out."""
    whole = replace(part(0, 12.0), hidden=None)
    ours = task(BurnInSettings(steps=3), kind="empty", sources=[part(0, 12.0)])
    other = task(BurnInSettings(steps=3), kind="empty", sources=[whole])
    for index in range(10):
        one, same = ours.patches[index], other.patches[index]
        assert torch.equal(one.labeled, same.labeled)
        assert torch.equal(one.target, same.target)
        assert one.open is None
        assert one.labeled_region is None
    counted_in = task(BurnInSettings(steps=3), sources=[part(0, 12.0)]).patches
    assert counted_in[0].open is not None
