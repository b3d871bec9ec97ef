import math

import pytest
import torch

from picker.config.detr import DenoisingSettings, DetrSettings
from picker.networks.detr.transformer import Answer, DetectionTransformer, Found
from picker.training.detr.denoising import noised_queries
from picker.training.detr.losses import detection_losses, focal_loss, layer_losses
from picker.training.detr.targets import NOTHING, Target, Truth
from picker.training.optimizer import Adam

EIGHTY = math.log(4)
"""The logit of .8."""
SURE_YES, UNSURE_NO = 0.25 * 0.2**2 * -math.log(0.8), 0.75 * 0.2**2 * -math.log(0.8)
SURE_WRONG = 0.75 * 0.8**2 * -math.log(0.2)


def test_focal_loss():
    logits = torch.tensor([EIGHTY, EIGHTY, -EIGHTY])
    loss = focal_loss(logits, torch.tensor([1.0, 0.0, 0.0]))
    assert loss.tolist() == pytest.approx([SURE_YES, SURE_WRONG, UNSURE_NO])


def one_patch():
    """Two queries of two classes: the first is class 0 and .1 away, the second none."""
    logits = torch.tensor([[[EIGHTY, -EIGHTY], [EIGHTY, -EIGHTY]]])
    squares = torch.tensor([[[0.5, 0.5, 0.2], [0.1, 0.9, 0.2]]])
    target = Target(
        particle=torch.tensor([[0, NOTHING]]),
        squares=torch.tensor([[[0.6, 0.5, 0.2], [0.0, 0.0, 0.0]]]),
        counts=torch.tensor([[True, True]]),
    )
    return logits, squares, target


def test_losses_of_a_layer():
    of_class, apart, missed = layer_losses(*one_patch())
    by_hand = SURE_YES + 2 * UNSURE_NO + SURE_WRONG
    assert of_class.item() == pytest.approx(by_hand, rel=1e-5)
    assert apart.item() == pytest.approx(5 * 0.1, rel=1e-5)
    assert missed.item() == pytest.approx(2 * (1 - 1 / 3), rel=1e-5)


def test_losses_are_means_over_particles():
    """Of all patches together, so that a full patch counts as often as it has some."""
    logits, squares, target = one_patch()
    twice = Target(*(torch.cat([part, part]) for part in target))
    both = layer_losses(logits.repeat(2, 1, 1), squares.repeat(2, 1, 1), twice)
    torch.testing.assert_close(both, layer_losses(logits, squares, target))


def test_what_fills_the_batch_does_not_count():
    logits, squares, target = one_patch()
    target = target._replace(counts=torch.tensor([[True, False]]))
    of_class, apart, missed = layer_losses(logits, squares, target)
    assert of_class.item() == pytest.approx(SURE_YES + UNSURE_NO, rel=1e-5)
    assert apart.item() == pytest.approx(0.5, rel=1e-5)
    assert missed.item() == pytest.approx(4 / 3, rel=1e-5)


def test_without_particles_there_is_background_to_learn():
    logits, squares, target = one_patch()
    target = target._replace(particle=torch.full((1, 2), NOTHING))
    of_class, apart, missed = layer_losses(logits, squares, target)
    assert of_class.item() == pytest.approx(2 * SURE_WRONG + 2 * UNSURE_NO, rel=1e-5)
    assert apart.item() == missed.item() == 0


def test_all_layers_and_noised_queries_add_up():
    logits, squares, target = one_patch()
    truth = Truth(torch.tensor([0]), torch.tensor([[0.6, 0.5, 0.2]]))
    found = Found(logits.expand(3, -1, -1, -1), squares.expand(3, -1, -1, -1))
    noised = Found(logits.expand(2, -1, -1, -1), squares.expand(2, -1, -1, -1))
    losses = detection_losses(Answer(found, noised), [truth], target)
    layer = torch.stack(layer_losses(logits, squares, target))
    torch.testing.assert_close(losses["class_loss"], 3 * layer[0])
    torch.testing.assert_close(losses["distance_loss"], 3 * layer[1])
    torch.testing.assert_close(losses["overlap_loss"], 3 * layer[2])
    torch.testing.assert_close(losses["denoising_loss"], 2 * layer.sum())
    assert "denoising_loss" not in detection_losses(Answer(found, None), [truth])


def test_gradients_are_those_of_finite_differences():
    logits, squares, target = one_patch()
    target = target._replace(squares=target.squares.double())
    # Not where a side is the same, for there the distance has a kink.
    squares = (squares + 0.01).double().requires_grad_()

    def by_eye(logits, squares):
        """The same in float64, of which `layer_losses` makes float32."""
        wanted = torch.zeros_like(logits)
        wanted[0, 0, 0] = 1
        return focal_loss(logits, wanted).sum()

    assert torch.autograd.gradcheck(by_eye, (logits.double().requires_grad_(), squares))
    total = sum(layer_losses(logits, squares, target))
    (gradient,) = torch.autograd.grad(total, squares)
    step = 1e-3
    for place in range(3):
        ends = []
        for sign in (-1, 1):
            moved = squares.detach().clone()
            moved[0, 0, place] += sign * step
            ends.append(sum(layer_losses(logits, moved, target)).item())
        slope = (ends[1] - ends[0]) / (2 * step)
        assert gradient[0, 0, place].item() == pytest.approx(slope, rel=2e-2, abs=2e-2)
    assert gradient[0, 1].abs().max() == 0


def test_a_tiny_network_learns_where_the_dots_of_one_patch_are():
    torch.manual_seed(0)
    sizes = DetrSettings(
        channels=1,
        widths=(8, 16),
        levels=2,
        width=32,
        feedforward=32,
        heads=2,
        queries=6,
    )
    model = DetectionTransformer(sizes, 1)
    patch = torch.zeros(1, 1, 32, 32)
    squares = torch.tensor([[0.25, 0.25, 0.2], [0.6, 0.7, 0.2]])
    for y, x in (squares[:, :2] * 32).int().tolist():
        patch[0, 0, y - 3 : y + 3, x - 3 : x + 3] = -3
    truths = [Truth(torch.zeros(2, dtype=torch.long), squares)]
    optimizer, generator = Adam(model.parameters(), 0.0), torch.Generator()
    for _ in range(120):
        queries, target = noised_queries(
            truths, 1, DenoisingSettings(number=4), generator
        )
        losses = detection_losses(model(patch, queries), truths, target)
        model.zero_grad()
        sum(losses.values()).backward()
        optimizer.step(2e-3)
    logits, found = (part[-1, 0] for part in model(patch).found)
    best = logits[:, 0].argsort(descending=True)
    first, second = found[best[:2]]
    ordered = torch.stack([first, second] if first[0] < second[0] else [second, first])
    torch.testing.assert_close(ordered, squares, atol=0.04, rtol=0)
    assert logits[best[1]].item() > logits[best[2]].item() + 1
