import torch

from picker.networks.squares.found import best_of_patch


def test_of_squares_that_overlap_the_best_of_each_class_stays():
    squares = torch.tensor([[0.5, 0.5, 0.2], [0.52, 0.5, 0.2], [0.1, 0.1, 0.2]])
    score = torch.tensor([[0.6, 0.3], [0.7, 0.05], [0.01, 0.2]])
    found = best_of_patch(squares[:, None].expand(-1, 2, -1), score, 0.1)
    assert found.particle.tolist() == [0, 1, 1]
    torch.testing.assert_close(found.score, torch.tensor([0.7, 0.3, 0.2]))
    torch.testing.assert_close(found.squares, squares[[1, 0, 2]])


def test_discs_that_touch_are_two():
    """Of one size, along the diagonal, where their squares overlap most."""
    away = 0.2 / 2**0.5
    squares = torch.tensor([[0.4, 0.4, 0.2], [0.4 + away, 0.4 + away, 0.2]])
    found = best_of_patch(squares[:, None], torch.tensor([[0.9], [0.8]]), 0.1)
    assert len(found.score) == 2
