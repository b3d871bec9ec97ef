import pytest
import torch

from picker.networks.squares.overlap import overlap
from picker.networks.squares.suppression import best_of_overlapping


def one_by_one(squares, score, particle, most):
    """The same, as its description says."""
    kept = []
    for i in sorted(range(len(score)), key=lambda i: (-score[i].item(), i)):
        if all(
            particle[i] != particle[j] or overlap(squares[i], squares[j]) <= most
            for j in kept
        ):
            kept.append(i)
    return kept


@pytest.mark.parametrize("most", [0.0, 0.3, 0.7])
def test_it_keeps_what_a_search_one_by_one_keeps(most):
    generator = torch.Generator().manual_seed(0)
    squares = 0.5 * torch.rand(100, 3, generator=generator)
    squares[:, 2] = 0.2 + 0.1 * squares[:, 2]
    # Scores that are the same, too.
    score = (torch.rand(100, generator=generator) * 20).round() / 20
    particle = torch.randint(2, (100,), generator=generator)
    kept = best_of_overlapping(squares, score, particle, most)
    assert kept.tolist() == one_by_one(squares, score, particle, most)
    assert 2 < len(kept) < 95


def test_what_is_suppressed_suppresses_nothing():
    """A row of squares, each over half of the next: every second one stays."""
    x = 0.1 * torch.arange(7)
    squares = torch.stack([torch.full_like(x, 0.5), x, torch.full_like(x, 0.2)], dim=1)
    score, particle = torch.arange(7.0).flip(0), torch.zeros(7, dtype=torch.long)
    kept = best_of_overlapping(squares, score, particle, 0.2)
    assert kept.tolist() == [0, 2, 4, 6]


def test_of_nothing_nothing_is_kept():
    none = torch.zeros(0, dtype=torch.long)
    assert len(best_of_overlapping(torch.zeros(0, 3), torch.zeros(0), none, 0.5)) == 0
