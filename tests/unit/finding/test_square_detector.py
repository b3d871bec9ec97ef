from itertools import pairwise

import numpy as np
import pytest
import torch

from picker.config.detr import DetrSettings
from picker.finding.square_detector import SquareDetector, tiles
from picker.networks.detr.transformer import DetectionTransformer
from picker.networks.squares.found import Squares

EDGE = 32


class Dots:
    """Stands for a network: finds dark pixels, whose value is −10 times class + 1."""

    edge = EDGE

    def found(self, patch, min_score):
        return [self.one(values) for values in patch[:, 0]]

    def one(self, values):
        y, x = torch.nonzero(values < -5, as_tuple=True)
        squares = torch.stack([y + 0.5, x + 0.5, torch.full_like(y, 12.0)], dim=1)
        kind = (-values[y, x] / 10 - 1).round().long()
        # More sure towards the middle of a tile.
        away = (squares[:, :2] / EDGE - 0.5).norm(dim=1)
        return Squares(squares / EDGE, kind, 0.9 - away / 10)


def on_slice(image, model=None, radius=(6.0, 3.0), slice_z=4):
    detector = SquareDetector(model=model or Dots(), min_score=0.1)
    return detector.on_slice(torch.from_numpy(image), slice_z, np.array(radius))


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
    image = np.zeros((1, *shape), np.float32)
    image[0, spots[:, 0], spots[:, 1]] = -10 * (kind + 1)
    found = on_slice(image)
    assert (np.diff(found.score) <= 0).all()
    assert set(found.slice_z.tolist()) == {4}
    np.testing.assert_allclose(found.diameter, 12)
    wanted = {(*map(int, spot), int(k)) for spot, k in zip(spots, kind, strict=True)}
    got = [
        (*map(int, np.round(place)), int(number))
        for place, number in zip(found.centre_yx, found.particle, strict=True)
    ]
    assert len(got) == len(set(got)) == len(wanted)
    assert set(got) == wanted


def test_a_real_network_on_a_slice_of_any_size():
    torch.manual_seed(0)
    settings = DetrSettings(
        edge=EDGE, channels=3, widths=(8, 16), width=16, heads=2, queries=20
    )
    model = DetectionTransformer(settings, 2).eval()
    torch.nn.init.constant_(model.scored.bias, 0.0)
    image = np.random.default_rng(0).normal(size=(3, 45, 70)).astype(np.float32)
    found = on_slice(image, model)
    assert len(found) > 0
    assert (found.centre_yx >= 0).all()
    assert (found.centre_yx <= np.array([44, 69])).all()
    for kind, radius in enumerate((6.0, 3.0)):
        place = found.centre_yx[found.particle == kind]
        gap = np.linalg.norm(place[:, None] - place, axis=2)
        np.fill_diagonal(gap, np.inf)
        assert gap.min(initial=np.inf) > radius


def test_nothing_found():
    assert len(on_slice(np.zeros((1, 40, 40), np.float32))) == 0


def test_particles_that_are_too_large_for_tiles():
    with pytest.raises(ValueError, match="tiles of 32 pixels cannot share 18"):
        on_slice(np.zeros((1, 40, 40), np.float32), radius=(9.0,))
