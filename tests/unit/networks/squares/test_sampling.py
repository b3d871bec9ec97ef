import pytest
import torch

from picker.networks.squares.sampling import gathered, sampled


def drawn():
    """Return an image of odd size and places inside, at its edges and beyond."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    places = torch.rand(2, 40, 4, 2, generator=generator, dtype=torch.float64)
    return image, places * 1.6 - 0.3


@pytest.mark.parametrize("how", [sampled, gathered])
def test_features_of_single_pixels_and_of_the_middle_between_them(how):
    image = torch.arange(6.0).reshape(1, 1, 2, 3)
    places = torch.tensor([[0.25, 0.5 / 3], [0.75, 2.5 / 3], [0.5, 0.5]])
    seen = how(image, places[None, :, None])
    assert seen.flatten().tolist() == pytest.approx([0.0, 5.0, 2.5], abs=1e-6)


@pytest.mark.parametrize("how", [sampled, gathered])
def test_the_edge_fades_into_zeros(how):
    image = torch.ones(1, 1, 4, 4)
    places = torch.tensor([[0.5, 0.0], [0.0, 1.0], [0.5, -0.2]])
    seen = how(image, places[None, :, None])
    assert seen.flatten().tolist() == pytest.approx([0.5, 0.25, 0.0], abs=1e-6)


def test_picking_pixels_gives_the_same_features_and_gradients():
    answers = []
    for how in (sampled, gathered):
        image, places = (part.requires_grad_() for part in drawn())
        seen = how(image, places)
        assert seen.shape == (2, 3, 40, 4)
        answers.append((seen, *torch.autograd.grad((seen**2).sum(), (image, places))))
    for one, other in zip(*answers, strict=True):
        torch.testing.assert_close(one, other)
