import dataclasses

import numpy as np
import pytest
import torch

from picker.config import AugmentSettings, TrainSettings
from picker.encodings.heatmap import Gaussians
from picker.encodings.spheres import Spheres
from picker.training.patches import PatchDataset
from picker.training.source import PatchSource

SIGMA = np.array([2.0, 3.0])
PLAIN = AugmentSettings(rotate=False, labeled_intensity=False, intensity=0)


def source(seed=0, shape=(20, 36, 44), labeled=True):
    """Noise in which each known particle is a voxel of value 100 + class."""
    rng = np.random.default_rng(seed)
    volume = rng.normal(size=shape).astype(np.float32)
    index = np.array([[5, 8, 9], [10, 30, 40], [16, 20, 6]], float)
    number = np.array([0, 1, 0])
    for place, kind in zip(index.astype(int), number, strict=True):
        volume[tuple(place)] = 100 + kind
    keep = slice(None) if labeled else slice(0)
    return PatchSource(
        name=f"t{seed}",
        volume=volume,
        index_zyx=index[keep],
        particle=number[keep],
        radius=2 * SIGMA,
    )


def dataset(unlabeled=(), **settings):
    given = {"patch_zyx": (16, 24, 24), "augment": PLAIN} | settings
    return PatchDataset(
        [source()], unlabeled, TrainSettings(**given), "stage", Gaussians()
    )


