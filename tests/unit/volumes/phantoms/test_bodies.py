from __future__ import annotations

import numpy as np
import pytest

from picker.core.tomogram import Tomogram
from picker.volumes.phantoms.bodies import body, body_from_map
from tests.unit.volumes.phantoms.test_simulate import density_map


def test_classes_have_shapes_of_their_own():
    axis = np.linspace(-1.5, 1.5, 25, dtype=np.float32)
    grid = np.meshgrid(axis, axis, axis, indexing="ij")
    far = np.sqrt(sum(g**2 for g in grid))
    profiles = []
    for place in range(9):
        what = body(place)
        moved = [
            (g * what.reach + c).astype(np.float32)
            for g, c in zip(grid, what.centre, strict=True)
        ]
        density = what.density(*moved)
        assert density.shape == far.shape
        assert density.min() >= 0
        assert 0.6 < density.max() < 1.3
        assert density[far > 1.45].max() < 0.05
        weight = density / density.sum()
        mass = [weight[(far >= r) & (far < r + 0.3)].sum() for r in (0, 0.3, 0.6, 0.9)]
        flat = np.stack([g.ravel() for g in grid])
        axes = np.linalg.eigvalsh((flat * weight.ravel()) @ flat.T)
        profiles.append([*mass, *axes])
    apart = np.abs(np.array(profiles)[:, None] - np.array(profiles)[None]).max(axis=2)
    apart[np.diag_indices(9)] = 1
    assert apart[:6, :6].min() > 0.03
    assert apart.min() > 0.02


def test_a_density_map_keeps_size_axes_and_hand():
    density = density_map()
    what = body_from_map(density, 90.0, 10.0)
    middle = (np.array(density.shape_zyx) - 1) / 2
    for index in ((20, 22, 34), (28, 28, 20)):
        at = [np.float32(v).reshape(1, 1, 1) for v in (index - middle) * 5.0]
        assert what.density(*at).item() > 0.4
        mirrored = [at[0], at[1], -at[2]]
        assert what.density(*mirrored).item() < what.density(*at).item() - 0.3
    assert what.reach == 90.0
    assert 1.5 > what.extent > 0.8


def test_an_empty_density_map_is_refused():
    empty = Tomogram(
        name="p0", volume=np.full((20, 20, 20), -1, np.float32), voxel_size=5.0
    )
    with pytest.raises(ValueError, match="p0 has no value above 0; expected a map"):
        body_from_map(empty, 90.0, 10.0)
