import numpy as np
import torch

from picker.config import Particle
from picker.encodings.heatmap import Gaussians
from picker.finding.candidates import candidates_from_heatmap


def test_candidates_are_in_angstrom_and_inside():
    particles = (Particle(name="a", radius=60), Particle(name="b", radius=90))
    heatmap = torch.zeros(2, 6, 10, 15)
    heatmap[0, 2, 4, 6] = 0.9
    heatmap[1, 5, 9, 14] = 0.5  # the output voxel that an odd size only half fills
    picks = candidates_from_heatmap(
        heatmap, particles, 10.0, (11, 19, 29), Gaussians(), 0.05, 2
    )
    assert picks.particle.tolist() == ["a", "b"]
    np.testing.assert_allclose(picks.position_zyx[0], [45, 85, 125])
    np.testing.assert_allclose(picks.position_zyx[1], [100, 180, 280])
    np.testing.assert_allclose(picks.score, [0.9, 0.5])
