import numpy as np
import pytest
import torch

from picker.encodings.squares import particles_from_squares, squares_from_particles

RADIUS = np.array([8.0, 4.0])
SURE, UNSURE, NO = 4.0, 0.0, -6.0


def test_a_square_touches_the_particles_circle():
    """A particle at the patch's middle, which lies between two pixels."""
    squares = squares_from_particles(
        np.array([[31.5, 31.5]]), np.array([0]), RADIUS, 64
    )
    assert squares.tolist() == [[0.5, 0.5, 0.25]]
    assert squares.dtype == np.float32


def test_particles_come_back():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid([10, 40, 55], [5, 30, 60], indexing="ij"), axis=-1)
    index = grid.reshape(-1, 2) + rng.uniform(-2, 2, (9, 2))
    particle = rng.integers(2, size=9)
    squares = torch.from_numpy(squares_from_particles(index, particle, RADIUS, 64))
    logits = torch.full((9, 2), NO)
    logits[torch.arange(9), torch.from_numpy(particle)] = torch.linspace(2, 1, 9)
    found, number, score = particles_from_squares(logits, squares, RADIUS, 64, 0.1)
    np.testing.assert_allclose(found, index, atol=1e-4)
    np.testing.assert_array_equal(number, particle)
    np.testing.assert_allclose(score, torch.linspace(2, 1, 9).sigmoid(), rtol=1e-6)


def test_within_a_radius_the_best_one_stays():
    """7 pixels apart: one particle of the large class, two of the small one."""
    squares = torch.tensor([[20.5, 20.5, 16.0], [27.5, 20.5, 16.0]]) / 64
    logits = torch.tensor([[UNSURE, UNSURE], [SURE, SURE]])
    found, number, _ = particles_from_squares(logits, squares, RADIUS, 64, 0.1)
    assert found[number == 0].tolist() == [[27, 20]]
    assert found[number == 1].tolist() == [[27, 20], [20, 20]]


def test_what_scores_too_low_is_left_out():
    squares = torch.tensor([[0.5, 0.5, 0.25], [0.2, 0.2, 0.25]])
    logits = torch.tensor([[UNSURE, NO], [NO, NO]])
    found, number, score = particles_from_squares(logits, squares, RADIUS, 64, 0.3)
    assert found.tolist() == [[31.5, 31.5]]
    assert (number.tolist(), score.tolist()) == ([0], [0.5])


@pytest.mark.parametrize("min_score", [0.1, 0.99])
def test_nothing_found(min_score):
    found, number, score = particles_from_squares(
        torch.zeros(0, 2), torch.zeros(0, 3), RADIUS, 64, min_score
    )
    assert found.shape == (0, 2)
    assert len(number) == len(score) == 0


def test_no_particles_no_squares():
    none = squares_from_particles(np.zeros((0, 2)), np.zeros(0, np.int64), RADIUS, 64)
    assert none.shape == (0, 3)
