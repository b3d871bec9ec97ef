import numpy as np
import pytest
import torch

from picker.encodings.spheres import SPHERE_PER_RADIUS, Spheres

SPHERES = Spheres()
RADIUS = np.array([5.0, 8.0])
SHAPE = (24, 36, 44)
INDEX = np.array([[6.3, 8, 9], [14, 25, 31.5], [22.4, 5, 40]])
KIND = np.array([0, 1, 0])


@pytest.mark.parametrize("stride", [1, 2])
def test_spheres_come_back_as_their_centres(stride):
    drawn = SPHERES.target(INDEX[:2], KIND[:2], RADIUS, SHAPE, stride)
    assert drawn.shape == (2, *(size // stride for size in SHAPE))
    assert set(np.unique(drawn)) == {0, 1}
    index, number, score = SPHERES.particles(
        torch.from_numpy(drawn) * 0.9, RADIUS, 0.05, stride
    )
    order = np.argsort(number)
    assert number[order].tolist() == [0, 1]
    np.testing.assert_allclose(index[order], INDEX[:2], atol=0.6)
    np.testing.assert_allclose(score, 0.9, atol=0.15)


def test_a_sphere_is_cut_at_the_faces_and_has_the_radius_promised():
    drawn = SPHERES.target(INDEX, KIND, RADIUS, SHAPE, 1)
    line = drawn[1, 14, 25]
    assert line.sum() == 2 * int(SPHERE_PER_RADIUS * RADIUS[1] - 0.5) + 2
    assert drawn[0, 23, 5, 40] == 1


def test_classes_exclude_each_other():
    close = np.array([[10.0, 10, 10], [10, 10, 15]])
    drawn = SPHERES.target(close, np.array([0, 1]), RADIUS, SHAPE, 1)
    assert drawn.sum(0).max() == 1
    assert drawn[:, 10, 10, 12].tolist() == [1, 0]
    assert drawn[:, 10, 10, 13].tolist() == [0, 1]


def test_touching_particles_of_a_class_stay_two():
    touching = np.array([[10.0, 10, 10], [10, 10, 20]])
    drawn = SPHERES.target(touching, np.array([0, 0]), RADIUS, SHAPE, 1)
    index, _, _ = SPHERES.particles(torch.from_numpy(drawn), RADIUS, 0.05, 1)
    assert len(index) == 2


def test_debris_scores_low_and_what_background_wins_is_none():
    probability = torch.zeros(2, *SHAPE)
    probability[0, 3, 3, 3] = 0.9
    probability[1, 10:20, 10:20, 10:20] = 0.4
    assert len(SPHERES.particles(probability, RADIUS, 0.05, 1)[0]) == 0
    index, number, score = SPHERES.particles(probability, RADIUS, 0.0, 1)
    assert index.tolist() == [[3, 3, 3]]
    assert number.tolist() == [0]
    assert score[0] == pytest.approx(0.9 / (4 / 3 * np.pi * 4**3), rel=1e-3)
