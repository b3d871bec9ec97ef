import numpy as np
import pytest
import torch
from scipy import ndimage

from picker.training.augment import (
    Changes,
    apply_symmetry,
    blurred,
    changed,
    draw_blocks,
    draw_changes,
    dropblock,
    gaussians,
)


def hidden(patch, rate, size, rng):
    """A patch some blocks of which are hidden."""
    blocks = draw_blocks(patch.shape[1:], rate, size, rng)
    return dropblock(patch, torch.from_numpy(blocks))


def weights(patch, *sigma):
    return gaussians(patch.shape[1:], torch.tensor(sigma).reshape(-1, 3))


def augmented(patch, probability, rng, **more):
    """A patch of another intensity."""
    changes = draw_changes(probability, rng, **more)
    return changed(patch, changes, weights(patch, *changes.sigma))


@pytest.mark.parametrize(("rate", "size"), [(0.1, 3), (0.3, 3), (0.1, 5)])
def test_dropblock_hides_the_asked_fraction_in_blocks(rate, size):
    patch = torch.randn(1, 32, 40, 48)
    occluded = hidden(patch, rate, size, np.random.default_rng(0)) != patch
    assert occluded.float().mean().item() == pytest.approx(rate, rel=0.25)
    # a voxel inside a block has occluded neighbours far more often than by chance
    beside = occluded[:, 1:] & occluded[:, :-1]
    assert beside.sum() > 0.5 * occluded.sum()


def test_dropblock_hides_faces_as_often_as_the_inside():
    patch = torch.randn(1, 12, 12, 12)
    rng = np.random.default_rng(0)
    covered = sum((hidden(patch, 0.2, 5, rng) != patch).float() for _ in range(300))
    corner, inside = covered[0, :2, :2, :2].mean(), covered[0, 4:8, 4:8, 4:8].mean()
    assert corner.item() / 300 == pytest.approx(0.2, abs=0.03)
    assert inside.item() / 300 == pytest.approx(0.2, abs=0.03)


def test_dropblock_off_changes_nothing():
    patch = torch.randn(1, 8, 8, 8)
    assert torch.equal(hidden(patch, 0.0, 3, np.random.default_rng(0)), patch)


def test_same_seed_same_view():
    patch = torch.randn(1, 12, 20, 28)
    views = [augmented(patch, 0.9, np.random.default_rng(s)) for s in (3, 3, 4)]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert views[0].shape == patch.shape


def test_probability_zero_changes_nothing():
    patch = torch.randn(1, 12, 20, 28)
    rng = np.random.default_rng(0)
    assert torch.equal(augmented(patch, 0.0, rng), patch)


def test_intensity_changes_are_as_strong_as_they_say():
    """Scale, shift and contrast of a ramp; blur and noise have tests of their own."""
    patch = torch.linspace(-3, 3, 24 * 28 * 32).reshape(1, 24, 28, 32)
    rngs = (np.random.default_rng(seed) for seed in range(300))
    changed = [augmented(patch, 0.5, rng) for rng in rngs]
    spreads = [(one.std() / patch.std()).item() for one in changed]
    assert 0.5 < min(spreads) < 0.75
    assert 1.3 < max(spreads) < 1.6
    assert np.mean(spreads) == pytest.approx(1, abs=0.05)
    same = np.mean([torch.equal(one, patch) for one in changed])
    assert same == pytest.approx((1 - 0.5) ** 5 * (1 - 0.25), abs=0.02)


@pytest.mark.parametrize("sigma", [(0.3, 0.7, 1.2), (1.2, 0.5, 0.3)])
def test_blur_is_a_gaussian_filter(sigma):
    patch = np.random.default_rng(0).standard_normal((1, 20, 24, 28)).astype(np.float32)
    expected = ndimage.gaussian_filter(patch[0], sigma, truncate=6)
    found = torch.from_numpy(patch)
    found = blurred(found, *weights(found, sigma))[0].numpy()
    inside = (slice(8, -8),) * 3
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-5)


def test_blur_keeps_a_constant_up_to_the_faces():
    patch = torch.full((1, 5, 9, 4), 2.5)
    smooth = blurred(patch, *weights(patch, (0.5, 3.0, 1.0)))
    torch.testing.assert_close(smooth, patch)


def test_symmetry_moves_patch_and_target_alike():
    volume = np.zeros((1, 8, 12, 12), np.float32)
    volume[0, 1, 2, 3] = 1
    flips = np.array([True, False, True])
    moved = apply_symmetry(volume, flips, 1)
    # a quarter turn takes (y, x) to (11 - x, y); then z and x are flipped
    assert moved[0, 6, 8, 9] == 1
    assert moved.sum() == 1


def test_a_patch_gets_back_its_own_mean_and_spread():
    patch = 0.4 + 0.6 * torch.randn(1, 12, 20, 28)
    for seed in range(20):
        plain, restored = (
            augmented(
                patch, 0.9, np.random.default_rng(seed), restandardise=restandardise
            )
            for restandardise in (False, True)
        )
        assert restored.mean().item() == pytest.approx(patch.mean().item(), abs=1e-4)
        assert restored.std().item() == pytest.approx(patch.std().item(), rel=1e-3)
        # It is the changed patch all the same.
        both = torch.stack([plain.flatten(), restored.flatten()])
        assert torch.corrcoef(both)[0, 1].item() == pytest.approx(1, abs=1e-4)
    rng = np.random.default_rng(0)
    assert torch.equal(augmented(patch, 0.0, rng, restandardise=True), patch)


def test_weights_of_many_blurs_are_those_of_each():
    patch = torch.randn(1, 12, 20, 28)
    sigma = [(0.3, 0.7, 1.2), (1.0, 0.5, 0.4), (0.5, 0.5, 0.5)]
    for one, together in zip(sigma, weights(patch, *sigma), strict=True):
        (alone,) = weights(patch, one)
        assert all(map(torch.equal, alone, together))


def test_noise_is_white_and_as_strong_as_it_says():
    patch = torch.randn(1, 24, 32, 32)
    noise = [
        changed(patch, Changes(noise=(0.4, seed)), iter(())) - patch
        for seed in (1, 1, 2)
    ]
    assert torch.equal(noise[0], noise[1])
    for one in (noise[0], noise[2]):
        assert one.std().item() == pytest.approx(0.4, rel=0.02)
    power = torch.fft.fftn(noise[0]).abs().square().flatten()
    parts = [part.mean().item() for part in power.chunk(8)]
    assert max(parts) < 1.1 * min(parts)
    both = torch.stack([noise[0].flatten(), noise[2].flatten()])
    assert abs(torch.corrcoef(both)[0, 1].item()) < 0.03
