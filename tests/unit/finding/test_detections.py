import numpy as np
import pytest

from picker.config import LinkSettings, Particle
from picker.core.detections import Detections
from picker.core.picks import picks_from_arrays
from picker.encodings.discs import discs_on_slice, joined
from picker.finding.detections import (
    detections_from_discs,
    discs_from_detections,
    linked_candidates,
)

PARTICLES = (Particle(name="large", radius=60), Particle(name="small", radius=30))
VOXEL, DEPTH = 7.3, 30
CENTRES = np.array([[12.0, 20, 20], [14.5, 30.25, 12]])
RADIUS = np.array([60.0, 30.0]) / VOXEL
DISCS = joined(
    discs_on_slice(CENTRES, np.array([0, 1]), RADIUS, z, 0.5) for z in range(DEPTH)
)


def test_discs_come_back_from_angstrom():
    found = detections_from_discs(DISCS, PARTICLES, VOXEL, 0.5)
    again = discs_from_detections(found, PARTICLES, VOXEL, DEPTH)
    np.testing.assert_array_equal(again.slice_z, DISCS.slice_z)
    np.testing.assert_allclose(again.centre_yx, DISCS.centre_yx)
    np.testing.assert_allclose(again.diameter, DISCS.diameter)
    np.testing.assert_array_equal(again.particle, DISCS.particle)
    assert found.side.max() == pytest.approx(120)


def test_candidates_are_the_balls_that_squares_are_of():
    found = detections_from_discs(DISCS, PARTICLES, VOXEL, 0.5)
    picks = linked_candidates(found, PARTICLES, VOXEL, DEPTH, LinkSettings())
    assert sorted(picks.particle.tolist()) == ["large", "small"]
    order = np.argsort(picks.particle)
    np.testing.assert_allclose(picks.position_zyx[order] / VOXEL, CENTRES, atol=0.2)


@pytest.mark.parametrize(
    ("z", "name", "said"),
    [
        (0.0, "other", "detections of class other; expected those of large, small"),
        (-7.3, "large", "lies at z -7.3 Å, and the tomogram has 30 slices of 7.3 Å"),
        (30 * 7.3, "large", "lies at z 219 Å, .*: is it another tomogram's"),
    ],
)
def test_squares_of_another_tomogram_or_class_are_refused(z, name, said):
    squares = picks_from_arrays([[z, 5.0, 5.0]], [name])
    found = Detections(squares=squares, side=np.array([60.0]))
    with pytest.raises(ValueError, match=said):
        discs_from_detections(found, PARTICLES, VOXEL, DEPTH)
