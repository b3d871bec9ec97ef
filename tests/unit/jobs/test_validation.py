import logging

import numpy as np
import pytest

from picker.config import CalibrateSettings, PartialSettings, Particle, PickSettings
from picker.core.picks import concatenate, picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.jobs import stored, validation
from picker.scoring.held_out import held_out
from picker.volumes.halves import half
from picker.volumes.noise import noisy_copy
from tests.unit.predicted import preprocessed

RIBOSOME, PROTEASOME = (
    Particle(name="ribosome", radius=100),
    Particle(name="proteasome", radius=80),
)
PARTIAL = PartialSettings(held_out=0.2)
GRID = np.stack(np.meshgrid(*3 * [np.arange(100, 1900, 250.0)]), -1).reshape(-1, 3)


class Found:
    """A finder of candidates that were found already, whatever the volume."""

    def __init__(self, candidates):
        self.candidates_of = candidates

    def candidates(self, volume, voxel_size):
        return self.candidates_of


@pytest.fixture(autouse=True)
def no_volume(monkeypatch):
    monkeypatch.setattr(validation, "stored_volume", lambda entry: None)


def of(name, positions, score=None):
    return picks_from_arrays(positions, [name] * len(positions), score)


@pytest.fixture
def partial(tmp_path):
    """Of 300 ribosomes 100 have labels; 250 are found, and others of lower score.

    Returns a tomogram, given expected numbers, and the finder.
    """
    truth = GRID[:300]
    labels = of("ribosome", truth[:100])
    write_picks(tmp_path / "labels.star", labels)
    is_found = np.arange(300) % 6 > 0
    score = 0.9 - np.random.default_rng(0).uniform(0, 0.1, 300)
    wrong = GRID[300:]
    candidates = concatenate(
        [
            of("ribosome", truth[is_found], score[is_found]),
            of("ribosome", wrong, np.linspace(0.1, 0.4, len(wrong))),
        ]
    )

    def entry(**expected):
        return preprocessed(
            "t",
            "partial",
            labels=tmp_path / "labels.star",
            shape_zyx=(200, 200, 200),
            expected=expected,
        )

    return entry, Found(candidates)


def test_a_number_that_nobody_knows_is_estimated_from_labels_held_out(partial, caplog):
    entry, finder = partial
    with caplog.at_level(logging.INFO):
        number = validation.hidden_numbers(
            finder, [entry()], (RIBOSOME, PROTEASOME), PARTIAL
        )
    # 80 labels train: 220 of 300 do not.
    assert number[0] == pytest.approx(220, rel=0.15)
    assert np.isnan(number[1])
    assert "ribosome: about 196 in" in caplog.text
    assert "of 20 held-out labels that are found" in caplog.text
    assert "how many proteasome have no label stays unknown" in caplog.text


def test_given_numbers_are_not_estimated(partial, caplog):
    entry, _ = partial
    whole = [entry(ribosome=300, proteasome=1)]
    with caplog.at_level(logging.INFO):
        number = validation.hidden_numbers(None, whole, (RIBOSOME, PROTEASOME), PARTIAL)
    assert np.isnan(number).all()
    assert caplog.text == ""


def test_unlabeled_particles_do_not_raise_a_threshold(partial):
    entry, finder = partial
    entries = [entry(ribosome=300)]
    best = validation.thresholds_of_partial(finder, entries, (RIBOSOME,), PARTIAL)
    assert 0.3 < best["ribosome"].threshold < 0.8
    assert best["ribosome"].f > 0.85
    # If what has no label were wrong, two of three picks would be.
    as_complete = validation.thresholds_of(finder, entries, (RIBOSOME,))
    assert as_complete["ribosome"].f < 0.5


def test_labels_are_taken_apart_as_training_takes_them():
    labels = of("ribosome", GRID[:100])
    train, out = held_out(labels, PARTIAL.held_out)
    assert (len(train), len(out)) == (80, 20)


class Heard(Found):
    """Also keeps the volumes that it was given."""

    def __init__(self, *candidates):
        self.left, self.volumes = list(candidates), []

    def candidates(self, volume, voxel_size):
        self.volumes.append(np.asarray(volume, np.float32))
        return self.left[len(self.volumes) - 1]


def test_training_calibrates_as_the_pipeline_does(tmp_path, monkeypatch):
    """Noisy copies, the user's beta and the least distance between picks count."""
    volume = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float16)
    monkeypatch.setattr(validation, "stored_volume", lambda entry: volume)
    truth = np.array([[100.0, 100, 100], [100, 100, 180]])
    write_picks(tmp_path / "l.star", of("ribosome", truth))
    labeled, held_back = (
        preprocessed(*("t", split), labels=tmp_path / "l.star", shape_zyx=volume.shape)
        for split in ("labeled", "validation")
    )
    sure = of("ribosome", truth, np.array([0.9, 0.8]))
    unsure = of("ribosome", truth, np.array([0.4, 0.3]))
    settings = CalibrateSettings(noisy_copies=1, noise=0.5, beta=4.0)
    apart = PickSettings(min_distance_per_radius=0.5)
    finder = Heard(sure, unsure)
    best = validation.thresholds_of(finder, [labeled], (RIBOSOME,), settings, apart)
    assert best["ribosome"].threshold == pytest.approx(0.15)
    assert best["ribosome"].f == 1
    assert best["ribosome"].num_truth == 4
    plain, noisy = finder.volumes
    assert np.array_equal(plain, volume)
    assert np.array_equal(noisy, noisy_copy(volume, 0.5, "t", 0))
    # With the default distance, a radius, the second pick gives way to the first.
    finder = Heard(sure, unsure)
    best = validation.thresholds_of(finder, [labeled], (RIBOSOME,), settings)
    assert best["ribosome"].f == pytest.approx(17 * 2 / (2 + 16 * 4))
    # Validation tomograms trained nothing: they need no noise.
    finder = Heard(sure)
    validation.thresholds_of(finder, [held_back], (RIBOSOME,), settings, apart)
    assert len(finder.volumes) == 1


@pytest.mark.parametrize("copies", ["auto", "halves"])
def test_training_calibrates_on_halves_where_the_pipeline_does(
    tmp_path, monkeypatch, copies
):
    rng = np.random.default_rng(0)
    volume, noise = rng.normal(size=(2, 20, 20, 20)).astype(np.float16)
    monkeypatch.setattr(validation, "stored_volume", lambda entry: volume)
    monkeypatch.setattr(stored, "stored_noise", lambda entry: entry.noise and noise)
    truth = of("ribosome", np.array([[100.0, 100, 100]]), np.array([0.9]))
    write_picks(tmp_path / "l.star", truth)
    made = {"labels": tmp_path / "l.star", "shape_zyx": volume.shape}
    entry = preprocessed("t", "labeled", **made, noise=tmp_path, noise_spread=0.5)
    settings = CalibrateSettings(copies=copies)
    finder = Heard(truth, truth, truth)
    best = validation.thresholds_of(finder, [entry], (RIBOSOME,), settings)
    assert best["ribosome"].num_truth == 3
    plain, even, odd = finder.volumes
    assert np.array_equal(plain, volume)
    assert np.array_equal(even, half(volume, noise, 0.5, 1))
    assert np.array_equal(odd, half(volume, noise, 0.5, -1))
    without = preprocessed("t", "labeled", **made)
    settings = CalibrateSettings(copies="halves")
    with pytest.raises(ValueError, match="t has no even half; expected both"):
        validation.thresholds_of(Found(truth), [without], (RIBOSOME,), settings)
