"""What is written where no orientation is known."""

from __future__ import annotations

import numpy as np

from picker.config import ExportSettings
from picker.core.picks import picks_from_arrays
from picker.core.rotations import are_known, random_rotations
from picker.formats.picks.default_angles import with_angles
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.targets import ANGLED, files_of_target, write_target
from tests.unit.formats.examples import PARTICLE
from tests.unit.formats.picks.star_examples import make_tomogram

TURNS = random_rotations(2, np.random.default_rng(0))


def picks(names, rotation=None):
    place = np.arange(3 * len(names), dtype=float).reshape(-1, 3)
    return picks_from_arrays(place, names, None, rotation)


def mixed():
    """Return a tomogram with known orientations of a, and one without any."""
    half = np.full((4, 3, 3), np.nan)
    half[:2] = TURNS
    return [
        make_tomogram("TS_1", picks(["a", "a", "a", "b"], half)),
        make_tomogram("TS_2", picks(["a", "b"])),
    ]


def test_known_ones_bring_zeros_for_the_others_of_their_class(caplog):
    one, two = with_angles(mixed(), "known", 0)
    np.testing.assert_array_equal(one.picks.rotation[:2], TURNS)
    np.testing.assert_array_equal(one.picks.rotation[2], np.eye(3))
    assert are_known(two.picks.rotation).tolist() == [True, False]
    assert not are_known(one.picks.rotation)[3]
    assert "the orientations of 2 picks are not known" in caplog.text
    alone = with_angles(mixed()[1:], "known", 0)
    assert alone[0].picks.rotation is None


def test_zero_and_random_are_for_all(caplog):
    for one in with_angles(mixed(), "zero", 0):
        assert are_known(one.picks.rotation).all()
    one, two = with_angles(mixed(), "random", 3)
    np.testing.assert_array_equal(one.picks.rotation[:2], TURNS)
    assert (np.abs(two.picks.rotation - np.eye(3)).max(axis=(1, 2)) > 0.01).all()
    # The seed and the name alone decide.
    (again,) = with_angles(mixed()[1:], "random", 3)
    np.testing.assert_array_equal(again.picks.rotation, two.picks.rotation)
    (other,) = with_angles(mixed()[1:], "random", 4)
    assert (other.picks.rotation != two.picks.rotation).any()
    assert caplog.text == ""


def test_programs_that_keep_angles_get_them(tmp_path):
    names = [PARTICLE.name] * 3
    for target in ANGLED:
        folder = tmp_path / target
        folder.mkdir()
        settings = ExportSettings(angles="random")
        tomogram = make_tomogram("TS_1", picks(names))
        write_target(target, folder, [tomogram], [PARTICLE], settings)
        (file,) = files_of_target(target, ["TS_1"], [PARTICLE.name], settings)
        found = read_coordinates(folder / file).rotation
        assert found.shape == (3, 3, 3), target
