from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import AugmentSettings, TrainSettings
from picker.encodings.discs import slices_from
from picker.training.plan import made
from picker.training.resident import ResidentVolumes
from picker.training.review import Places, Review
from picker.training.slices import SliceDataset
from picker.training.square_targets import NOTHING, channels_of
from tests.unit.training.test_loop import blobs

PLAIN = TrainSettings(
    num_workers=0, augment=AugmentSettings(intensity=0.0), centered_fraction=0.7
)


def dataset(sources=None, settings=PLAIN, **more):
    given = {"batch_size": 8, "edge": 32, "channels": 3, "min_chord": 0.5} | more
    return SliceDataset(
        sources or [blobs(0)], settings, "fine_tune", "upicker.network.edge", **given
    )


def squares(target):
    """Return what is no filler of a patch's target."""
    return target[target[:, 0] != NOTHING]


def test_squares_are_about_the_dark_balls():
    data = dataset()
    seen = 0
    for batch in map(data.__getitem__, range(6)):
        assert batch.labeled.shape == (8, 1, 3, 32, 32)
        for patch, target in zip(batch.labeled[:, 0, 1], batch.target, strict=True):
            for kind, y, x, side in squares(target).tolist():
                assert kind == 0
                # Radius 4; at least half of the diameter is cut.
                assert 4 / 32 - 1e-6 <= side <= 8 / 32
                row, column = int(32 * y), int(32 * x)
                assert patch[row, column] < -0.9
                seen += 1
    assert seen > 40


def test_patches_show_centres_rims_and_nothing():
    batches = [dataset()[step] for step in range(12)]
    sides = torch.cat([squares(t)[:, 3] for b in batches for t in b.target]) * 32
    assert sides.max() > 7.5
    assert sides.min() < 5.5
    assert any(len(squares(target)) == 0 for b in batches for target in b.target)


def test_a_batch_depends_on_its_step_alone():
    settings = PLAIN.model_copy(update={"augment": AugmentSettings(intensity=0.5)})
    one, other = dataset(settings=settings)[3], dataset(settings=settings)[3]
    assert torch.equal(one.labeled, other.labeled)
    assert torch.equal(one.target, other.target)
    assert not torch.equal(one.labeled, dataset(settings=settings)[4].labeled)
    again = settings.model_copy(update={"seed": 1})
    assert not torch.equal(one.labeled, dataset(settings=again)[3].labeled)


def test_of_answers_single_places_are_known_and_patches_lie_about_them():
    whole = blobs(0)
    empty = np.array([[10.0, 20, 22]])
    beside = empty + np.array([0, 0, 6])
    one = replace(
        whole,
        index_zyx=whole.index_zyx[:1],
        particle=whole.particle[:1],
        review=Review(
            Places(empty, np.zeros(1, np.int64)),
            Places(beside, np.zeros(1, np.int64)),
        ),
    )
    known = one.judged(np.zeros(3, np.int64), whole.volume.shape, 1)
    (right,) = whole.index_zyx[:1].astype(int)
    assert known[tuple(right)] == known[10, 20, 20] == 1
    # Near what nobody has judged nothing is, and elsewhere neither.
    assert known[10, 20, 24] == known[0, 0, 0] == 0
    assert whole.judged(np.zeros(3, np.int64), whole.volume.shape, 1).all()
    data = dataset([one], edge=24)
    with_squares = 0
    for step in range(6):
        batch = data[step]
        # Each lies about an answer, though few patches of others would.
        assert (batch.labeled_region.flatten(1).sum(dim=1) > 0).all()
        assert batch.labeled_region.mean() < 0.2
        with_squares += sum(len(squares(target)) > 0 for target in batch.target)
    # About half of them lie about the particle.
    assert 12 < with_squares < 36


def test_where_nobody_looked_nothing_is_known():
    whole = blobs(0)
    region = np.ones((20, 40, 44), np.bool_)
    region[:, :, 22:] = False
    aside = replace(
        whole,
        index_zyx=whole.index_zyx[:2],
        particle=whole.particle[:2],
        region=region,
        outside_zyx=np.array([[9.0, 28, 8]]),
        outside_particle=np.array([0]),
    )
    assert dataset()[0].labeled_region is None
    data = dataset([aside], edge=40)
    for step in range(4):
        batch = data[step]
        known = batch.labeled_region
        assert known.shape == (8, 1, 1, 40, 40)
        share = known.mean(dim=(1, 2, 3, 4))
        # Half of the tomogram, and less where a ball lies that is out of it.
        assert (share > 0.3).all()
        assert (share < 0.62).all()


