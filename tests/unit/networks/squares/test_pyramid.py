import torch

from picker.networks.squares.pyramid import FeaturePyramid2D


def test_the_finest_level_sees_what_the_coarsest_does():
    torch.manual_seed(0)
    pyramid = FeaturePyramid2D((8, 16, 24), 16)
    stages = [torch.randn(1, 8, 16, 16), torch.randn(1, 16, 8, 8)]
    stages += [torch.randn(1, 24, 4, 4, requires_grad=True)]
    features = pyramid(stages)
    assert features.shape == (1, 16, 16, 16)
    (gradient,) = torch.autograd.grad(features.sum(), stages[-1])
    assert gradient.abs().max() > 0


def test_coarse_features_lie_over_the_fine_ones_of_the_same_place():
    pyramid = FeaturePyramid2D((8, 8), 8)
    for layer in pyramid.lateral:
        torch.nn.init.eye_(layer.weight[:, :, 0, 0])
        torch.nn.init.zeros_(layer.bias)
    pyramid.smooth = torch.nn.Identity()
    coarse = torch.zeros(1, 8, 4, 4)
    coarse[..., 1, 2] = 1
    fine = pyramid([torch.zeros(1, 8, 8, 8), coarse])
    assert fine[0, 0].nonzero().tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
