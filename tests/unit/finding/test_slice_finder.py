import numpy as np
import pytest
import torch

from picker.config import LinkSettings, Particle
from picker.encodings.discs import discs_on_slice
from picker.finding.slice_finder import SliceFinder

PARTICLES = (Particle(name="large", radius=60), Particle(name="small", radius=30))
VOXEL = 10.0
CENTRES = np.array([[6, 20, 20], [14.5, 30.25, 12], [3, 8, 33]])
NUMBER = np.array([0, 0, 1])


class Exact:
    """Knows where particles are; keeps what it is shown."""

    def __init__(self, centres):
        self.centres, self.seen = centres, []

    def on_slice(self, image, slice_z, radius):
        self.seen.append(image)
        return discs_on_slice(self.centres, NUMBER, radius, slice_z, 0.5)


def finder(detector, **more):
    return SliceFinder(
        detector=detector,
        particles=PARTICLES,
        link=LinkSettings(),
        min_chord=0.5,
        **more,
    )


def test_particles_are_found_where_they_are():
    picks = finder(Exact(CENTRES)).candidates(np.zeros((24, 40, 40)), VOXEL)
    assert sorted(picks.particle.tolist()) == ["large", "large", "small"]
    for centre in CENTRES:
        away = np.linalg.norm(picks.position_zyx - VOXEL * centre, axis=1)
        assert away.min() < 1
    assert (picks.score < 1).all()
    assert picks.score.min() > 0.99


@pytest.mark.parametrize(
    ("channels", "wanted"),
    [(1, [[0], [1], [2]]), (3, [[0, 0, 1], [0, 1, 2], [1, 2, 2]])],
)
def test_slices_come_with_neighbours_and_at_a_face_twice(channels, wanted):
    detector = Exact(CENTRES)
    volume = np.arange(3, dtype=np.float16)[:, None, None] * np.ones((1, 4, 5))
    finder(detector, channels=channels).candidates(volume, VOXEL)
    assert [image[:, 0, 0].tolist() for image in detector.seen] == wanted
    assert all(image.dtype == torch.float32 for image in detector.seen)
    assert detector.seen[0].shape == (channels, 4, 5)


@pytest.mark.parametrize("step", [2, 3])
def test_every_so_many_th_slice_is_enough(step):
    detector = Exact(CENTRES)
    picks = finder(detector, step=step).candidates(np.zeros((24, 40, 40)), VOXEL)
    assert len(detector.seen) == 24 / step
    assert len(picks) == len(CENTRES)
    for centre in CENTRES:
        away = np.linalg.norm(picks.position_zyx - VOXEL * centre, axis=1)
        assert away.min() < 1
    assert picks.score.min() > 0.8


def test_a_micrograph_is_a_volume_of_one_slice():
    flat = CENTRES * [0, 1, 1]
    detector = Exact(flat)
    picks = finder(detector, channels=3).candidates(np.zeros((1, 40, 40)), VOXEL)
    np.testing.assert_array_equal(
        picks.position_zyx[np.lexsort(picks.position_zyx.T)],
        VOXEL * flat[np.lexsort(flat.T)],
    )
    assert detector.seen[0].shape == (3, 40, 40)
