import numpy as np
import pytest

from picker.config import ContrastSettings, Particle
from picker.core.picks import picks_from_arrays
from picker.core.tomogram import Tomogram
from picker.refining.contrast import contrast, with_contrast

RIBOSOME = Particle(name="ribosome", radius=40)


def tomogram(volume):
    return Tomogram(name="a", volume=volume, voxel_size=10.0)


def balls(centres, shape, depth=1.0):
    volume = np.zeros(shape, np.float32)
    grid = np.indices(shape)
    for centre in centres:
        away = np.linalg.norm(grid - np.reshape(centre, (3, 1, 1, 1)), axis=0)
        volume[away <= 4] -= depth
    return volume


def test_a_dark_ball_has_the_contrast_of_its_depth():
    volume = balls([(10, 10, 10)], (24, 24, 24)) + 5
    where = np.array([[100.0, 100, 100], [180, 180, 180]])
    assert contrast(where, 40.0, tomogram(volume)) == pytest.approx([1, 0])
    assert contrast(where, 40.0, tomogram(volume), False) == pytest.approx([-4, -5])
    # At a corner what is left of ball and shell counts; far outside nothing is known.
    assert contrast(np.zeros((1, 3)), 40.0, tomogram(volume)) == pytest.approx([0])
    assert np.isnan(contrast(np.full((1, 3), 900.0), 40.0, tomogram(volume)))


def test_on_an_uneven_background_the_shell_tells_and_the_whole_tomogram_does_not():
    rng = np.random.default_rng(0)
    shape = (16, 144, 144)
    places = [(8, y, x) for y in range(8, 140, 16) for x in range(8, 140, 16)]
    right, wrong = places[::2], places[1::2]
    volume = balls(right, shape, depth=1.5) + rng.normal(0, 1, shape)
    volume += 2.0 * np.linspace(-1, 1, shape[2])
    volume = ((volume - volume.mean()) / volume.std()).astype(np.float16)
    picks = picks_from_arrays(
        np.array([*right, *wrong]) * 10.0, ["ribosome"] * len(places)
    )

    def found(against, least):
        settings = ContrastSettings(least={"ribosome": least}, against=against)
        kept = with_contrast(picks, [RIBOSOME], settings, tomogram(volume))
        true = {tuple(p) for p in np.array(right) * 10.0}
        tp = sum(tuple(p) in true for p in kept.position_zyx)
        return 2 * tp / (len(kept) + len(right))

    cuts = np.arange(-1, 1, 0.1)
    local, whole = (max(found(a, c) for c in cuts) for a in ("shell", "tomogram"))
    assert local > 0.97
    assert whole < local - 0.2
    # The report's own cut.
    assert found("tomogram", 0.1) < 0.75 < found("shell", 0.1)


def test_classes_without_a_cut_stay():
    empty = tomogram(np.zeros((8, 8, 8), np.float32))
    other = Particle(name="other", radius=20)
    both = picks_from_arrays(np.full((2, 3), 30.0), ["ribosome", "other"])
    least = ContrastSettings(least={"other": 0.1})
    kept = with_contrast(both, [RIBOSOME, other], least, empty)
    assert kept.particle.tolist() == ["ribosome"]
