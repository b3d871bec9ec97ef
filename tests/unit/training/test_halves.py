"""Patches of halves, and patches with the noise of halves on top."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage

from picker.config import AugmentSettings, CoTrainSettings, TrainSettings
from picker.encodings.heatmap import Gaussians
from picker.training import loop
from picker.training.checkpoint import load_checkpoint
from picker.training.co_training import CoTraining
from picker.training.patches import PatchDataset
from picker.training.source import Noise, PatchSource
from tests.unit.training.test_loop import (
    SHARED,
    KillAfter,
    Killed,
    blobs,
    small_model,
    unlabeled,
)

SHAPE = (32, 44, 52)
BARE = AugmentSettings(intensity=0, labeled_intensity=False, dropblock=False)


def source(seed=0, spread=1.0, noise=True):
    """White noise, and of its halves noise that is smooth along x."""
    rng = np.random.default_rng(seed)
    volume, more = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    more = ndimage.uniform_filter1d(more, 4, axis=2, mode="wrap")
    more *= spread / more.std()
    return PatchSource(
        name=f"t{seed}",
        volume=volume,
        index_zyx=np.array([[9.0, 9, 9], [20, 30, 40]]),
        particle=np.zeros(2, np.int64),
        radius=np.array([4.0]),
        noise=Noise(more, spread) if noise else None,
    )


def dataset(labeled, unlabeled=(), halves="none", **augment):
    settings = TrainSettings(
        patch_zyx=(24, 32, 32),
        batch_size=4,
        augment=BARE.model_copy(update={"rotate": False, **augment}),
    )
    return PatchDataset(labeled, unlabeled, settings, "s", Gaussians(), halves=halves)


def pairs(one, other, names):
    """Yield patches of the same place with and without something."""
    for step in range(8):
        for a, b in zip(
            getattr(one[step], names[0]), getattr(other[step], names[1]), strict=True
        ):
            yield a[0].numpy(), b[0].numpy()


def corrcoef(one, other):
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_teacher_and_student_see_opposite_halves():
    both = [source()], [source(1)]
    data, plain = dataset(*both, "opposite"), dataset(*both)
    alike = [corrcoef(a, b) for a, b in pairs(data, data, ("weak", "strong"))]
    # The tomogram has noise alone: in its halves it is independent.
    assert np.max(np.abs(alike)) < 0.1
    signs = set()
    noise = both[1][0].noise.volume
    for weak, whole in pairs(data, plain, ("weak", "weak")):
        assert weak.std() == pytest.approx(1, abs=0.05)
        added = 2**0.5 * weak - whole
        assert added.std() == pytest.approx(1, abs=0.05)
        signs.add(bool(np.isclose(noise, added[0, 0, 0], atol=1e-6).any()))
    for strong, whole in pairs(data, plain, ("strong", "weak")):
        assert (2**0.5 * strong - whole).std() == pytest.approx(1, abs=0.05)
    assert signs == {True, False}


def test_mixtures_are_opposite_too():
    both = [source()], [source(1)]
    data, plain = dataset(*both, "mixed"), dataset(*both)
    means, alike = [], []
    for step in range(8):
        batch, whole = data[step], plain[step].weak
        for weak, strong, one in zip(batch.weak, batch.strong, whole, strict=True):
            total = (weak + strong).numpy()
            means.append(corrcoef(total, one.numpy()))
            alike.append(corrcoef(weak.numpy(), strong.numpy()))
            assert weak.std().item() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(means, 1, atol=1e-6)
    assert min(alike) < 0.3
    assert max(alike) > 0.9


def test_tomograms_without_halves_and_labeled_patches_stay_as_they_are():
    both = [source()], [source(1), source(2, noise=False)]
    data, plain = dataset(*both, "opposite"), dataset(*both)
    same = [np.array_equal(a, b) for a, b in pairs(data, plain, ("weak", "weak"))]
    assert 4 < sum(same) < 28
    assert all(np.array_equal(*p) for p in pairs(data, plain, ("labeled", "labeled")))


def added_noise(data, plain, names=("labeled", "labeled")):
    """Return what was added to each patch, and patches with it."""
    found, noisy = [], []
    for patch, whole in pairs(data, plain, names):
        part = float((patch * whole).mean() / (whole**2).mean())
        found.append(patch / part - whole)
        noisy.append(patch)
    return found, noisy


@pytest.mark.parametrize("names", [("labeled", "labeled"), ("strong", "weak")])
def test_patches_get_noise_of_the_bank_and_keep_their_spread(names):
    both = [source(spread=0.8, noise=False)], [source(1, spread=0.8)]
    data = dataset(*both, real_noise=1.0, real_noise_factor=1.5)
    found, noisy = added_noise(data, dataset(*both), names)
    for patch in noisy:
        assert patch.std() == pytest.approx(1, abs=0.05)
    factors = np.array([added.std() for added in found]) / 0.8
    assert 0.4 < factors.mean() < 1.1
    assert factors.min() < 0.4
    assert 1.2 < factors.max() < 1.65
    strongest = found[int(factors.argmax())]
    power = np.abs(np.fft.fftn(strongest)) ** 2
    by_x = power.mean(axis=(0, 1))[:17]
    by_z = power.mean(axis=(1, 2))[:13]
    assert by_x[8] < 0.1 * by_x[1]  # as smooth along x as the bank
    assert 0.7 < by_z[12] / by_z[2:].mean() < 1.4


def test_the_teacher_gets_no_noise_of_the_bank_and_half_of_the_patches_do():
    both = [source()], [source(1)]
    data, plain = dataset(*both, real_noise=0.5), dataset(*both)
    assert all(np.array_equal(*p) for p in pairs(data, plain, ("weak", "weak")))
    same = [np.array_equal(*p) for p in pairs(data, plain, ("labeled", "labeled"))]
    assert 8 < sum(same) < 24


def test_noise_is_as_strong_as_in_its_own_tomogram():
    few = [source(noise=False)]
    strength = {}
    for spread in (0.2, 2.0):
        both = few, [source(3, spread=spread)]
        data = dataset(*both, real_noise=1.0)
        found, _ = added_noise(data, dataset(*both))
        strength[spread] = np.array([added.std() for added in found])
    np.testing.assert_allclose(strength[2.0], 10 * strength[0.2], rtol=0.05)


def test_noise_is_turned_only_where_patches_are():
    both = [source(noise=False)], [source(1)]
    turned = 0
    for rotate in (False, True):
        data = dataset(*both, real_noise=1.0, rotate=rotate)
        found, _ = added_noise(data, dataset(*both, rotate=rotate))
        for added in found:
            rough = [np.diff(added, axis=axis).std() for axis in (1, 2)]
            turned += rough[0] < rough[1]
        assert bool(turned) == rotate
    assert turned < len(found)


def test_what_no_tomogram_has_is_an_error():
    without = [source(noise=False)]
    with pytest.raises(
        ValueError, match=r"train\.augment\.real_noise is 0\.5, but none"
    ):
        dataset(without, real_noise=0.5)
    with pytest.raises(
        ValueError, match=r"none of the unlabeled .*_train\.halves: none"
    ):
        dataset([source()], without, "mixed")
    dataset([source()], without, real_noise=0.5)


def test_halves_that_are_not_used_change_no_patch():
    with_noise = dataset([source()], [source(1)])
    without = dataset([source(noise=False)], [source(1, noise=False)])
    for name in ("labeled", "weak", "strong", "target"):
        for step in range(3):
            one, other = (getattr(data[step], name) for data in (with_noise, without))
            assert torch.equal(one, other)


def noisy(one):
    more = np.random.default_rng(9).normal(size=one.volume.shape).astype(np.float32)
    return dataclasses.replace(one, noise=Noise(0.5 * more, 0.5))


def trained(folder, stop=None, halves="mixed", real_noise=0.5):
    augment = SHARED.augment.model_copy(update={"real_noise": real_noise})
    shared = SHARED.model_copy(update={"augment": augment})
    settings = CoTrainSettings(steps=24, halves=halves)
    sources = [noisy(unlabeled(1)), unlabeled(2)]
    data = PatchDataset(
        [noisy(blobs(0))], sources, shared, "co_train", Gaussians(), halves=halves
    )
    folder.mkdir(exist_ok=True)
    return loop.train(
        CoTraining("co_train", settings, small_model(), data, 4.0),
        shared,
        device=torch.device("cpu"),
        checkpoint=folder / "state.pt",
        log=folder / "log.tsv",
        stop=stop,
    ).state_dict()


def test_a_resumed_run_ends_bit_equal_to_an_uninterrupted_one(tmp_path):
    whole = trained(tmp_path / "whole")
    with pytest.raises(Killed):
        trained(tmp_path, KillAfter(17))
    assert load_checkpoint(tmp_path / "state.pt")["step"] == 10
    resumed = trained(tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    for changed in ({"halves": "none"}, {"real_noise": 0.0}):
        other = trained(tmp_path / str(changed), **changed)
        assert not all(torch.equal(whole[name], other[name]) for name in whole)
