import numpy as np
import pytest
import torch

from picker.augment import (
    apply_symmetry,
    augment_intensity,
    dropblock,
    intensity_augmentation,
)


@pytest.mark.parametrize(("rate", "size"), [(0.1, 3), (0.3, 3), (0.1, 5)])
def test_dropblock_hides_the_asked_fraction_in_blocks(rate, size):
    patch = torch.randn(1, 32, 40, 48)
    occluded = dropblock(patch, rate, size, np.random.default_rng(0)) != patch
    assert occluded.float().mean().item() == pytest.approx(rate, rel=0.25)
    # a voxel inside a block has occluded neighbours far more often than by chance
    beside = occluded[:, 1:] & occluded[:, :-1]
    assert beside.sum() > 0.5 * occluded.sum()


def test_dropblock_off_changes_nothing():
    patch = torch.randn(1, 8, 8, 8)
    assert torch.equal(dropblock(patch, 0.0, 3, np.random.default_rng(0)), patch)


def test_same_seed_same_view():
    patch = torch.randn(1, 12, 20, 28)
    views = [
        augment_intensity(patch, intensity_augmentation(0.9), np.random.default_rng(s))
        for s in (3, 3, 4)
    ]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert views[0].shape == patch.shape


def test_probability_zero_changes_nothing():
    patch = torch.randn(1, 12, 20, 28)
    rng = np.random.default_rng(0)
    assert torch.equal(
        augment_intensity(patch, intensity_augmentation(0.0), rng), patch
    )


def test_symmetry_moves_patch_and_target_alike():
    volume = np.zeros((1, 8, 12, 12), np.float32)
    volume[0, 1, 2, 3] = 1
    flips = np.array([True, False, True])
    moved = apply_symmetry(volume, flips, 1)
    # a quarter turn takes (y, x) to (11 - x, y); then z and x are flipped
    assert moved[0, 6, 8, 9] == 1
    assert moved.sum() == 1
