"""What the student learns from: the teacher's heatmap, its picks, and labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import BurnInSettings, CoTrainSettings, LossSettings
from picker.encodings.heatmap import Gaussians
from picker.networks.views import averaged_views
from picker.training.co_training import CoTraining
from picker.training.expected import mass_of_one
from picker.training.losses import HeatmapLoss, mean_square
from picker.training.patches import PatchDataset
from picker.training.supervised import as_long_as_both, heatmap_loss, heatmap_task
from picker.training.task import learning_rate_at
from tests.unit.training.test_loop import SHARED, blobs, small_model, unlabeled


def sure_model():
    """A network whose heatmap, though untrained, has high and low values."""
    model = small_model()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.parameters():
            value += 0.3 * torch.randn(value.shape, generator=generator)
    return model


def co_training(continued=None, trusted=None, **settings):
    patches = PatchDataset([blobs(0)], [unlabeled(1)], SHARED, "co_train", Gaussians())
    task = CoTraining(
        "co_train",
        CoTrainSettings(steps=4, ramp_up_steps=0, **settings),
        sure_model(),
        patches,
        HeatmapLoss(background_weight=4.0),
        trusted=trusted,
        continued=continued,
    )
    task.begin(torch.device("cpu"))
    return task


def test_low_values_of_the_teacher_count_as_none():
    plain, floored = co_training(), co_training(floor=0.3)
    batch = plain.patches[0]
    heatmap = averaged_views(plain.teacher, batch.weak, True)
    made = plain.pseudo_labels(heatmap, batch)
    cut = floored.pseudo_labels(heatmap, batch).target
    assert made.known is None
    assert torch.equal(made.target, heatmap)
    assert 0 < (heatmap < 0.3).sum() < heatmap.numel()
    assert torch.equal(cut, heatmap * (heatmap >= 0.3))
    # Labels are none of the teacher's values.
    labels = torch.full_like(heatmap, 0.1)
    cut = floored.pseudo_labels(heatmap, replace(batch, weak_target=labels)).target
    assert torch.equal(cut, (heatmap * (heatmap >= 0.3)).clamp_min(0.1))


def test_unlabeled_patches_may_have_the_plain_squared_error():
    same, plain = co_training(), co_training(unlabeled_loss="mse")
    batch = same.patches[0]
    torch.manual_seed(0)
    expected = same.losses(same.model, batch, 0)
    found = plain.losses(plain.model, batch, 0)
    assert torch.equal(found["labeled_loss"], expected["labeled_loss"])
    heatmap = averaged_views(plain.teacher, batch.weak, True)
    pseudo = plain.pseudo_labels(heatmap, batch).target
    both = plain.model(torch.cat([batch.labeled, batch.strong])).sigmoid()
    of_unlabeled = both[len(batch.labeled) :]
    assert found["unlabeled_loss"].item() == pytest.approx(
        mean_square(of_unlabeled, pseudo).item(), rel=1e-3
    )
    assert found["unlabeled_loss"] < 0.5 * expected["unlabeled_loss"]


def test_the_least_mass_is_that_of_so_many_particles():
    settings = LossSettings(kind="reweighted_bce", least_particles=0.5)
    shared = SHARED.model_copy(update={"loss": settings})
    patches = PatchDataset([blobs(0)], [], shared, "burn_in", Gaussians())
    loss = heatmap_loss(shared, patches)
    one = mass_of_one(Gaussians(), np.array([4.0]), 2)
    assert loss.kind == "reweighted_bce"
    assert loss.least_mass == pytest.approx(0.5 * one)
    assert heatmap_loss(SHARED, patches).least_mass is None


def test_both_stages_can_follow_one_cosine():
    together = BurnInSettings(steps=30, warmup_steps=5, learning_rate=0.01)
    burn_in = together.model_copy(update={"steps": 20, "cosine_steps": 30})
    patches = PatchDataset([blobs(0)], [], SHARED, "burn_in", Gaussians())
    first = heatmap_task("burn_in", small_model(), patches.labeled, burn_in, SHARED)
    second = co_training(burn_in, schedule="continue", warmup_steps=3)
    rates = [first.learning_rate(step) for step in range(20)]
    rates += [second.learning_rate(step) for step in range(10)]
    expected = [learning_rate_at(step, together) for step in range(30)]
    expected[20:22] = [expected[20] / 3, expected[21] * 2 / 3]
    assert rates == pytest.approx(expected)
    # Burn-in alone would have come to its last rate.
    alone = together.model_copy(update={"steps": 20})
    last = 0.01 * alone.final_learning_rate
    assert co_training(alone).learning_rate(50) == pytest.approx(last)


def test_a_method_of_one_stage_follows_one_cosine_whatever_burn_in_does():
    burn_in = BurnInSettings(steps=20, cosine_steps=25)
    assert as_long_as_both(burn_in, CoTrainSettings(steps=10)) == BurnInSettings(
        steps=30
    )


def test_a_class_that_is_not_trusted_has_no_unlabeled_loss():
    batch = co_training().patches[0]
    losses = [
        task.losses(task.model, batch, 0)
        for task in (co_training(), co_training(trusted=np.array([False])))
    ]
    assert losses[0]["unlabeled_loss"] > 0
    assert losses[1]["unlabeled_loss"] == 0
    assert losses[0]["labeled_loss"] == losses[1]["labeled_loss"]
