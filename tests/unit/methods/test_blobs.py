import json

import numpy as np
import pytest
import torch
from scipy import ndimage

from picker.__main__ import main
from picker.config import Config, Particle, PredictSettings
from picker.config.blobs import BlobsSettings
from picker.formats.picks.star import read_picks
from picker.formats.volumes.mrc import write_volume
from picker.methods import load

VOXEL = 10.0
SHAPE = (48, 64, 72)
SMALL, LARGE = Particle(name="small", radius=40), Particle(name="large", radius=80)
CENTRES = {"small": [[10, 12, 14], [36, 50, 60]], "large": [[24, 36, 22], [22, 16, 50]]}


@pytest.fixture
def volume():
    """Dark balls of two sizes in noise [standard deviations of it]."""
    rng = np.random.default_rng(0)
    found = rng.standard_normal(SHAPE).astype(np.float32)
    grid = np.indices(SHAPE)
    for particle in (SMALL, LARGE):
        for centre in CENTRES[particle.name]:
            distance = np.sqrt(((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(0))
            ball = ndimage.gaussian_filter(
                (distance < particle.radius / VOXEL) * 1.0, 1
            )
            found -= 2 * ball.astype(np.float32)
    return found


def finder(particles, **settings):
    def section(name, kind):
        given = {"blobs": BlobsSettings(**settings), "predict": PredictSettings()}
        assert isinstance(given[name], kind)
        return given[name]

    return load("blobs").finder([], particles, section, torch.device("cpu"))


def test_each_class_is_found_where_it_is(volume):
    picks = finder((SMALL, LARGE)).candidates(volume, VOXEL)
    assert (np.diff(picks.score) <= 0).all()
    for particle in (SMALL, LARGE):
        best = picks.of(particle.name)
        centres = VOXEL * np.array(CENTRES[particle.name], float)
        away = np.linalg.norm(centres[:, None] - best.position_zyx[:6], axis=2)
        assert (away.min(axis=1) < 0.5 * particle.radius).all()
        assert ((best.score >= 0.05) & (best.score < 1)).all()


def test_brightness_and_contrast_do_not_change_what_is_found(volume):
    one = finder((LARGE,)).candidates(volume, VOXEL)
    other = finder((LARGE,)).candidates(3 * volume + 5, VOXEL)
    # Of weak ones rounding decides.
    best = slice(2)
    np.testing.assert_allclose(
        other.position_zyx[best], one.position_zyx[best], atol=0.2
    )
    np.testing.assert_allclose(other.score[best], one.score[best], atol=1e-3)


def test_a_volume_without_noise_has_no_candidates():
    flat = np.zeros(SHAPE, np.float32)
    assert len(finder((SMALL,)).candidates(flat, VOXEL)) == 0


def test_a_file_is_picked_without_a_model(tmp_path, volume, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_volume(tmp_path / "a.mrc", volume, VOXEL)
    particles = [p.model_dump(mode="json") for p in (SMALL, LARGE)]
    (tmp_path / "particles.json").write_text(json.dumps(particles))
    (tmp_path / "pick.json").write_text('{"thresholds": {"small": 0.6, "large": 0.6}}')
    words = "predict a.mrc --method blobs --output a.star --settings particles.json"
    assert main([*words.split(), "pick.json"]) == 0
    large = read_picks(tmp_path / "a.star").of("large")
    away = np.linalg.norm(
        VOXEL * np.array(CENTRES["large"])[:, None] - large.position_zyx, axis=2
    )
    assert (away.min(axis=1) < 40).all()


def test_a_model_or_a_method_is_wanted_not_both(tmp_path, capsys):
    words = f"predict a.mrc --output {tmp_path / 'a.star'}"
    assert main(words.split()) == 1
    assert (
        "expected --model with a trained model, or --method" in capsys.readouterr().err
    )
    assert main([*words.split(), "--method", "blobs", "--model", "m"]) == 1
    assert "not both" in capsys.readouterr().err


def test_settings_that_find_nothing_are_refused():
    given = {"particles": [{"name": "a", "radius": 60}], "blobs": {"sizes": [0.0]}}
    with pytest.raises(ValueError, match=r"blobs\.sizes"):
        Config.model_validate(given)