def test_patches_at_any_angle_know_what_they_show():
    data = dataset(any_angle=True)
    seen = 0
    for batch in map(data.__getitem__, range(6)):
        assert batch.labeled_region.shape == (8, 1, 1, 32, 32)
        assert 0.6 < batch.labeled_region.mean() < 1
        for patch, target in zip(batch.labeled[:, 0, 1], batch.target, strict=True):
            for _, y, x, side in squares(target).tolist():
                # Radius 4, at least half of the diameter, 10 % more or less.
                assert 3.6 / 32 <= side <= 8.9 / 32
                assert patch[int(32 * y), int(32 * x)] < -0.5
                seen += 1
    assert seen > 30
    assert torch.equal(data[3].labeled, dataset(any_angle=True)[3].labeled)


def test_without_rotation_no_angle_is_drawn():
    still = PLAIN.model_copy(
        update={"augment": AugmentSettings(intensity=0.0, rotate=False)}
    )
    assert dataset(settings=still, any_angle=True)[0].labeled_region is None


@pytest.mark.parametrize("channels", [1, 3])
def test_a_micrograph_gives_one_slice(channels):
    tomogram = blobs(0)
    flat = replace(
        tomogram,
        volume=tomogram.volume[8:9],
        index_zyx=tomogram.index_zyx * [0, 1, 1],
    )
    batch = dataset([flat], channels=channels)[0]
    assert batch.labeled.shape == (8, 1, 1, 32, 32)
    assert channels_of(batch.labeled, channels).shape == (8, channels, 32, 32)
    found = torch.cat([squares(target) for target in batch.target])
    np.testing.assert_allclose(found[:, 3], 8 / 32)


def test_of_three_slices_the_middle_one_is_labeled():
    """A ball of radius 4 about slice 6 has its widest disc there."""
    batch = dataset(batch_size=64)[0]
    patches = channels_of(batch.labeled, 3)
    assert patches.shape == (64, 3, 32, 32)
    for patch, target in zip(patches, batch.target, strict=True):
        for _, y, x, side in squares(target).tolist():
            dark = (patch[:, int(32 * y), int(32 * x)] < -0.9).tolist()
            assert dark[1]
            if side * 32 > 6.5:  # both neighbours cut it too
                assert dark == [True] * 3


@pytest.mark.parametrize("depth", [20, 4])
def test_every_slice_is_seen_as_the_finder_sees_it(depth):
    """At the faces too, and of volumes that are thinner than a patch."""
    tomogram = blobs(0)
    index = tomogram.index_zyx * [depth / 20, 1, 1]
    heights = np.broadcast_to(np.arange(depth)[:, None, None], (depth, 40, 44))
    numbered = replace(tomogram, volume=heights.astype(np.float32), index_zyx=index)
    data = dataset([numbered], channels=7)
    volumes = ResidentVolumes(data.boxes, torch.device("cpu"))
    middles = set()
    for step in range(12):
        batch = data[step]
        assert torch.equal(batch.labeled, made(data.plan(step), volumes).labeled)
        for patch in batch.labeled[:, 0]:
            slices = patch[:, 0, 0].int().tolist()
            seen = slices_from(slices[3] - 3, 7, depth)
            assert slices in (seen, seen[::-1])
            middles.add(slices[3])
    assert {0, depth - 1} <= middles


def test_a_tomogram_that_is_narrower_than_a_patch():
    with pytest.raises(ValueError, match=r"t0 has 40 × 44 .* at least 48 × 48"):
        dataset(edge=48)


def test_a_particle_that_is_wider_than_half_of_a_patch():
    large = replace(blobs(0), radius=np.array([4.0, 9.0]))
    with pytest.raises(
        ValueError, match=r"18 voxels wide in tomogram t0; .* 16: raise"
    ):
        dataset([large])


def test_batches_that_no_parts_divide():
    settings = PLAIN.model_copy(update={"accumulate": 3})
    with pytest.raises(ValueError, match=r"upicker\.batch_size is 8"):
        dataset(settings=settings)
