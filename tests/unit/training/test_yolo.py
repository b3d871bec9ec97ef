import math

import pytest
import torch

from picker.config import SlicesSettings
from picker.networks.squares.places import place_squares
from picker.networks.yolo import CELLS, SliceYolo, YoloAnswer
from picker.training.square_targets import NOTHING
from picker.training.yolo import (
    BACKGROUND,
    SIGMA,
    heat_of_places,
    particle_of_place,
    yolo_losses,
)

FILLER = [float(NOTHING)] * 4
PLACES = place_squares(16, CELLS / 16, torch.device("cpu"))
"""Of a patch of 64 pixels: one every 4 pixels."""


def target(*rows):
    """Return classes and squares of one patch, given in pixels."""
    scale = torch.tensor([1.0, 64.0, 64.0, 64.0])
    return torch.tensor(rows).reshape(-1, 4) / scale


def pixels(index, number):
    """Return the centres of a particle's places [pixels]."""
    return (64 * PLACES[index == number, :2]).tolist()


def test_a_particle_has_the_places_about_its_centre():
    index = particle_of_place(PLACES, target([0, 30.0, 18.0, 14.0]))
    assert pixels(index, 0) == [[y, x] for y in (26, 30, 34) for x in (14, 18, 22)]


def test_of_two_particles_the_nearer_one_has_a_place():
    two = target([0, 30.0, 18.0, 14.0], [1, 30.0, 26.0, 14.0])
    index = particle_of_place(PLACES, two)
    assert [30.0, 18.0] in pixels(index, 0)
    assert [30.0, 26.0] in pixels(index, 1)
    assert len(pixels(index, 0)) + len(pixels(index, 1)) == 15


def test_what_fills_a_batch_has_no_place():
    with_filler = torch.cat([target([1, 30.0, 18.0, 14.0]), torch.tensor([FILLER])])
    index = particle_of_place(PLACES, with_filler)
    assert set(index.tolist()) == {NOTHING, 0}
    assert (particle_of_place(PLACES, torch.tensor([FILLER])) == NOTHING).all()
    assert (heat_of_places(PLACES, torch.tensor([[FILLER]]), 2) == 0).all()


def test_heat_is_a_gaussian_of_the_disc_on_the_map_of_its_class():
    # The second is twice as wide, and its centre one place to the right.
    heat = heat_of_places(
        PLACES, target([0, 30.0, 18.0, 14.0], [1, 30.0, 22.0, 28.0])[None], 3
    )[0].view(16, 16, 3)
    beside = 4 / (SIGMA * 7)
    assert heat[7, 4, 0] == heat[7, 5, 1] == 1
    assert heat[7, 5, 0].item() == pytest.approx(math.exp(-(beside**2) / 2))
    assert heat[7, 6, 1].item() == pytest.approx(math.exp(-(beside**2) / 8))
    assert (heat[..., 2] == 0).all()


def test_a_small_disc_between_places_has_heat():
    heat = heat_of_places(PLACES, target([0, 32.0, 32.0, 4.0])[None], 1)
    assert heat.max().item() == pytest.approx(math.exp(-1), rel=1e-3)


def test_of_patches_without_particles_background_is_learned():
    widths = (8, 16, 16)
    model = SliceYolo(SlicesSettings(edge=32, context=0, widths=widths, width=16), 2)
    patches = torch.randn(2, 1, 32, 32)
    found = yolo_losses(model, patches, torch.zeros(2, 0, 4), None, None)
    assert found["presence_loss"] > 0
    assert found["square_loss"] == 0
    sum(found.values()).backward()
    assert (model.scored.bias.grad > 0).all()
    # Several processes wait for each other's gradients of every weight.
    assert all(weight.grad is not None for weight in model.parameters())


def losses(known=None, wrong=0, **changes):
    """Return the losses of a right answer of one particle of class 1, and `wrong` more.

    What is wrong lies in the first row of places, and is of class 1 too.
    """
    truth = target([1, 30.0, 18.0, 14.0])[None]
    heat = heat_of_places(PLACES, truth, 2)
    heat[0, :wrong, 1] = 1
    answer = YoloAnswer(
        logits=heat.logit(eps=1e-6),
        squares=truth[:, :1, 1:].expand(1, len(PLACES), 3),
        places=PLACES,
    )._replace(**changes)
    found = yolo_losses(lambda _: answer, torch.zeros(0), truth, known, None)
    return {name: value.item() for name, value in found.items()}


def test_a_right_answer_has_no_loss():
    assert all(value < 1e-5 for value in losses().values())


def test_presence_is_a_mean_over_classes_of_their_places():
    """Of class 1 two of all places are wrong, of class 0 none."""
    truth = target([1, 30.0, 18.0, 14.0])[None]
    empty = len(PLACES) - heat_of_places(PLACES, truth, 2)[..., 1].sum().item()
    wanted = BACKGROUND * 2 / empty / 2
    assert losses(wrong=2)["presence_loss"] == pytest.approx(wanted, rel=1e-3)


def test_where_nobody_looked_nothing_found_is_wrong():
    known = torch.ones(1, 64, 64)
    known[:, :4] = 0
    assert losses(known, wrong=2)["presence_loss"] < 1e-5
    # But what is known to be there counts anywhere.
    nowhere, lost = torch.zeros(1, 64, 64), torch.full((1, len(PLACES), 2), -20.0)
    assert losses(nowhere, logits=lost)["presence_loss"] > 0.3


def test_squares_cost_what_they_do_not_share():
    """Of half the side, within it, a quarter is shared."""
    half = target([1, 30.0, 18.0, 7.0])[None, :, 1:].expand(1, len(PLACES), 3)
    assert losses(squares=half)["square_loss"] == pytest.approx(0.75, rel=1e-3)
