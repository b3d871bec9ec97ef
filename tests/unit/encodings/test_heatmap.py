import numpy as np
import pytest
import torch
from torch.nn import functional

from picker.encodings.heatmap import (
    nms_kernel,
    peaks_from_heatmap,
    target_from_index,
)

SHAPE = (24, 40, 56)
SIGMA = np.array([3.0, 4.5])


def peaks(target, min_score=0.3, kernels=(3, 3)):
    return peaks_from_heatmap(torch.from_numpy(target), list(kernels), min_score, 2)


def test_target_has_its_top_at_the_true_subvoxel_place():
    centre = np.array([[10.5, 20.5, 30.5]])  # exactly output voxel (5, 10, 15)
    target = target_from_index(centre, np.array([1]), SIGMA, SHAPE, 2)
    assert target.shape == (2, 12, 20, 28)
    assert target[0].max() == 0
    assert target[1, 5, 10, 15] == pytest.approx(1)
    # one output voxel is two input voxels away
    assert target[1, 5, 10, 16] == pytest.approx(np.exp(-(2**2) / (2 * 4.5**2)))


def test_floored_target_follows_the_paper():
    centre = np.array([[11.9, 20.0, 31.0]])
    target = target_from_index(centre, np.array([0]), SIGMA, SHAPE, 2, floor=True)
    assert np.unravel_index(target[0].argmax(), target[0].shape) == (5, 10, 15)
    assert target[0].max() == 1


def test_overlaps_keep_the_larger_value():
    pair = np.array([[10.5, 20.5, 20.5], [10.5, 20.5, 24.5]])
    both = target_from_index(pair, np.array([0, 0]), SIGMA, SHAPE, 2)
    one = target_from_index(pair[:1], np.array([0]), SIGMA, SHAPE, 2)
    other = target_from_index(pair[1:], np.array([0]), SIGMA, SHAPE, 2)
    np.testing.assert_array_equal(both, np.maximum(one, other))


@pytest.mark.parametrize("seed", range(5))
def test_picks_survive_the_round_trip_through_a_heatmap(seed):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid([5, 17], [6, 22, 34], [7, 25, 48]), -1).reshape(-1, 3)
    index = grid + rng.uniform(-1, 1, grid.shape)
    number = rng.integers(2, size=len(index))
    found, classes, scores = peaks(target_from_index(index, number, SIGMA, SHAPE, 2))
    assert len(found) == len(index)
    for place, kind in zip(index, number, strict=True):
        nearest = np.linalg.norm(found - place, axis=1).argmin()
        np.testing.assert_allclose(found[nearest], place, atol=1e-3)
        assert classes[nearest] == kind
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_peak_on_a_face_is_found_there_and_not_on_the_other_side(axis, side):
    place = np.array([10.5, 20.5, 30.5])
    place[axis] = 0.5 if side == "low" else SHAPE[axis] - 1.5
    target = target_from_index(place[None], np.array([0]), SIGMA, SHAPE, 2)
    found, _, scores = peaks(target)
    assert len(found) == 1
    np.testing.assert_allclose(found[0], place, atol=1e-6)
    assert scores[0] == pytest.approx(1)


def test_peaks_below_the_minimum_and_empty_heatmaps_give_none():
    found, classes, scores = peaks(np.zeros((2, 12, 20, 28), np.float32))
    assert found.shape == (0, 3)
    assert len(classes) == len(scores) == 0


@pytest.mark.parametrize("kernel", [3, 5, 7, 9, 17])
@pytest.mark.parametrize("shape", [(12, 20, 28), (1, 2, 3)])
def test_peaks_are_those_of_max_pooling(kernel, shape):
    """Equal neighbours, faces and cubes larger than the heatmap included."""
    rng = torch.Generator().manual_seed(kernel)
    heatmap = torch.rand(1, *shape, generator=rng).mul(20).round().div(20)
    pooled = functional.max_pool3d(heatmap, kernel, stride=1, padding=kernel // 2)
    index = torch.nonzero((heatmap == pooled)[0] & (heatmap[0] >= 0.3))
    best_first = heatmap[0][tuple(index.T)].argsort(descending=True, stable=True)
    found, _, _ = peaks_from_heatmap(heatmap, [kernel], 0.3, 1)
    assert len(found) == len(index) > 0
    # A parabola moves each by half a voxel at most.
    assert np.abs(found - index[best_first].numpy()).max() <= 0.5


def test_a_radius_in_a_wrong_unit_fills_no_memory():
    heatmap = torch.zeros(1, 8, 12, 16)
    heatmap[0, 2, 4, 6], heatmap[0, 7, 11, 15] = 0.9, 0.8
    for kernel in (31, 10**6 + 1, 10**300 + 1):
        found, _, _ = peaks_from_heatmap(heatmap, [kernel], 0.3, 1)
        assert found.tolist() == [[2, 4, 6]]


@pytest.mark.parametrize(
    ("radius", "kernel"), [(6.0, 3), (9.0, 3), (15.0, 3), (20.0, 5), (40.0, 9)]
)
def test_kernel_is_odd_and_about_half_the_radius(radius, kernel):
    assert nms_kernel(radius, 0.5, 2) == kernel
