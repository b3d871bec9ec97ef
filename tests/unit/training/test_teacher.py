from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from picker.config import ModelSettings
from picker.encodings.heatmap import target_from_index
from picker.networks import build_model
from picker.networks.views import averaged_views
from picker.training.teacher import (
    PseudoPicks,
    target_from_teacher,
    update_teacher,
)


def test_floats_are_averaged_and_counters_copied():
    teacher, student = nn.BatchNorm3d(1), nn.BatchNorm3d(1)
    nn.init.constant_(teacher.weight, 1.0)
    nn.init.constant_(student.weight, 3.0)
    student.running_mean.fill_(10.0)
    student.num_batches_tracked.fill_(7)
    update_teacher(teacher, student, 0.9)
    assert teacher.weight.item() == pytest.approx(1.2)
    assert teacher.running_mean.item() == pytest.approx(1.0)
    assert teacher.num_batches_tracked.item() == 7


def test_decay_one_keeps_the_teacher():
    teacher, student = nn.Linear(2, 2), nn.Linear(2, 2)
    before = teacher.weight.clone()
    update_teacher(teacher, student, 1.0)
    assert torch.equal(teacher.weight, before)


class Pooling(nn.Module):
    """Answers with the input at half resolution plus a ramp that flips betray."""

    def forward(self, patch):
        half = nn.functional.avg_pool3d(patch, 2)
        return half + torch.arange(half.shape[-1])


def test_views_are_unflipped_before_the_mean():
    patch = torch.randn(2, 1, 8, 12, 16)
    half = nn.functional.avg_pool3d(patch, 2)
    ramp = torch.arange(8.0)
    expected = (3 * (half + ramp).sigmoid() + (half + ramp.flip(0)).sigmoid()) / 4
    torch.testing.assert_close(averaged_views(Pooling(), patch, True), expected)
    single = averaged_views(Pooling(), patch, False)
    torch.testing.assert_close(single, (half + ramp).sigmoid())


def test_averaged_heatmap_of_a_flipped_patch_is_the_flipped_heatmap():
    model = build_model(ModelSettings(preset="small", widths=(4, 6), blocks=(1, 1)), 2)
    model.eval()
    patch = torch.randn(1, 1, 16, 24, 32)
    direct = model(patch).sigmoid()
    averaged = averaged_views(model, patch, True)
    assert averaged.shape == direct.shape
    assert not torch.allclose(averaged, direct)


def test_sure_peaks_are_drawn_anew_and_unsure_ones_left_open():
    centres = np.array([[8.5, 10.5, 12.5], [8.5, 30.5, 40.5]])
    sigma = np.array([3.0, 3.0])
    drawn = target_from_index(centres, np.array([0, 0]), sigma, (20, 40, 56), 2)
    heatmap = torch.from_numpy(drawn) * 0.8
    heatmap[0, :, 10:, :] *= 0.5  # the second peak reaches 0.4 alone
    how = PseudoPicks(
        threshold=np.array([0.6, 0.6]),
        doubt=np.array([0.3, 0.3]),
        distance=np.zeros(2),
        sigma=sigma,
        kernels=[3, 3],
        stride=2,
    )
    made = target_from_teacher(heatmap[None], how)
    target, known = made.target, made.known
    only = target_from_index(centres[:1], np.array([0]), sigma, (20, 40, 56), 2)
    torch.testing.assert_close(target[0], torch.from_numpy(only), atol=2e-3, rtol=0)
    assert known[0, 0, 4, 15, 20] == 0
    assert known[0, 0, 4, 5, 6] == 1
    assert known[0, 0, 0, 0, 0] == 1
    assert known[0, 1].all()
    assert made.picks.tolist() == [[0, 0, 4, 5, 6]]


def test_labels_are_sure_whatever_the_teacher_says():
    sigma = np.array([2.0])
    settings = PseudoPicks(
        threshold=np.array([0.6]),
        doubt=np.array([0.3]),
        distance=np.zeros(1),
        sigma=sigma,
        kernels=[3],
        stride=1,
    )
    shape, number = (12, 12, 12), np.array([0])
    label = target_from_index(np.array([[3.0, 3, 3]]), number, sigma, shape, 1)
    labels = torch.from_numpy(label)[None]
    heatmap = 0.5 * labels  # too low for a pseudo-pick, too high for background
    made = target_from_teacher(heatmap, settings)
    assert made.target.max() == 0
    assert not made.known[0, 0, 3, 3, 3]
    made = target_from_teacher(heatmap, settings, labels)
    assert torch.equal(made.target, labels)
    assert made.known.all()
    # They are not the teacher's.
    assert len(made.picks) == 0


def test_two_pseudo_picks_are_as_far_apart_as_picks():
    sigma, shape = np.array([1.0, 1.0]), (12, 12, 20)
    centres = np.array([[6.0, 6, 5], [6, 6, 10], [6, 6, 8]])
    drawn = target_from_index(centres, np.array([0, 0, 1]), sigma, shape, 1)
    heatmap = torch.from_numpy(drawn)
    heatmap[:, :, :, 8:] *= 0.9
    settings = PseudoPicks(
        threshold=np.array([0.6, 0.6]),
        doubt=np.array([0.3, 0.3]),
        distance=np.array([4.0, 4.0]),
        sigma=sigma,
        kernels=[3, 3],
        stride=1,
    )
    both = target_from_teacher(heatmap[None], settings).target
    assert both[0, 0, 6, 6, [5, 10]].tolist() == pytest.approx([1, 1], abs=0.02)
    far = replace(settings, distance=np.array([6.0, 6.0]))
    made = target_from_teacher(heatmap[None], far)
    one, known = made.target, made.known
    assert one[0, 0, 6, 6, [5, 10]].tolist() == pytest.approx([1, 0], abs=0.02)
    # Neither a particle nor background; another class is no obstacle.
    assert known[0, 0, 6, 6, 10] == 0
    assert one[0, 1, 6, 6, 8] > 0.95
