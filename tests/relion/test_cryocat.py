"""CryoCAT, which knows lists of Dynamo, STOPGAP, AV3 and RELION, judges our angles.

It keeps the numbers of places as they are, whatever they count from.
"""

import numpy as np
import pytest

from picker.config import Particle
from picker.formats.picks.known import read_known_picks
from tests.relion.test_libraries import SHAPE, VOXEL_SIZE, ask, oriented

__all__ = ["oriented"]
pytestmark = pytest.mark.interop

LISTS = {
    "dynamo": "dynamo/ribosome.tbl",
    "stopgap": "stopgap/ribosome.star",
    "emmotl": "av3/ribosome.em",
}
"""CryoCAT's name of a kind: our file of it."""
FIRST = {"dynamo": 0, "stopgap": 1, "emmotl": 1}
"""What our files call the first voxel."""


@pytest.mark.parametrize("kind", LISTS)
def test_cryocat_has_our_poses(oriented, kind):
    folder, picks = oriented
    found = ask("cryocat", "poses", folder / LISTS[kind], kind)
    turns_zyx = np.array(found["turn_xyz"])[:, ::-1, ::-1]
    np.testing.assert_allclose(turns_zyx, picks.rotation, atol=1e-6)
    place_zyx = (np.array(found["place_xyz"])[:, ::-1] - FIRST[kind]) * VOXEL_SIZE
    np.testing.assert_allclose(place_zyx, picks.position_zyx, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "output", "file", "first"),
    [
        ("stopgap", "emmotl", "a.em", 1),
        ("emmotl", "stopgap", "a.star", 1),
        ("stopgap", "dynamo", "a.tbl", 0),
        ("stopgap", "relion3.1", "a.star", 0),
        ("stopgap", "relion4.0", "a.star", 1),
    ],
)
def test_what_cryocat_writes_is_read(oriented, tmp_path, kind, output, file, first):
    folder, picks = oriented
    path = tmp_path / file
    ask("cryocat", "copy", folder / LISTS[kind], kind, path, output)
    particles = [Particle(name="ribosome", radius=150)]
    again, _ = read_known_picks([path], "1", particles, VOXEL_SIZE, SHAPE)
    np.testing.assert_allclose(again.rotation, picks.rotation, atol=1e-6)
    shift = (FIRST[kind] - first) * VOXEL_SIZE
    np.testing.assert_allclose(
        again.position_zyx, picks.position_zyx + shift, atol=1e-4
    )
