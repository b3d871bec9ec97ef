"""Averages of particles whose poses are known, of round ones and of noise."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from picker.averaging.align import averages_of
from picker.averaging.boxes import CENTRE, RADIUS
from picker.averaging.poses import Poses, mean_of, prepared
from picker.averaging.spectra import MEASURED, box_of, spectrum_of

BLOBS = [[-0.4, 0.0, 0.0], [0.3, 0.5, 0.1], [0.3, -0.3, 0.4], [0.2, -0.2, -0.6]]


def particle(rotation=None, shift=(0, 0, 0), round_=False):
    """Four unequal blobs, or a hollow sphere; dark, as all particles are."""
    axis = np.arange(32) - CENTRE
    place = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1) - np.array(shift)
    if round_:
        distance = np.linalg.norm(place, axis=-1) / RADIUS
        return -np.exp(-(((distance - 0.7) / 0.15) ** 2)).astype(np.float32)
    rotation = np.eye(3) if rotation is None else rotation
    box = np.zeros((32, 32, 32), np.float32)
    for number, blob in enumerate(np.array(BLOBS) * RADIUS):
        gap = np.linalg.norm(place - rotation @ blob, axis=-1) / RADIUS
        box -= np.exp(-((gap / (0.16 + 0.04 * number)) ** 2)).astype(np.float32)
    return box


def in_a_tomogram(clean, rng, noise):
    """Add noise, and take away what a tilt series does not see."""
    grain = ndimage.gaussian_filter(rng.normal(0, 1, clean.shape), 0.6, mode="wrap")
    box = clean + noise * grain / grain.std()
    return prepared(box_of(spectrum_of(box) * MEASURED))


def boxes_of(num, noise, *, what="blobs", seed=0):
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(num, rng=rng).as_matrix()
    shifts = rng.normal(0, 0.06 * RADIUS, (num, 3))
    made = []
    for rotation, shift in zip(rotations, shifts, strict=True):
        clean = np.zeros((32, 32, 32), np.float32)
        if what != "noise":
            clean = particle(rotation, shift, round_=what == "round")
        made.append(in_a_tomogram(clean, rng, noise))
    return made, Poses(
        rotation=rotations.astype(np.float32), shift_zyx=shifts.astype(np.float32)
    )


def likeness(one, other):
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_in_their_true_poses_particles_average_to_the_particle():
    """The missing wedges of differently turned particles fill each other."""
    boxes, poses = boxes_of(40, 0.05)
    assert likeness(mean_of(boxes, poses).box(12), particle()) > 0.97
    assert max(likeness(box, particle()) for box in boxes) < 0.8


@pytest.fixture(scope="module")
def aligned():
    return averages_of(boxes_of(60, 0.3)[0])


def test_alignment_finds_what_particles_have_in_common(aligned):
    assert aligned.aligned_agreement > 0.3
    assert aligned.gain > 0.2


@pytest.mark.parametrize("what", ["noise", "round"])
def test_alignment_invents_no_structure(what):
    found = averages_of(boxes_of(60, 0.3, what=what)[0])
    assert abs(found.gain) < 0.1
    if what == "noise":
        assert abs(found.agreement) < 0.1
        assert abs(found.aligned_agreement) < 0.15
    else:
        assert found.agreement > 0.5
