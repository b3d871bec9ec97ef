import numpy as np
import pytest

from picker.scoring.bayesian import evenly_spread, fitted, highest


def planted(optimum):
    """Return a function with plateaus, as F of some hundred picks has, of height 1."""
    steepness = np.array([6.0, 4.5, 3.0, 3.0, 1.5, 1.5])

    def value(point):
        return np.ceil(20 * np.exp(-steepness @ (point - optimum) ** 2)) / 20

    return value


@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_optimum_is_found_in_sixty_trials(seed):
    rng = np.random.default_rng(seed)
    value = planted(rng.uniform(0.15, 0.85, 6))
    points, values = highest(value, evenly_spread(10, 6, seed), 50, seed)
    assert points.shape == (60, 6)
    assert ((points >= 0) & (points <= 1)).all()
    assert values.max() >= 0.95
    # Chance alone does not.
    assert max(value(point) for point in rng.random((60, 6))) < 0.9
    again, _ = highest(value, evenly_spread(10, 6, seed), 2, seed)
    np.testing.assert_array_equal(again, points[:12])


def test_where_nothing_differs_the_search_goes_on():
    _, values = highest(lambda _: 0.5, evenly_spread(3, 2, 0), 3, 0)
    assert values.tolist() == [0.5] * 6


def test_improvement_is_expected_beyond_what_is_known():
    points = np.array([[0.0], [0.25], [0.5], [0.75]])
    process = fitted(points, points[:, 0] ** 2, [np.log([0.5, 0.05])])
    expected = process.improvement(np.array([[0.1], [0.75], [1.0]]))
    assert expected.argmax() == 2
    assert expected[2] > 0.03 > 0.01 > expected[0]
