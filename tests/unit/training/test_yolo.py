import pytest
import torch

from picker.config import SlicesSettings
from picker.networks.squares.places import place_squares
from picker.networks.yolo import CELLS, SliceYolo, YoloAnswer
from picker.training.slices import NOTHING
from picker.training.yolo import particle_of_place, yolo_losses

FILLER = [float(NOTHING)] * 4
SURE = 12.0
PLACES = torch.cat([place_squares(n, CELLS / n, torch.device("cpu")) for n in (16, 8)])
"""Of two levels of a patch of 64 pixels; squares begin with 16 and with 32 pixels."""


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


def test_a_large_particle_is_on_the_coarse_level():
    index = particle_of_place(PLACES, target([0, 28.0, 20.0, 30.0]))
    assert (index[:256] == NOTHING).all()
    assert pixels(index, 0) == [[y, x] for y in (20, 28, 36) for x in (12, 20, 28)]


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


def test_of_patches_without_particles_background_is_learned():
    model = SliceYolo(SlicesSettings(edge=32, context=0, widths=(8, 16), width=16), 2)
    patches = torch.randn(2, 1, 32, 32)
    found = yolo_losses(model, patches, torch.zeros(2, 0, 4), None, None)
    assert found["presence_loss"] > 0
    assert found["class_loss"] == found["square_loss"] == 0
    sum(found.values()).backward()
    assert model.presence.bias.grad.item() > 0


def losses(known=None, wrong=0, **changes):
    """Return the losses of a right answer of one particle of class 1, and `wrong` more.

    What is wrong lies in the first row of places.
    """
    truth = target([1, 30.0, 18.0, 14.0])[None]
    index = particle_of_place(PLACES, truth[0])
    presence = torch.where(index == 0, SURE, -SURE)
    presence[:wrong] = SURE
    logits = torch.tensor([-SURE, SURE]).expand(len(PLACES), 2)
    answer = YoloAnswer(
        presence=presence[None],
        logits=logits[None],
        squares=truth[:, :1, 1:].expand(1, len(PLACES), 3),
        places=PLACES,
    )._replace(**changes)
    found = yolo_losses(lambda _: answer, torch.zeros(0), truth, known, None)
    return {name: value.item() for name, value in found.items()}


def test_a_right_answer_has_no_loss():
    assert all(value < 1e-2 for value in losses().values())


def test_losses_are_per_place_of_a_particle():
    """Nine places: what is wrong at two of those without particle costs two ninths."""
    assert losses(wrong=2)["presence_loss"] == pytest.approx(2 * SURE / 9, rel=1e-3)


def test_where_nobody_looked_nothing_found_is_wrong():
    known = torch.ones(1, 64, 64)
    known[:, :4] = 0
    assert losses(known, wrong=2)["presence_loss"] < 1e-2
    # But what is known to be there counts anywhere.
    nowhere, lost = torch.zeros(1, 64, 64), torch.full((1, len(PLACES)), -SURE)
    found = losses(nowhere, presence=lost)
    assert found["presence_loss"] == pytest.approx(SURE, rel=1e-3)


def test_a_class_is_as_sure_as_its_square_is_right():
    """Squares of half the side share a quarter: the class's score should be so."""
    half = target([1, 30.0, 18.0, 7.0])[None, :, 1:].expand(1, len(PLACES), 3)
    quarter = torch.full((1, len(PLACES), 2), -SURE)
    quarter[..., 1] = torch.tensor(0.25).logit()
    found = losses(squares=half, logits=quarter)
    entropy = -(0.25 * torch.tensor(0.25).log() + 0.75 * torch.tensor(0.75).log())
    assert found["class_loss"] == pytest.approx(entropy.item(), rel=1e-3)
    assert found["square_loss"] == pytest.approx(5 * 0.75, rel=1e-3)
