from typing import get_args

import pytest
import torch

from picker.config.loss import LossKind
from picker.training.losses import (
    HeatmapLoss,
    mean_square,
    reweighted,
    reweighted_mse,
    square,
    tversky,
)


def stack(*classes):
    return torch.tensor([[[[c]] for c in classes]], dtype=torch.float32)


@pytest.mark.parametrize(
    ("heatmap", "target", "expected"),
    [
        # a perfect answer costs nothing
        ([[1.0, 0.0]], [[1.0, 0.0]], 0.0),
        # missed particle: (1)² / 1
        ([[0.0, 0.0]], [[1.0, 0.0]], 1.0),
        # false particle on one of two background voxels: 4 · 1 / 2
        ([[0.0, 1.0]], [[0.0, 0.0]], 2.0),
        # soft target: .5·.25/.5 + 4·.5·.25/1.5
        ([[0.0, 0.0]], [[0.5, 0.0]], 0.25 + 4 * 0.125 / 1.5),
    ],
)
def test_table_of_losses(heatmap, target, expected):
    loss = reweighted_mse(stack(*heatmap), stack(*target), 4.0)
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_a_small_class_counts_as_much_as_a_large_one():
    target = stack([1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0])
    heatmap = stack([1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0])
    assert reweighted_mse(heatmap, target, 4.0).item() == pytest.approx(0.5, abs=1e-5)
    as_the_paper = reweighted_mse(heatmap, target, 4.0, per_class=False)
    assert as_the_paper.item() == pytest.approx(1 / 5, abs=1e-5)


def test_what_the_target_leaves_open_does_not_count():
    heatmap, target = stack([0.0, 1.0, 0.0]), stack([1.0, 0.0, 0.0])
    known = stack([1.0, 0.0, 1.0])
    loss = reweighted_mse(heatmap, target, 4.0, known=known)
    assert loss.item() == pytest.approx(1.0, abs=1e-5)


def test_a_class_without_weight_does_not_count():
    target = stack([1.0, 0.0], [1.0, 0.0])
    heatmap = stack([1.0, 0.0], [0.0, 0.0])
    weight = torch.tensor([1.0, 0.0])
    loss = reweighted_mse(heatmap, target, 4.0, class_weight=weight)
    assert loss.item() == pytest.approx(0.0, abs=1e-5)
    nothing = reweighted_mse(heatmap, target, 4.0, class_weight=torch.zeros(2))
    assert nothing.item() == 0


def test_tversky_is_one_minus_the_overlap_of_classes_and_background():
    target = stack([1.0, 1.0, 0.0, 0.0])
    perfect = tversky(target, target)
    assert perfect.item() == pytest.approx(0, abs=1e-5)
    found = stack([0.5, 1.0, 0.5, 0.0]).requires_grad_()
    # both classes: TP 1.5, FP 0.5, FN 0.5
    assert tversky(found, target).item() == pytest.approx(1 - 1.5 / 2, rel=1e-5)
    assert tversky(found, target, miss_weight=1.0).item() == pytest.approx(
        1 - 1.5 / 2, rel=1e-5
    )
    more = stack([0.5, 1.0, 1.0, 0.0])
    # class: TP 1.5, FP 1, FN .5; background: TP 1, FP .5, FN 1
    expected = 1 - 0.5 * (1.5 / 2.0 + 1 / 2.0)
    assert tversky(more, target, miss_weight=1.0).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_tversky_weighs_classes_and_the_background():
    target = torch.zeros(1, 2, 1, 1, 4)
    target[0, 0, ..., :2] = 1
    target[0, 1, ..., 2] = 1
    found = target.clone()
    found[0, 0, ..., 1] = 0  # half of the first class is missed
    first = 1 - 1 / (1 + 0.7)  # TP 1, FN 1
    background = 1 - 1 / (1 + 0.3)  # TP 1, FP 1
    value = tversky(found, target, 0.7, class_weight=torch.tensor([1.0, 2.0, 5.0]))
    assert value.item() == pytest.approx((background + 2 * first) / 8, rel=1e-5)
    equal = tversky(found, target, 0.7, class_weight=torch.ones(3))
    assert equal.item() == pytest.approx(tversky(found, target, 0.7).item())


def test_tversky_has_the_gradient_of_its_formula():
    torch.manual_seed(0)
    target = (torch.rand(2, 1, 3, 4, 5) > 0.7).float()
    found = torch.rand(2, 1, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    (ours,) = torch.autograd.grad(tversky(found, target), found)
    dice = [
        2 * (p * y).sum() / (p + y).sum()
        for p, y in ((found, target), (1 - found, 1 - target))
    ]
    (plain,) = torch.autograd.grad(1 - torch.stack(dice).mean(), found)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-9)


