import json

import numpy as np
import pytest
import torch
from scipy import ndimage

from picker.__main__ import main
from picker.config import Config, Particle, PredictSettings, SimulateSettings
from picker.config.blobs import BlobsSettings
from picker.finding.laplacian import dark_blobs
from picker.formats.picks.star import read_picks
from picker.formats.volumes.mrc import write_volume
from picker.methods import blobs, load
from picker.refining.select import picks_apart
from picker.scoring.match import match_picks
from picker.volumes.phantoms.micrographs import simulate_micrograph

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


def write_settings(folder, name, content):
    (folder / name).write_text(json.dumps(content))


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


def test_a_class_without_labels_has_the_threshold_of_the_settings(
    tmp_path, volume, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_volume(tmp_path / "a.mrc", volume, VOXEL)
    write_settings(tmp_path, "particles.json", [p.model_dump() for p in (LARGE,)])
    counts = {}
    for height in (2.5, 6.0):
        write_settings(tmp_path, "blobs.json", {"threshold_sd": height})
        words = "predict a.mrc --method blobs --output a.star --settings"
        assert main([*words.split(), "particles.json", "blobs.json"]) == 0
        found = read_picks(tmp_path / "a.star")
        assert (found.score >= 0.5).all()
        counts[height] = len(found)
    said = "threshold 0.5, which is the score of blobs.threshold_sd"
    assert said in capsys.readouterr().err
    assert counts[2.5] > counts[6.0] >= 2
    write_settings(tmp_path, "pick.json", {"top_k": 1})
    assert main([*words.split(), "particles.json", "pick.json"]) == 0
    assert len(read_picks(tmp_path / "a.star")) == 1


def test_a_gold_bead_is_no_pick_and_changes_no_noise(tmp_path, volume, monkeypatch):
    """The darkest blob of all, unless gold is avoided."""
    monkeypatch.chdir(tmp_path)
    bead = np.array([36.0, 14, 50])
    grid = np.indices(SHAPE)
    distance = np.sqrt(((grid - bead.reshape(3, 1, 1, 1)) ** 2).sum(0))
    write_volume(tmp_path / "a.mrc", volume - 40 * (distance < 4), VOXEL)
    write_settings(tmp_path, "particles.json", [LARGE.model_dump()])
    best = {}
    for gold in (None, 50.0):
        write_settings(tmp_path, "preprocess.json", {"avoid_gold": gold})
        words = "predict a.mrc --method blobs --output a.star --settings"
        assert main([*words.split(), "particles.json", "preprocess.json"]) == 0
        best[gold] = read_picks(tmp_path / "a.star")
    assert np.linalg.norm(best[None].position_zyx[0] - VOXEL * bead) < 40
    gap = np.linalg.norm(best[50.0].position_zyx - VOXEL * bead, axis=1)
    assert gap.min() > 80
    centres = VOXEL * np.array(CENTRES["large"], float)
    away = np.linalg.norm(centres[:, None] - best[50.0].position_zyx[:2], axis=2)
    assert away.min(axis=1).max() < 40


def test_noise_is_that_of_the_region(volume):
    """Vacuum has less of it, at whatever resolution the region comes."""
    inside = np.zeros(SHAPE, bool)
    inside[:24] = True
    thin = np.where(inside, volume, 0.1 * volume).astype(np.float32)
    heights = [
        finder((LARGE,)).deviations(thin, 8.0, region)[0].max()
        for region in (None, inside, inside[::2, ::2, ::2])
    ]
    assert heights[0] > 1.3 * heights[1]
    assert heights[2] == pytest.approx(heights[1], rel=0.1)
    assert heights[1] == pytest.approx(
        finder((LARGE,)).deviations(volume[:24], 8.0)[0].max(), rel=0.2
    )


def test_a_region_without_a_voxel_of_the_grid_has_no_candidates(volume):
    nowhere = np.zeros(SHAPE, bool)
    assert len(finder((LARGE,)).candidates(volume, VOXEL, nowhere)) == 0


def test_the_coarse_grid_finds_the_same(volume, monkeypatch):
    """Its places are as far apart as a Gaussian allows, or one voxel."""
    coarse = finder((LARGE,)).candidates(volume, VOXEL)
    assert finder((LARGE,)).deviations(volume, 8.0)[1] == 2
    monkeypatch.setattr(blobs, "SIGMA_PER_PLACE", 100)
    fine = finder((LARGE,)).candidates(volume, VOXEL)
    best = slice(2)
    np.testing.assert_allclose(
        coarse.position_zyx[best], fine.position_zyx[best], atol=0.1 * LARGE.radius
    )
    np.testing.assert_allclose(coarse.score[best], fine.score[best], atol=0.05)


def test_an_image_is_filtered_too(volume):
    image = volume[24]
    score, stride = finder((LARGE,)).deviations(image, 8.0)
    y, x = np.unravel_index(score.argmax(), score.shape)
    found = np.array([y, x]) * stride + (stride - 1) / 2
    gap = np.linalg.norm(np.array(CENTRES["large"])[:, 1:] - found, axis=1)
    assert gap.min() < 4


def test_the_published_formula_is_narrow_and_unnormalised(volume):
    """A size's Gaussian is d/4π wide, and one noise divides all sizes."""
    found = finder((LARGE,), formula="as_published", sizes=(1.0,))
    score, stride = found.deviations(volume, 12.0)
    ours = finder((LARGE,), sizes=(1.0,), sigma_per_radius=1 / (2 * np.pi))
    expected, _ = ours.deviations(volume, 12.0)
    assert stride == 1
    np.testing.assert_allclose(score, expected, rtol=1e-4, atol=1e-4)
    both = finder((LARGE,), formula="as_published", sizes=(1.0, 2.0))
    apart, _ = both.deviations(volume, 12.0)
    narrow, wide = (
        s**2 * np.maximum(dark_blobs(volume, s), 0) for s in (6 / np.pi, 12 / np.pi)
    )
    larger = np.maximum(narrow, wide)
    there = larger > 0.1 * larger.max()
    ratio = apart[there] / larger[there]
    assert ratio.std() < 1e-3 * ratio.mean()


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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_most_particles_of_a_micrograph_are_found(seed):
    """Among twice as many candidates, at a signal-to-noise ratio of .35."""
    particles = (Particle(name="ribosome", radius=60),)
    settings = SimulateSettings(
        **{"shape_zyx": (30, 256, 320), "voxel_size": 5, "particles_per_class": 25},
        **{"snr": (0.35, 0.35), "seed": seed},
    )
    micrograph, truth = simulate_micrograph("m", 0, particles, settings)
    found = finder(particles).candidates(micrograph.volume, micrograph.voxel_size)
    assert (found.position_zyx[:, 0] == 0).all()
    apart = picks_apart(found, 60)
    best = apart.select(np.arange(2 * len(truth)))
    match = match_picks(best.position_zyx, best.score, truth.position_zyx, 30)
    assert np.count_nonzero(match >= 0) >= 0.8 * len(truth) > 10


def test_noise_in_a_micrograph_is_that_of_the_region():
    rng = np.random.default_rng(0)
    image = rng.standard_normal((1, 128, 160)).astype(np.float32)
    image[:, :, 80:] *= 0.1
    image[0, 55:71, 30:46] -= 1
    region = np.zeros(image.shape, bool)
    region[:, :, :80] = True
    one, other = (
        finder((LARGE,)).candidates(image, VOXEL, where).score[0]
        for where in (region, None)
    )
    assert other > 1.1 * one
