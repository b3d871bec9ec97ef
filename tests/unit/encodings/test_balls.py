import numpy as np
import pytest
import torch

from picker.encodings.balls import Balls, smoothed

BALLS = Balls()
RADIUS = np.array([5.0, 8.0])
SHAPE = (32, 48, 56)
INDEX = np.array([[8.3, 12, 9], [16.4, 25.6, 31.5], [8, 33.1, 44]])
KIND = np.array([0, 1, 0])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sure", [1.0, 0.8])
def test_balls_come_back_as_their_centres(stride, sure):
    drawn = BALLS.target(INDEX, KIND, RADIUS, SHAPE, stride)
    assert drawn.shape == (2, *(size // stride for size in SHAPE))
    assert set(np.unique(drawn)) == {0, 1}
    index, number, score = BALLS.particles(
        sure * torch.from_numpy(drawn), RADIUS, 0.3, stride
    )
    assert (np.diff(score) <= 0).all()
    assert ((score > 0.9 * sure) & (score <= 1)).all()
    away = np.linalg.norm(INDEX[:, None] - index, axis=2)
    nearest = away.argmin(axis=1)
    assert sorted(nearest) == [0, 1, 2]
    assert number[nearest].tolist() == KIND.tolist()
    assert away.min(axis=1).max() < 0.2 * stride


def test_a_ball_has_the_full_radius_and_is_cut_at_the_faces():
    drawn = BALLS.target(np.array([[0.0, 20, 30]]), np.array([1]), RADIUS, SHAPE, 1)
    assert drawn[1, 0, 20].sum() == 2 * 8 + 1
    assert drawn[1, :, 20, 30].sum() == 8 + 1
    far = np.array([[60.0, 20, 30], [0, -9, 0]])
    assert BALLS.target(far, np.array([1, 1]), RADIUS, SHAPE, 1).sum() == 0


def test_a_ball_takes_as_many_voxels_as_its_volume_wherever_it_lies():
    rng = np.random.default_rng(0)
    taken = [
        BALLS.target(16 + rng.random((1, 3)), np.array([0]), RADIUS, (36,) * 3, 1).sum()
        for _ in range(200)
    ]
    assert np.mean(taken) == pytest.approx(4 / 3 * np.pi * 5**3, rel=0.01)


def test_balls_of_two_classes_may_overlap():
    near = np.array([[16.0, 20, 20], [16, 20, 24]])
    both = BALLS.target(near, np.array([0, 1]), RADIUS, SHAPE, 1)
    alone = BALLS.target(near[:1], np.array([0]), RADIUS, SHAPE, 1)
    assert both.sum(0).max() == 2
    assert (both[0] == alone[0]).all()


def test_touching_particles_of_a_class_stay_two():
    touching = np.array([[16.0, 20, 20], [16, 20, 30.2]])
    drawn = BALLS.target(touching, np.array([0, 0]), RADIUS, SHAPE, 1)
    index, _, _ = BALLS.particles(torch.from_numpy(drawn), RADIUS, 0.5, 1)
    found = index[index[:, 2].argsort()]
    np.testing.assert_allclose(found, touching, atol=0.5)


def test_the_centre_of_a_noisy_plateau_is_found():
    """Its highest voxel may lie anywhere in the ball."""
    rng = np.random.default_rng(0)
    drawn = BALLS.target(INDEX, KIND, RADIUS, SHAPE, 1)
    logits = 9 * drawn - 4.5 + rng.normal(scale=1.5, size=drawn.shape)
    heatmap = torch.from_numpy(logits).sigmoid()
    index, number, _ = BALLS.particles(heatmap, RADIUS, 0.5, 1)
    assert len(index) == 3
    for centre, kind in zip(INDEX, KIND, strict=True):
        away = np.linalg.norm(index[number == kind] - centre, axis=1)
        assert away.min() < 0.1 * RADIUS[kind]


def test_a_particle_cut_by_a_face_is_found_within_half_a_radius():
    cut = np.array([[0.4, 20, 30]])
    drawn = BALLS.target(cut, np.array([1]), RADIUS, SHAPE, 1)
    index, number, score = BALLS.particles(torch.from_numpy(drawn), RADIUS, 0.5, 1)
    assert number.tolist() == [1]
    assert np.linalg.norm(index[0] - cut[0]) < 0.5 * 8
    assert 0.6 < score[0] < 0.95


def test_what_is_smaller_than_the_particle_scores_less():
    small = Balls().target(INDEX[1:2], np.array([0]), np.array([3.0]), SHAPE, 1)
    both = torch.from_numpy(np.concatenate([small, small]))
    _, number, score = BALLS.particles(both, RADIUS, 0.01, 1)
    assert number.tolist() == [0, 1]
    assert 0.6 > score[0] > 2 * score[1]


def test_nothing_gives_no_particles():
    index, number, score = BALLS.particles(torch.zeros(2, *SHAPE), RADIUS, 0.05, 1)
    assert (index.shape, len(number), len(score)) == ((0, 3), 0, 0)


def test_smoothing_keeps_the_sum_inside_and_the_input():
    values = torch.zeros(21, 21, 21)
    values[10, 10, 10] = 1
    result = smoothed(values, 2.0)
    assert result.sum().item() == pytest.approx(1, abs=1e-5)
    # Two sigma away, by the Gaussian's formula.
    ratio = (result[10, 10, 14] / result[10, 10, 10]).item()
    assert ratio == pytest.approx(np.exp(-2), rel=1e-5)
    assert values.sum() == 1
    assert smoothed(torch.ones(1, 2, 3), 5.0).shape == (1, 2, 3)
