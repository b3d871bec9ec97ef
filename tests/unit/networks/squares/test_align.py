import torch

from picker.networks.squares.align import aligned


def test_bins_have_the_means_of_their_parts_of_a_square():
    """Features that grow along y and x, of which a mean is the value in the middle."""
    at = (torch.arange(16) + 0.5) / 16
    features = torch.stack(torch.meshgrid(at, at, indexing="ij"))[None].repeat(
        2, 1, 1, 1
    )
    squares = torch.tensor([[[0.5, 0.4, 0.4], [0.3, 0.6, 0.1]]]).repeat(2, 1, 1)
    seen = aligned(features, squares, 4)
    assert seen.shape == (2, 2, 2, 4, 4)
    middles = (torch.arange(4) + 0.5) / 4 - 0.5
    for number, (y, x, side) in enumerate(squares[0].tolist()):
        for part in seen[:, number]:
            torch.testing.assert_close(part[0][:, 2], y + side * middles)
            torch.testing.assert_close(part[1][2], x + side * middles)


def test_each_patch_gives_features_of_its_own_squares():
    features = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    squares = torch.tensor([0.5, 0.5, 0.3]).expand(2, 3, 3)
    seen = aligned(features, squares, 2)
    assert (seen[0] == 0).all()
    torch.testing.assert_close(seen[1], torch.ones(3, 1, 2, 2))


def test_beyond_the_patch_there_is_nothing():
    squares = torch.tensor([[[1.5, 0.5, 0.5]]])
    assert aligned(torch.ones(1, 1, 8, 8), squares, 2).abs().max() == 0
