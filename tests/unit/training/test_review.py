"""Training on a tomogram of which somebody has judged single places."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import AugmentSettings, TrainSettings
from picker.encodings.heatmap import Gaussians
from picker.training.losses import reweighted_mse
from picker.training.patches import PatchDataset
from picker.training.review import Places, Review
from picker.training.source import PatchSource
from picker.training.supervised import heatmap_loss

SHAPE = (24, 40, 48)
RADIUS = np.array([6.0, 4.0])
PLAIN = AugmentSettings(rotate=False, labeled_intensity=False, intensity=0)


def places(*given):
    """Class and z, y, x of each."""
    numbers = [number for number, *_ in given]
    index = [index for _, *index in given]
    return Places(
        np.array(index, float).reshape(-1, 3), np.array(numbers, dtype=np.int64)
    )


def source(labels=(), wrong=None, unjudged=(), name="t", value=0.0):
    known = places(*labels)
    return PatchSource(
        name=name,
        volume=np.full(SHAPE, value, np.float32),
        index_zyx=known.index_zyx,
        particle=known.particle,
        radius=RADIUS,
        review=None if wrong is None else Review(places(*wrong), places(*unjudged)),
    )


def dataset(labeled, unlabeled=(), **settings):
    given = {"patch_zyx": (16, 24, 24), "augment": PLAIN} | settings
    return PatchDataset(
        labeled, unlabeled, TrainSettings(**given), "stage", Gaussians()
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_an_answer_is_known_in_its_ball_to_the_half_voxel(stride):
    label, wrong = (0, 12.5, 10.5, 10.5), (1, 12.5, 10.5, 30.5)
    one = source([label], [wrong])
    known = one.answered(np.zeros(3, int), SHAPE, stride)
    index = np.moveaxis(np.indices([n // stride for n in SHAPE]), 0, -1)
    centre = index * stride + (stride - 1) / 2

    def ball(place):
        return np.linalg.norm(centre - place[1:], axis=-1) <= RADIUS[place[0]]

    # A particle is no other one; what is no b may be an a.
    assert np.array_equal(known[0], ball(label))
    assert np.array_equal(known[1], ball(label) | ball(wrong))
    assert np.array_equal(
        one.not_wrong(np.zeros(3, int), SHAPE, stride)[1], ~ball(wrong)
    )
    # A corner moves it with the patch.
    part = one.answered(np.array([4, 4, 20]), (16, 24, 24), stride)
    z, y, x = 4 // stride, 4 // stride, 20 // stride
    assert np.array_equal(
        part, known[:, z : z + 16 // stride, y : y + 24 // stride, x : x + 24 // stride]
    )


def test_what_nobody_judged_is_unknown_in_its_class_alone():
    label = (0, 12, 12, 12)
    before = source([label], []).answered(np.zeros(3, int), SHAPE, 2)
    beside = source([label], [], [(1, 12, 12, 19)])
    known = beside.answered(np.zeros(3, int), SHAPE, 2)
    assert np.array_equal(known[0], before[0])
    lost = before[1] - known[1]
    assert lost.min() == 0
    # At 16.5: the particle reaches 17.6 there, and the pick from 15.6 on.
    assert np.flatnonzero(lost[5, 5]).tolist() == [8]


def test_patches_lie_around_wrong_answers_as_often_as_around_a_class():
    whole = source([(0, 12, 20, 24)], name="whole", value=1.0)
    reviewed = source([(1, 12, 20, 40)], [(0, 12, 20, 8)], name="reviewed", value=2.0)
    data = dataset([whole, reviewed], centered_fraction=1.0, batch_size=1)
    seen = {"a": 0, "b": 0, "wrong": 0}
    for step in range(300):
        batch = data[step]
        known, target = batch.labeled_region[0], batch.target[0]
        assert known.shape == target.shape
        if batch.labeled[0, 0, 0, 0, 0] == 1:
            assert known.all()
            seen["a"] += 1
        elif target[1].max() > 0.5:
            seen["b"] += 1
        else:
            # Background where somebody said so, and in that class alone.
            assert target[0][known[0] > 0].max() == 0
            assert known[0].any()
            assert not known[1].any()
            seen["wrong"] += 1
    assert all(70 < number < 130 for number in seen.values()), seen


def test_patches_anywhere_are_not_of_what_is_hardly_known():
    whole = source([(0, 12, 20, 24)], name="whole", value=1.0)
    reviewed = source([], [(0, 12, 20, 8)], name="reviewed", value=2.0)
    data = dataset([whole, reviewed], centered_fraction=0.0, batch_size=1)
    assert {data[step].labeled[0, 0, 0, 0, 0].item() for step in range(30)} == {1.0}
    # Where nothing else is labeled they lie around answers.
    alone = replace(source([(1, 12, 20, 40)], [(0, 12, 20, 8)]), name="alone")
    alone = dataset([alone], centered_fraction=0.0, batch_size=1)
    assert all(alone[step].labeled_region.any() for step in range(30))


def test_a_wrong_pick_costs_in_its_class_alone():
    data = dataset([source([(1, 12, 20, 40)], [(0, 12, 20, 8)])], batch_size=1)
    batches = (data[step] for step in range(100))
    batch = next(b for b in batches if b.target.max() < 0.1)
    at_wrong = batch.labeled_region[:, :1] > 0
    assert at_wrong.any()

    def loss(number, is_there):
        heatmap = torch.zeros_like(batch.target)
        heatmap[:, number : number + 1][is_there] = 0.5
        return reweighted_mse(heatmap, batch.target, 4.0, known=batch.labeled_region)

    nothing = loss(0, torch.zeros_like(at_wrong))
    assert loss(0, at_wrong) > nothing
    assert loss(1, at_wrong) == nothing
    assert loss(0, ~at_wrong) == nothing


def test_few_answers_weigh_no_more_than_as_many_voxels_of_a_whole_patch():
    labels, wrong = [(1, 12, 20, 40)], [(0, 12, 20, 8)]
    for given, is_reviewed in ((None, False), (wrong, True)):
        data = dataset([source(labels), source(labels, given)])
        assert heatmap_loss(TrainSettings(), data).over_unknown is is_reviewed


def test_the_teacher_is_not_believed_where_somebody_said_wrong():
    whole = source([(0, 12, 20, 24)], name="whole")
    reviewed = source([(1, 12, 20, 40)], [(0, 12, 20, 8)], name="reviewed")
    plain = source(name="plain")
    data = dataset([whole], [reviewed, plain], batch_size=1)
    batches = [data[step] for step in range(60)]
    for batch in batches:
        region = batch.unlabeled_region
        assert region.shape == batch.weak_target.shape
        assert region[:, 1].all()
    assert any(not batch.unlabeled_region[:, 0].all() for batch in batches)
    assert any(batch.weak_target[:, 1].max() > 0.8 for batch in batches)
    # Without a review nothing changes.
    assert dataset([whole], [plain])[0].weak_target is None
    assert dataset([whole], [plain])[0].labeled_region is None