def test_target_stands_where_the_particle_is_whatever_the_flip():
    data = dataset(centered_fraction=1.0)
    seen = 0
    for step in range(20):
        batch = data[step]
        for patch, target in zip(batch.labeled, batch.target, strict=True):
            for place in torch.nonzero(patch[0] > 50).tolist():
                kind = int(patch[0][tuple(place)] > 100.5)
                z, y, x = (p // 2 for p in place)
                value = target[kind, z, y, x]
                # the output voxel's centre is half an input voxel off on each axis
                expected = np.exp(-3 * 0.5**2 / (2 * SIGMA[kind] ** 2))
                assert value.item() == pytest.approx(expected, abs=1e-3)
                seen += 1
    assert seen > 30


def test_the_region_turns_and_flips_with_its_patch():
    inside = np.zeros((20, 36, 44), bool)
    inside[:, 15:] = True
    inside[:, :, :9] = False
    one = dataclasses.replace(source(), volume=inside.astype(np.float32), region=inside)
    settings = TrainSettings(
        patch_zyx=(16, 24, 24), augment=AugmentSettings(intensity=0), batch_size=4
    )
    data = PatchDataset([one], [one], settings, "stage", Gaussians())
    shares = []
    for step in range(10):
        batch = data[step]
        for patch, region in (
            (batch.labeled, batch.labeled_region),
            (batch.weak, batch.unlabeled_region),
        ):
            share = torch.nn.functional.avg_pool3d(patch, 2)
            clear = (share < 0.1) | (share > 0.9)
            assert torch.equal(region[clear], share[clear].round())
            shares.append(region.mean().item())
    assert min(shares) > 0.1
    assert max(shares) < 1


def test_a_patch_lies_in_the_region_where_it_can():
    inside = np.zeros((20, 36, 44), np.uint8)
    inside[:, :6, :6] = 1
    one = dataclasses.replace(source(labeled=False), region=inside)
    data = dataset([one], patch_zyx=(8, 16, 16))
    seen = [data[step].unlabeled_region.any().item() for step in range(20)]
    assert sum(seen) > 15
    assert dataset([source(labeled=False)])[0].unlabeled_region is None


def test_a_batch_depends_on_its_step_alone():
    unlabeled = [source(1, labeled=False)]
    settings = {"augment": AugmentSettings()}
    one, two = dataset(unlabeled, **settings), dataset(unlabeled, **settings)
    one[0], one[1]
    for name in ("labeled", "target", "weak", "strong"):
        assert torch.equal(getattr(one[5], name), getattr(two[5], name))
        assert not torch.equal(getattr(one[5], name), getattr(one[6], name))


def test_unlabeled_patches_come_weak_and_strong():
    settings = {
        "augment": AugmentSettings(intensity=0, dropblock=True, dropblock_rate=0.2)
    }
    batch = dataset([source(1, labeled=False)], **settings)[0]
    assert batch.weak.shape == batch.strong.shape == (2, 1, 16, 24, 24)
    hidden = (batch.weak != batch.strong).float().mean().item()
    assert hidden == pytest.approx(0.2, abs=0.06)


def test_burn_in_has_no_unlabeled_patches():
    assert dataset()[0].weak.shape[0] == 0


def test_classes_have_equal_shares_of_centred_patches():
    data = dataset(centered_fraction=1.0, patch_zyx=(4, 6, 6))
    visible = np.zeros(2)
    for step in range(150):
        for patch in data[step].labeled:
            visible += [(patch == 100).any().item(), (patch == 101).any().item()]
    assert visible[0] == pytest.approx(visible[1], rel=0.3)


def test_a_segmentation_has_spheres_at_the_networks_stride():
    data = PatchDataset(
        [source()],
        [],
        TrainSettings(patch_zyx=(16, 24, 24), augment=PLAIN),
        "stage",
        Spheres(),
        stride=1,
    )
    batch = data[0]
    assert batch.target.shape == (2, 2, 16, 24, 24)
    assert set(batch.target.unique().tolist()) == {0.0, 1.0}


def partial_source(**more):
    return dataclasses.replace(source(), hidden=np.array([6.0, np.nan]), **more)


def partial_data(sources, unlabeled=(), **settings):
    given = {"patch_zyx": (16, 24, 24), "augment": PLAIN} | settings
    return PatchDataset(
        sources, list(unlabeled), TrainSettings(**given), "stage", Gaussians()
    )


def test_of_a_partial_tomogram_only_what_is_near_labels_is_known():
    data = partial_data([partial_source()], batch_size=4)
    for step in range(10):
        batch = data[step]
        # Any label of a class stands out from all others: they are a radius away.
        near = (batch.target.amax(1, keepdim=True) > np.exp(-2)).float()
        differs = (near != batch.labeled_region).float().mean()
        assert differs < 0.01
        for number, (known, is_open) in enumerate(
            zip(batch.labeled_region, batch.open, strict=True)
        ):
            if number % 2 == 0:  # about a particle
                assert known.any()
                assert not is_open.any()
            else:  # anywhere
                assert torch.equal(is_open > 0, known == 0)
        assert torch.isfinite(batch.hidden_mean[:, 0]).all()
        assert torch.isnan(batch.hidden_mean[:, 1]).all()


def test_complete_tomograms_beside_partial_ones_are_known_everywhere():
    complete = dataclasses.replace(source(1), name="complete")
    data = partial_data([complete, partial_source()])
    kinds = set()
    for step in range(20):
        batch = data[step]
        for known, is_open, mean in zip(
            batch.labeled_region, batch.open, batch.hidden_mean, strict=True
        ):
            is_complete = bool((known == 1).all())
            kinds.add((is_complete, bool(is_open.any())))
            assert (mean == 0).all() == is_complete
    assert kinds == {(True, False), (False, True), (False, False)}


def test_what_is_outside_of_the_region_is_neither_known_nor_open():
    inside = np.zeros((20, 36, 44), bool)
    inside[:, :20] = True
    data = partial_data([partial_source(region=inside, volume=inside.astype("f4"))])
    for step in range(10):
        batch = data[step]
        share = torch.nn.functional.avg_pool3d(batch.labeled, 2)
        for region in (batch.labeled_region, batch.open):
            assert not region[share < 0.1].any()


def test_unlabeled_patches_of_partial_tomograms_have_their_labels():
    one = partial_source()
    data = partial_data([one], [one, source(1, labeled=False)])
    shown = 0
    for step in range(30):
        batch = data[step]
        for weak, target in zip(batch.weak, batch.weak_target, strict=True):
            for kind in (0, 1):
                has = bool((weak == 100 + kind).any())
                shown += has and target[kind].max() > 0.5
                # Of the tomogram without labels none is drawn.
                assert has or target[kind].max() < 0.99
    assert shown > 10
    assert dataset([source(1, labeled=False)])[0].weak_target is None
    assert dataset()[0].open is None
    assert dataset()[0].hidden_mean is None
