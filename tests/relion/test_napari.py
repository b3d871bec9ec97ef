"""napari shows a tomogram and its picks, and what it saves is read again."""

from pathlib import Path

import numpy as np
import pytest

from picker.config import Particle
from picker.formats.picks.known import read_known_picks
from tests.relion.test_libraries import ask
from tests.unit.verbs.test_view import POSITION, SHAPE, VOXEL_SIZE, project

pytestmark = pytest.mark.interop
__all__ = ["project"]


@pytest.mark.parametrize("name", ["a", "b"])
def test_napari_shows_volume_and_picks_and_saves_labels(project, tmp_path, name):
    saved = tmp_path / "ribosome.csv"
    found = ask("napari", "show", tmp_path, name, saved)
    image, ribosome, never, proteasome = found["layers"]
    assert (image["kind"], image["shape"]) == ("Image", list(SHAPE))
    for layer in found["layers"]:
        assert layer["scale"] == [VOXEL_SIZE] * 3
        assert layer["units"] == ["angstrom"] * 3
    assert [one["name"] for one in (ribosome, never, proteasome)] == [
        "ribosome",
        "never",
        "proteasome",
    ]
    np.testing.assert_allclose(ribosome["places"], POSITION[:1])
    np.testing.assert_allclose(proteasome["places"], POSITION[1:])
    assert (never["places"], never["score"]) == ([], [])
    assert (ribosome["score"], proteasome["score"]) == ([0.5], [0.25])
    assert (ribosome["size"], proteasome["size"]) == ([30.0], [12.0])
    assert ribosome["color"] == [[10, 20, 30, 255]]
    assert found["depth"] == SHAPE[0] // 2 * VOXEL_SIZE
    particles = [Particle(name="ribosome", radius=150)]
    again, _ = read_known_picks([Path(saved)], "a", particles, VOXEL_SIZE, SHAPE)
    np.testing.assert_allclose(again.position_zyx, POSITION[:1])
