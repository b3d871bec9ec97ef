from itertools import pairwise

import numpy as np
import pytest
import torch

from picker.config import Particle
from picker.config.detr import DetrSettings
from picker.finding.square_finder import SquareFinder, tiles
from picker.networks.detr.transformer import Answer, DetectionTransformer, Found

PARTICLES = (Particle(name="large", radius=60), Particle(name="small", radius=30))
EDGE = 32


class Dots(torch.nn.Module):
    """Stands for a network: finds dark pixels, whose value is −10 times class + 1."""

    def forward(self, patch):
        values = patch[0, 0]
        y, x = torch.nonzero(values < -5, as_tuple=True)
        squares = (
            torch.stack([y + 0.5, x + 0.5, torch.full_like(y, 12.0)], dim=1) / EDGE
        )
        kind = (-values[y, x] / 10 - 1).round().long()
        logits = torch.full((len(y), 2), -9.0)
        # More sure towards the middle of a tile.
        logits[torch.arange(len(y)), kind] = 3 - (squares[:, :2] - 0.5).norm(dim=1)
        return Answer(Found(logits[None, None], squares[None, None]), None)


def finder(model=None, particles=PARTICLES):
    return SquareFinder(
        model=model or Dots(), particles=particles, edge=EDGE, min_score=0.1
    )


@pytest.mark.parametrize("size", [20, 32, 33, 52, 53, 100, 101])
def test_tiles_cover_an_axis_and_share_enough(size):
    found = tiles(size, 32, 12)
    assert found[0].start == 0
    assert found[-1].start == max(0, size - 32)
    for one, other in pairwise(found):
        shared = one.start + 32 - other.start
        assert shared >= 12
        assert one.last == other.first == other.start + shared / 2
    assert len(found) == {20: 1, 32: 1, 33: 2, 52: 2, 53: 3, 100: 5, 101: 5}[size]


@pytest.mark.parametrize("shape", [(32, 32), (75, 98), (33, 64), (20, 90)])
def test_every_particle_is_found_once_wherever_tiles_meet(shape):
    rng = np.random.default_rng(0)
    spots = np.stack(np.meshgrid(*(range(2, n, 9) for n in shape), indexing="ij"))
    spots = spots.reshape(2, -1).T + rng.integers(-1, 2, (spots[0].size, 2))
    spots = spots[(spots < shape).all(axis=1)]
    kind = rng.integers(2, size=len(spots))
    volume = np.zeros((1, *shape), np.float32)
    volume[0, spots[:, 0], spots[:, 1]] = -10 * (kind + 1)
    picks = finder().candidates(volume, 10.0)
    assert (np.diff(picks.score) <= 0).all()
    assert (picks.position_zyx[:, 0] == 0).all()
    names = np.array([p.name for p in PARTICLES])
    wanted = {(*map(int, spot), names[k]) for spot, k in zip(spots, kind, strict=True)}
    found = [
        (*map(int, np.round(place / 10)), str(name))
        for place, name in zip(picks.position_zyx[:, 1:], picks.particle, strict=True)
    ]
    assert len(found) == len(set(found)) == len(wanted)
    assert set(found) == wanted


def test_a_real_network_on_a_micrograph_of_any_size():
    torch.manual_seed(0)
    settings = DetrSettings(widths=(8, 16), width=16, heads=2, queries=20)
    model = DetectionTransformer(settings, 2).eval()
    torch.nn.init.constant_(model.scored.bias, 0.0)
    volume = np.random.default_rng(0).normal(size=(1, 45, 70)).astype(np.float32)
    picks = finder(model).candidates(volume, 10.0)
    assert len(picks) > 0
    assert (picks.position_zyx >= 0).all()
    assert (picks.position_zyx <= np.array([0, 440, 690])).all()
    for particle in PARTICLES:
        place = picks.of(particle.name).position_zyx
        gap = np.linalg.norm(place[:, None] - place, axis=2)
        np.fill_diagonal(gap, np.inf)
        assert gap.min(initial=np.inf) > particle.radius


def test_nothing_found():
    assert len(finder().candidates(np.zeros((1, 40, 40), np.float32), 10.0)) == 0


def test_a_tomogram_is_no_micrograph():
    with pytest.raises(ValueError, match="has 3 slices; expected a micrograph"):
        finder().candidates(np.zeros((3, 40, 40), np.float32), 10.0)


def test_particles_that_are_too_large_for_tiles():
    huge = (Particle(name="huge", radius=90),)
    with pytest.raises(ValueError, match="tiles of 32 pixels cannot share 18"):
        finder(particles=huge).candidates(np.zeros((1, 40, 40), np.float32), 10.0)
