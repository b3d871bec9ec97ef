import pytest
import torch

from picker.config.detr import DetrSettings
from picker.networks.detr.attention import DeformableAttention
from picker.networks.detr.layers import logit, waves

ONE_HEAD = DetrSettings(widths=(8, 8), levels=2, width=8, heads=1, points=1)


def looking_at(*place):
    """Return attention that copies what one point of one head sees on both levels."""
    attention = DeformableAttention(ONE_HEAD)
    with torch.no_grad():
        attention.places.bias.copy_(torch.tensor(place * 2))
        for layer in (attention.values, attention.out):
            layer.weight.copy_(torch.eye(8))
            layer.bias.zero_()
    return attention


def ramp(num_y, num_x):
    """Return tokens whose channels are y, x of their pixels' centres, then zeros."""
    y, x = ((torch.arange(n) + 0.5) / n for n in (num_y, num_x))
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).flatten(0, 1)
    return torch.nn.functional.pad(grid, (0, 6))[None]


@pytest.mark.parametrize("place", [(0.0, 0.0), (1.0, 0.0), (-0.5, 1.0)])
def test_a_point_lies_at_a_fraction_of_half_the_side_from_the_centre(place):
    """Between pixels too: features rise linearly, so interpolated ones are exact."""
    tokens = torch.cat([ramp(16, 16), ramp(8, 8)], dim=1)
    centre, side = torch.tensor([0.4, 0.55]), 0.3
    square = torch.tensor([[[*centre, side]]])
    seen = looking_at(*place)(torch.zeros(1, 1, 8), square, tokens, [(16, 16), (8, 8)])
    wanted = centre + torch.tensor(place) * side / 2
    torch.testing.assert_close(seen[0, 0, :2], wanted)


def test_beyond_the_patch_there_is_nothing():
    tokens = torch.ones(1, 20, 8)
    square = torch.tensor([[[0.5, 0.5, 0.4]]])
    seen = looking_at(5.0, 0.0)(torch.zeros(1, 1, 8), square, tokens, [(4, 4), (2, 2)])
    assert seen.abs().max() == 0


def test_heads_begin_with_directions_of_their_own():
    settings = DetrSettings(width=16, heads=4, points=2, levels=1, widths=(8,))
    places = DeformableAttention(settings).places.bias.view(4, 1, 2, 2)
    directions = torch.tensor([[0, 1], [1, 0], [0, -1], [-1, 0]]).float()
    torch.testing.assert_close(places[:, 0, 1], directions, atol=1e-6, rtol=0)
    torch.testing.assert_close(places[:, 0, 0], directions / 2, atol=1e-6, rtol=0)


def test_heads_see_with_channels_of_their_own():
    settings = DetrSettings(width=16, heads=2, points=2, levels=1, widths=(8,))
    attention = DeformableAttention(settings)
    with torch.no_grad():
        attention.out.weight.copy_(torch.eye(16))
    tokens = torch.randn(1, 16, 16, requires_grad=True)
    square = torch.tensor([[[0.5, 0.5, 0.4]]])
    seen = attention(torch.zeros(1, 1, 16), square, tokens, [(4, 4)])
    # The second head's weights, moved, change the second half of the channels alone.
    with torch.no_grad():
        attention.weights.bias[2] += 3.0
    moved = attention(torch.zeros(1, 1, 16), square, tokens, [(4, 4)])
    torch.testing.assert_close(moved[..., :8], seen[..., :8])
    assert (moved[..., 8:] - seen[..., 8:]).abs().max() > 1e-3


def test_gradients_are_those_of_finite_differences():
    attention = DeformableAttention(ONE_HEAD).double()
    torch.nn.init.normal_(attention.places.weight, std=0.1)
    torch.nn.init.normal_(attention.weights.weight, std=0.1)
    queries, tokens = (
        torch.randn(1, n, 8, dtype=torch.float64, requires_grad=True) for n in (3, 20)
    )
    squares = torch.rand(1, 3, 3, dtype=torch.float64) * 0.3 + 0.3
    assert torch.autograd.gradcheck(
        lambda *given: attention(*given, [(4, 4), (2, 2)]),
        (queries, squares.requires_grad_(), tokens),
    )


def test_waves_tell_places_apart_that_are_a_hundredth_of_the_edge_apart():
    places = torch.linspace(0, 1, 101)[:, None]
    written = waves(places, 32)
    assert written.shape == (101, 32)
    apart = torch.cdist(written, written)
    assert apart.fill_diagonal_(torch.inf).min() > 0.5


def test_logit_of_a_square_is_finite_and_undone_by_the_sigmoid():
    squares = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert logit(squares).isfinite().all()
    torch.testing.assert_close(logit(squares).sigmoid(), squares, atol=2e-4, rtol=0)
