import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from picker.__main__ import main
from picker.averaging.rotations import even_rotations
from picker.config import Config, Particle, PredictSettings
from picker.config.template import TemplateSettings
from picker.formats.picks.star import read_picks
from picker.formats.volumes.mrc import write_volume
from picker.jobs.loaded import read_loaded
from picker.methods import load
from picker.methods.template import binning, chosen_step, number_of_rotations
from tests.unit.finding.particle import RADIUS, density, density_map

VOXEL = 20.0
SHAPE = (32, 40, 44)
CENTRES = np.array([[12.3, 11.4, 14.0], [20.0, 28.2, 29.6]])
"""Of the particles [voxels]."""
THREE = Particle(name="three", radius=RADIUS)
WIDE = {"angular_step": 40.0, "resolution": 40.0, "max_tilt": 90.0}


@pytest.fixture(scope="module")
def volume():
    """Two dark particles in noise."""
    rng = np.random.default_rng(1)
    found = rng.normal(0, 0.4, SHAPE).astype(np.float32)
    for centre in CENTRES:
        found -= density(SHAPE, centre, voxel_size=VOXEL)
    return found - found.mean()


def finder(particles=(THREE,), maps=None, **settings):
    def section(name, kind):
        given = {
            "template": TemplateSettings(**{**WIDE, **settings}),
            "predict": PredictSettings(),
        }
        assert isinstance(given[name], kind)
        return given[name]

    densities = {"three": density_map()} if maps is None else maps
    method = load("template", densities)
    return method.finder([], particles, section, torch.device("cpu"))


@pytest.mark.parametrize("normalise", ["local", "global"])
def test_particles_are_found_within_half_a_voxel(volume, normalise):
    picks = finder(normalise=normalise).candidates(volume, VOXEL)
    assert (np.diff(picks.score) <= 0).all()
    assert ((picks.score >= 0.05) & (picks.score < 1)).all()
    best = picks.position_zyx[:2] / VOXEL
    away = np.abs(CENTRES[:, None] - best)
    assert (away.max(axis=2).min(axis=1) <= 0.5).all()


def test_light_particles_are_not_found(volume):
    picks = finder().candidates(-volume, VOXEL)
    best = picks.position_zyx[:2]
    away = np.linalg.norm(VOXEL * CENTRES[:, None] - best, axis=2)
    assert (away > 0.5 * RADIUS).all()


def test_a_fine_volume_is_binned_and_positions_stay(volume):
    fine = np.repeat(np.repeat(np.repeat(volume, 2, 0), 2, 1), 2, 2)
    picks = finder().candidates(fine, VOXEL / 2)
    # Each voxel became two, whose middle is a quarter of a voxel further on.
    expected = VOXEL * (CENTRES + 0.25)
    away = np.linalg.norm(expected[:, None] - picks.position_zyx[:2], axis=2)
    assert (away.min(axis=1) < 0.75 * VOXEL).all()
    assert (picks.position_zyx <= (np.array(fine.shape) - 1) * VOXEL / 2).all()


def test_binning_keeps_two_voxels_in_the_resolution():
    assert binning(60.0, 10.0) == 3
    assert binning(60.0, 8.0) == Fraction(15, 4)
    assert binning(60.0, 31.36) == 1


def test_the_step_follows_from_resolution_and_size():
    assert chosen_step(60.0, 150.0) == pytest.approx(11.46, abs=0.01)
    assert chosen_step(60.0, 50.0) == 30
    assert (number_of_rotations(30.0), number_of_rotations(15.0)) == (550, 4400)


def test_a_volume_without_an_image_has_no_candidates():
    assert len(finder().candidates(np.zeros(SHAPE, np.float32), VOXEL)) == 0


def test_classes_without_a_map_are_named():
    other = Particle(name="other", radius=50)
    with pytest.raises(ValueError, match="no density map of other; expected one"):
        finder((THREE, other))


def test_a_particle_larger_than_the_tomogram_is_refused(volume):
    with pytest.raises(ValueError, match=r"three is 160 Å .* shortest axis is 140 Å"):
        finder().candidates(volume[:7], VOXEL)


