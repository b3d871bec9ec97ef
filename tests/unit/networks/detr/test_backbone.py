import torch

from picker.config.detr import DetrSettings
from picker.networks.detr.backbone import Pyramid


def test_levels_are_the_last_stages_the_finest_first():
    settings = DetrSettings(
        channels=1, widths=(8, 16, 24), levels=2, width=32, blocks=2
    )
    maps = Pyramid(settings)(torch.randn(2, 1, 64, 64))
    assert [level.shape for level in maps] == [(2, 32, 8, 8), (2, 32, 4, 4)]
    assert settings.alignment == 16


def test_patches_of_a_batch_do_not_influence_each_other():
    pyramid = Pyramid(DetrSettings(channels=1)).train()
    patches = torch.randn(2, 1, 32, 32)
    for both, alone in zip(pyramid(patches), pyramid(patches[:1]), strict=True):
        torch.testing.assert_close(both[:1], alone, rtol=1e-4, atol=1e-5)
