import pytest
import torch

from picker.networks.squares.overlap import generalised_overlap
from picker.networks.squares.overlap import overlap as plain_overlap


def overlap(one, other):
    return generalised_overlap(torch.tensor(one), torch.tensor(other)).item()


def test_the_same_square():
    assert overlap([0.5, 0.5, 0.2], [0.5, 0.5, 0.2]) == pytest.approx(1)


def test_squares_that_overlap():
    """Corners 0, 0 to 2, 2 and 1, 1 to 3, 3: 1 of 7 in common, 2 of 9 in none."""
    assert overlap([1.0, 1.0, 2.0], [2.0, 2.0, 2.0]) == pytest.approx(1 / 7 - 2 / 9)


def test_squares_that_miss():
    """Side by side with a gap of their side between: a third of what is around both."""
    assert overlap([0.5, 0.5, 1.0], [0.5, 2.5, 1.0]) == pytest.approx(-1 / 3)


def test_a_square_inside_another():
    assert overlap([1.0, 1.0, 2.0], [1.2, 0.9, 1.0]) == pytest.approx(1 / 4)


def test_all_pairs():
    one, other = torch.rand(3, 3) + 0.1, torch.rand(5, 3) + 0.1
    pairs = generalised_overlap(one[:, None], other[None])
    assert pairs.shape == (3, 5)
    assert pairs[1, 2] == generalised_overlap(one[1], other[2])


def test_gradients_are_those_of_finite_differences():
    one = torch.tensor([[0.3, 0.4, 0.2], [0.1, 0.8, 0.1]]).double()
    other = torch.tensor([[0.35, 0.37, 0.25], [0.6, 0.2, 0.2]]).double()
    assert torch.autograd.gradcheck(
        generalised_overlap, (one.requires_grad_(), other.requires_grad_())
    )


def test_intersection_over_union():
    one = torch.tensor([1.0, 1.0, 2.0])
    others = torch.tensor([[2.0, 2.0, 2.0], [1.0, 1.0, 2.0], [5.0, 1.0, 2.0]])
    torch.testing.assert_close(plain_overlap(one, others), torch.tensor([1 / 7, 1, 0]))