def test_a_mask_may_reach_beyond_the_tomogram(volume):
    picks = finder().candidates(volume[4:15], VOXEL)  # the ball is 300 Å wide
    away = picks.position_zyx[0] / VOXEL - (CENTRES[0] - [4, 0, 0])
    assert np.abs(away).max() < 0.75


def test_settings_name_classes_without_a_map():
    particles = [
        {"name": "a", "radius": 60, "density": "a.mrc"},
        {"name": "b", "radius": 60},
    ]
    with pytest.raises(ValueError, match="density map of every class, and b has none"):
        Config.model_validate({"particles": particles, "method": "template"})
    assert Config.model_validate({"particles": particles}).method != "template"


def predict(folder, volume, density_file):
    write_volume(folder / "a.mrc", volume, VOXEL)
    three = {"name": "three", "radius": RADIUS, "density": density_file}
    (folder / "particles.json").write_text(json.dumps([three]))
    (folder / "template.json").write_text(json.dumps(WIDE))
    (folder / "pick.json").write_text('{"thresholds": {"three": 0.55}}')
    words = "predict a.mrc --method template --output a.star --settings particles.json"
    return main([*words.split(), "template.json", "pick.json"])


def test_a_file_is_picked_by_a_map(tmp_path, volume, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_volume(tmp_path / "map.mrc", density_map().volume, 10.0)
    assert predict(tmp_path, volume, "map.mrc") == 0
    picks = read_picks(tmp_path / "a.star")
    away = np.linalg.norm(VOXEL * CENTRES[:, None] - picks.position_zyx, axis=2)
    assert (away.min(axis=1) < 0.5 * VOXEL * np.sqrt(3)).all()


@pytest.mark.parametrize(
    ("map_volume", "voxel_size", "expected"),
    [
        (None, 0.0, "map.mrc does not exist; fix its path"),
        (density_map().volume, 1.0, "map.mrc is exactly 1.0 Å"),
        (np.ones((20, 20, 20), np.float32), 10.0, "map.mrc is constant"),
    ],
)
def test_a_map_that_cannot_be_used_is_named(
    tmp_path, volume, monkeypatch, capsys, map_volume, voxel_size, expected
):
    monkeypatch.chdir(tmp_path)
    if map_volume is not None:
        write_volume(tmp_path / "map.mrc", map_volume, voxel_size)
    assert predict(tmp_path, volume, "map.mrc") == 1
    error = capsys.readouterr().err
    assert "density map of three: " in error
    assert expected in error


def test_another_map_in_the_same_file_makes_candidates_again(tmp_path):
    three = {"name": "three", "radius": RADIUS, "density": str(tmp_path / "map.mrc")}
    settings = tmp_path / "particles.json"
    settings.write_text(json.dumps([three]))
    keys = set()
    for factor in (1.0, 1.0, 2.0):
        write_volume(tmp_path / "map.mrc", density_map().volume ** factor, 10.0)
        keys.add(read_loaded([], "template", [settings]).model_key)
    assert len(keys) == 2


def test_candidates_have_the_rotation_that_matches_best(monkeypatch):
    turns = Rotation.from_rotvec([[0.9, -0.4, 1.3], [-2.0, 0.7, 0.2]]).as_matrix()
    tried = np.concatenate([even_rotations(40), turns]).astype(np.float32)
    monkeypatch.setattr("picker.methods.template.even_rotations", lambda _: tried)
    noisy = np.random.default_rng(2).normal(0, 0.2, SHAPE).astype(np.float32)
    for centre, turn in zip(np.rint(CENTRES), turns, strict=True):
        noisy -= density(SHAPE, centre, turn, VOXEL)
    picks = finder().candidates(noisy - noisy.mean(), VOXEL)
    away = np.linalg.norm(VOXEL * CENTRES[:, None] - picks.position_zyx, axis=2)
    found = picks.rotation[away.argmin(axis=1)]
    np.testing.assert_allclose(found, turns, atol=1e-6)
