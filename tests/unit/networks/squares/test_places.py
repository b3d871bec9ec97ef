import torch

from picker.networks.squares.places import (
    changed_squares,
    changes_of_squares,
    place_squares,
)


def test_places_are_the_middles_of_pixels_row_after_row():
    places = place_squares(2, 0.3, torch.device("cpu"))
    wanted = [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
    torch.testing.assert_close(places[:, :2], torch.tensor(wanted))
    assert (places[:, 2] == 0.3).all()


def test_changes_by_hand():
    start, square = torch.tensor([0.5, 0.5, 0.2]), torch.tensor([0.6, 0.45, 0.1])
    changes = changes_of_squares(square, start)
    torch.testing.assert_close(changes, torch.tensor([0.5, -0.25, -0.6931472]))


def test_changes_and_squares_are_inverse():
    generator = torch.Generator().manual_seed(0)
    start, squares = (torch.rand(2, 50, 3, generator=generator) + 0.05).unbind()
    again = changed_squares(changes_of_squares(squares, start), start)
    torch.testing.assert_close(again, squares)


def test_no_change_makes_a_square_infinite():
    change = torch.tensor([0.0, 0.0, 1e4])
    assert changed_squares(change, torch.tensor([0.5, 0.5, 0.2])).isfinite().all()