def test_what_nobody_looked_at_changes_neither_loss_nor_gradient():
    generator = torch.Generator().manual_seed(0)
    found, target = torch.rand((2, 2, 3, 4, 4, 4), generator=generator)
    known = torch.ones((2, 1, 4, 4, 4))
    known[0, :, :2] = 0
    other = torch.where(known > 0, target, 1 - target)
    kinds = [
        HeatmapLoss(background_weight=4.0, kind=kind) for kind in get_args(LossKind)
    ]
    kinds.append(HeatmapLoss(background_weight=4.0, over_unknown=True))
    for loss in (*kinds, mean_square, tversky):
        assert loss(found, target, known=known) == loss(found, other, known=known)
        assert loss(found, target) != loss(found, other)
        given = found.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(given, target, known=known), given)
        assert not gradient[0, :, :2].any()
        assert gradient[0, :, 2:].any()


def slope(loss, logit, target, place):
    """The loss's slope by the logit of one voxel."""
    logits = stack(logit).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(logits.sigmoid(), stack(target)), logits)
    return gradient[0, 0, 0, 0, place].item()


def test_cross_entropy_moves_a_sure_false_peak_as_much_as_an_unsure_one():
    squared, entropy = (
        HeatmapLoss(background_weight=4.0, kind=kind)
        for kind in ("reweighted_mse", "reweighted_bce")
    )
    target = [1.0, 0.0, 0.0, 0.0]
    for logit in (2.2, 10.0, 15.0):
        found = slope(entropy, [5.0, logit, -5.0, -5.0], target, 1)
        expected = 4 / 3 * torch.tensor(logit).sigmoid().item()
        assert found == pytest.approx(expected, rel=1e-3)
    unsure, sure = (slope(squared, [5.0, x, -5.0, -5.0], target, 1) for x in (1, 10))
    assert sure < 0.001 * unsure
    assert all(
        torch.isfinite(torch.tensor(slope(entropy, [x, -x, 0.0], [0.0, 1.0, 0.5], 0)))
        for x in (50.0, -50.0)
    )


def test_few_known_voxels_of_background_do_not_weigh_as_much_as_a_patch():
    nothing, found = stack([0.0] * 4), stack([0.5] * 4)
    known = stack([1.0, 0.0, 0.0, 0.0])

    def loss(over_unknown, known):
        which = HeatmapLoss(background_weight=4.0, over_unknown=over_unknown)
        return which(found, nothing, known=known).item()

    assert loss(False, None) == loss(True, None) == pytest.approx(1)
    assert loss(False, known) == pytest.approx(1)
    assert loss(True, known) == pytest.approx(1 / 4)


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_every_loss_is_0_and_least_at_the_target(kind):
    loss = HeatmapLoss(background_weight=4.0, kind=kind)
    target = stack([0.5, 0.9, 0.02, 0.3])
    heatmap = target.clone().requires_grad_()
    value = loss(heatmap, target)
    assert value.item() == pytest.approx(0, abs=1e-6)
    (gradient,) = torch.autograd.grad(value, heatmap)
    assert gradient.abs().max() < 1e-5
    assert loss(target + 0.05, target) > 1e-4


def test_weighted_mse_is_a_mean_over_voxels():
    loss = HeatmapLoss(background_weight=4.0, kind="weighted_mse")
    heatmap, target = stack([0.5, 0.0, 1.0, 0.0]), stack([1.0, 0.0, 0.0, 0.0])
    assert loss(heatmap, target).item() == pytest.approx((1.1 * 0.25 + 0.1) / 4)
    known = stack([1.0, 1.0, 0.0, 0.0])
    assert loss(heatmap, target, known=known).item() == pytest.approx(1.1 * 0.25 / 2)
    assert mean_square(heatmap, target).item() == pytest.approx(1.25 / 4)


def test_the_rim_of_a_particle_does_not_have_the_weight_of_a_whole_one():
    rim, nothing = stack([0.01, 0.0, 0.0, 0.0]), stack([0.0, 0.0, 0.0, 0.0])

    def loss(target, least_mass):
        plain = HeatmapLoss(background_weight=4.0, least_mass=least_mass)
        return plain(nothing, target).item()

    background = 4 * 0.99 * 0.01**2 / 3.99
    assert loss(rim, None) == pytest.approx(0.01**2 + background, rel=1e-3)
    assert loss(rim, (2.0,)) == pytest.approx(0.01**3 / 2 + background, rel=1e-3)
    whole = stack([1.0, 1.0, 1.0, 0.5])
    error = square(nothing, whole)
    # The background is as rare here as the particle was.
    assert loss(whole, (2.0,)) == pytest.approx(3.125 / 3.5 + 4 * 0.125 / 2, rel=1e-3)
    assert reweighted(error, whole, 4.0).item() == loss(whole, None)
