import numpy as np
import torch

from picker.config import Particle, PickSettings
from picker.encodings.heatmap import Gaussians
from picker.finding.candidates import candidates_from_heatmap
from picker.refining.select import select_picks


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


def test_a_class_with_threshold_one_has_no_picks_however_sure_the_network():
    particles = (Particle(name="a", radius=60),)
    heatmap = torch.zeros(1, 6, 10, 15)
    heatmap[0, 2, 4, 6] = 1.0
    picks = candidates_from_heatmap(
        heatmap, particles, 10.0, (12, 20, 30), Gaussians(), 0.05, 2
    )
    assert len(picks) == 1
    kept = select_picks(
        picks, particles, {"a": 1.0}, PickSettings(), 10.0, (12, 20, 30)
    )
    assert len(kept) == 0
