import pytest
import torch

from picker.config import SlicesSettings
from picker.networks.faster_rcnn import SliceFasterRCNN
from picker.training.faster_rcnn import (
    UNCLEAR,
    drawn,
    particle_of_square,
    region_losses,
    square_loss,
)
from picker.training.square_targets import NOTHING

TARGET = torch.tensor(
    [[[0, 0.3, 0.3, 0.2], [1, 0.7, 0.7, 0.2], [-1.0, -1.0, -1.0, -1.0]]]
)
SMALL = SlicesSettings(
    edge=32, context=0, widths=(8, 16), width=16, anchors=(6, 9), proposals=10
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def stands_for(*squares, known=None, background=0.3, best=False):
    found = particle_of_square(
        torch.tensor([squares]), TARGET, background, known, best=best
    )
    return found[0].tolist()


def test_squares_stand_for_what_they_overlap_enough():
    """Shifted by .04 they share 2/3, by .08 3/7, by .15 1/7."""
    at = [[0.3, 0.34, 0.2], [0.7, 0.62, 0.2], [0.3, 0.45, 0.2], [0.9, 0.1, 0.2]]
    assert stands_for(*at) == [0, UNCLEAR, NOTHING, NOTHING]
    assert stands_for(*at, background=0.5) == [0, NOTHING, NOTHING, NOTHING]


def test_the_best_one_stands_for_a_particle_however_little_it_overlaps():
    at = [[0.3, 0.45, 0.2], [0.7, 0.55, 0.2], [0.7, 0.54, 0.2]]
    assert stands_for(*at, best=True) == [0, 1, NOTHING]


def test_where_nobody_looked_nobodys_squares_are_unclear():
    known = torch.ones(1, 20, 20)
    known[:, :, :8] = 0
    at = [[0.3, 0.3, 0.2], [0.9, 0.1, 0.2], [0.1, 0.9, 0.2]]
    assert stands_for(*at, known=known) == [0, UNCLEAR, NOTHING]


def test_of_patches_without_particles_background_is_learned():
    model = SliceFasterRCNN(SMALL, 2)
    patches, target = torch.randn(2, 1, 32, 32), torch.zeros(2, 0, 4)
    found = region_losses(model, patches, target, None, generator())
    assert found["proposal_square_loss"] == found["square_loss"] == 0
    sum(found.values()).backward()
    # Against all particles, for background.
    assert (model.presence.bias.grad > 0).all()
    assert model.scored.bias.grad[0] < 0
    # Several processes wait for each other's gradients of every weight.
    assert all(weight.grad is not None for weight in model.parameters())


def test_particles_are_at_most_a_part_of_what_is_drawn():
    index = torch.full((2, 100), NOTHING)
    index[0, :40], index[1, :3], index[:, 60:70] = 1, 2, UNCLEAR
    chosen = drawn(index, 32, 8, generator())
    for one, of, particles in zip(chosen, index, (8, 3), strict=True):
        assert len(one.unique()) == 32
        assert (of[one] >= 0).sum() == particles
        assert (of[one] != UNCLEAR).all()
    again, other = drawn(index, 32, 8, generator()), drawn(index, 32, 8, generator(1))
    assert torch.equal(chosen, again)
    assert not torch.equal(chosen, other)


def test_with_little_background_more_particles_are_drawn_and_unclear_ones_last():
    index = torch.tensor([[0, 0, 0, NOTHING, UNCLEAR, UNCLEAR]])
    assert (index[0, drawn(index, 4, 1, generator())[0]] != UNCLEAR).all()
    assert len(drawn(index, 9, 1, generator())[0]) == 6


def test_smooth_l1_of_squares_by_hand():
    """Wrong by half a unit along y and by two in size, which counts twice."""
    start = TARGET[:, :2, 1:]
    changes = torch.tensor([[[0.5, 0.0, 2.0], [9.0, 9.0, 9.0]]])
    index = torch.tensor([[0, NOTHING]])
    loss = square_loss(changes, start, TARGET, index)
    assert loss.item() == pytest.approx((0.125 + 2 * 1.5) / 2)
    alone = square_loss(changes, start, TARGET, torch.tensor([[0, UNCLEAR]]))
    assert alone.item() == pytest.approx(0.125 + 2 * 1.5)


def test_the_same_draws_give_the_same_losses():
    torch.manual_seed(0)
    model = SliceFasterRCNN(SMALL, 2)
    patches = torch.randn(1, 1, 32, 32)

    def losses(seed):
        found = region_losses(model, patches, TARGET, None, generator(seed))
        return {name: value.item() for name, value in found.items()}

    assert list(losses(0)) == [
        "proposal_class_loss",
        "proposal_square_loss",
        "class_loss",
        "square_loss",
    ]
    assert losses(0) == losses(0)
    assert losses(0) != losses(1)


def test_known_particles_are_classified_however_bad_proposals_are():
    torch.manual_seed(0)
    model = SliceFasterRCNN(SMALL, 2)
    seen = []
    keep = model.register_forward_hook(lambda *call: seen.append(call[2]))
    region_losses(model, torch.randn(1, 1, 32, 32), TARGET, None, generator())
    keep.remove()
    for square in TARGET[0, :2, 1:]:
        assert (seen[0].regions[0] == square).all(dim=1).any()
