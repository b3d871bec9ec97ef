import pytest
import torch

from picker.config.detr import DenoisingSettings
from picker.training.detr.denoising import noised_queries
from picker.training.detr.targets import NOTHING, Truth

NONE = Truth(torch.zeros(0, dtype=torch.long), torch.zeros(0, 3))


def truth(number, particle=1):
    """Return particles at places of their own, far from the patch's edges."""
    y = torch.linspace(0.3, 0.7, number)
    squares = torch.stack([y, 1 - y, torch.full((number,), 0.1)], dim=1)
    return Truth(torch.full((number,), particle), squares)


def noised(truths, num_particles=2, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    return noised_queries(
        truths, num_particles, DenoisingSettings(**settings), generator
    )


def test_each_group_has_every_particle_to_be_corrected_and_to_be_refused():
    queries, target = noised([truth(3), truth(2)], number=7)
    assert queries.group.tolist() == [0] * 6 + [1] * 6
    assert target.particle[0].tolist() == 2 * ([1] * 3 + [NOTHING] * 3)
    assert target.particle[1].tolist() == 2 * ([1, 1] + [NOTHING] * 4)
    assert target.counts[0].all()
    assert target.counts[1].tolist() == 4 * [True, True, False]
    torch.testing.assert_close(target.squares[0], truth(3).squares.repeat(4, 1))


@pytest.mark.parametrize(
    ("particles", "groups"), [(3, 33), (50, 2), (51, 1), (100, 1), (130, 1)]
)
def test_as_many_groups_as_fit_and_at_least_one(particles, groups):
    queries, _ = noised([truth(particles)])
    assert queries.group.max() + 1 == groups
    assert queries.squares.shape == (1, 2 * groups * particles, 3)


def test_squares_to_be_refused_are_further_from_the_truth():
    queries, target = noised([truth(20)], number=400, noise=0.4)
    halves = (queries.squares - target.squares).abs() / (target.squares[..., 2:] / 2)
    refused = target.particle == NOTHING
    corrected, further = halves[~refused], halves[refused]
    assert corrected.max() < 0.4 + 1e-5
    assert corrected.max() > 0.35
    assert further.min() > 0.4 - 1e-5
    assert further.min() < 0.45
    assert 0.75 < further.max() < 0.8 + 1e-5
    signs = (queries.squares - target.squares).sign().mean(dim=(0, 1))
    assert signs.abs().max() < 0.15  # up and down alike


def test_noised_squares_stay_squares_inside_the_patch():
    edge = Truth(
        torch.zeros(2, dtype=torch.long), torch.tensor([[0.001, 0.999, 0.3]] * 2)
    )
    queries, _ = noised([edge], noise=1.0)
    assert queries.squares.min() >= 0
    assert queries.squares[..., :2].max() <= 1
    assert queries.squares[..., 2].min() > 0


def test_some_get_a_random_class_and_should_answer_their_own():
    queries, target = noised([truth(20)], num_particles=4, number=400, flips=0.2)
    other = (queries.particle != 1).float().mean().item()
    assert other == pytest.approx(0.2 * 3 / 4, abs=0.04)
    assert set(queries.particle.unique().tolist()) == {0, 1, 2, 3}
    assert set(target.particle.unique().tolist()) == {NOTHING, 1}


def test_a_seed_draws_the_same_and_another_something_else():
    one, same, other = (noised([truth(3)], seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(one.squares, same.squares)
    assert not torch.equal(one.squares, other.squares)


def test_without_denoising_nothing_is_noised():
    assert noised([truth(3)], number=0) is None


def test_without_particles_what_is_left_counts_for_nothing():
    queries, target = noised([NONE, NONE], number=100)
    assert queries.squares.shape == (2, 2, 3)
    assert not target.counts.any()


def test_a_patch_without_particles_beside_one_with():
    _, target = noised([NONE, truth(2)], number=2)
    assert not target.counts[0].any()
    assert target.particle[0].tolist() == [NOTHING] * 4
