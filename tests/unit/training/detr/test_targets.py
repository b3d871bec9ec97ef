import itertools
import math

import pytest
import torch

from picker.training.detr.targets import (
    NOTHING,
    Truth,
    distance,
    matched,
    matching_cost,
)


def truth(particle, squares):
    return Truth(torch.tensor(particle), torch.tensor(squares).reshape(-1, 3))


def test_a_squares_side_counts_as_height_and_width():
    one, other = torch.tensor([0.5, 0.5, 0.2]), torch.tensor([0.4, 0.7, 0.25])
    assert distance(one, other).item() == pytest.approx(0.1 + 0.2 + 2 * 0.05)


def test_cost_of_a_pair():
    """A probability of .8; apart by half of the side, so a third is in common."""
    logits = torch.tensor([[-3.0, math.log(4)]])
    squares = torch.tensor([[0.5, 0.5, 0.2]])
    cost = matching_cost(logits, squares, truth([1], [[0.6, 0.5, 0.2]]))
    yes = 0.25 * 0.2**2 * -math.log(0.8)
    no = 0.75 * 0.8**2 * -math.log(0.2)
    wanted = 2 * (yes - no) + 5 * 0.1 - 2 * (1 / 3)
    assert cost.shape == (1, 1)
    assert cost.item() == pytest.approx(wanted, rel=1e-5)


def test_no_other_matching_is_cheaper():
    torch.manual_seed(0)
    logits, squares = torch.randn(6, 2), torch.rand(6, 3)
    known = Truth(torch.tensor([0, 1, 1]), torch.rand(3, 3))
    cost = matching_cost(logits, squares, known)
    least = min(
        sum(cost[query, i] for i, query in enumerate(order))
        for order in itertools.permutations(range(6), 3)
    )
    target = matched(logits[None], squares[None], [known])
    queries = torch.nonzero(target.particle[0] != NOTHING).flatten().tolist()
    assert len(queries) == 3
    got = sum(
        cost[
            query, int((known.squares - target.squares[0, query]).abs().sum(1).argmin())
        ]
        for query in queries
    )
    assert got.item() == pytest.approx(least.item())


def test_each_patch_has_its_own_particles_and_the_rest_is_nothing():
    squares = torch.tensor([[0.2, 0.2, 0.1], [0.8, 0.8, 0.1], [0.5, 0.5, 0.1]])
    squares = squares.expand(3, 3, 3)
    truths = [
        truth([1], [[0.8, 0.7, 0.1]]),
        truth([], []),
        truth([0, 1], [[0.5, 0.4, 0.1], [0.2, 0.2, 0.2]]),
    ]
    truths[1] = Truth(torch.zeros(0, dtype=torch.long), torch.zeros(0, 3))
    target = matched(torch.zeros(3, 3, 2), squares, truths)
    assert target.particle.tolist() == [
        [NOTHING, 1, NOTHING],
        [NOTHING] * 3,
        [1, NOTHING, 0],
    ]
    assert target.counts.all()
    assert torch.equal(target.squares[0, 1], truths[0].squares[0])
    assert torch.equal(target.squares[2, [2, 0]], truths[2].squares)


def test_more_particles_than_queries():
    known = Truth(torch.zeros(4, dtype=torch.long), torch.rand(4, 3))
    target = matched(torch.zeros(1, 2, 1), torch.rand(1, 2, 3), [known])
    assert target.particle.tolist() == [[0, 0]]


def test_where_nobody_looked_only_known_particles_count():
    """Of three queries one is a particle's; another lies where somebody looked."""
    squares = torch.tensor([[[0.2, 0.2, 0.1], [0.3, 0.7, 0.1], [0.8, 0.2, 0.1]]])
    known = torch.zeros(1, 10, 10)
    known[0, :5, 5:] = 1
    truths = [truth([0], [[0.2, 0.2, 0.1]])]
    target = matched(torch.zeros(1, 3, 1), squares, truths, known)
    assert target.particle.tolist() == [[0, NOTHING, NOTHING]]
    assert target.counts.tolist() == [[True, True, False]]
    assert matched(torch.zeros(1, 3, 1), squares, truths).counts.all()
