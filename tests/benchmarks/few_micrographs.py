"""Simulated micrographs, few of them labeled: what benchmarks here share."""

import numpy as np
import torch

from picker.config import Particle, PredictSettings, SimulateSettings
from picker.config.blobs import BlobsSettings
from picker.encodings.discs import discs_on_slice
from picker.encodings.squares import squares_from_discs, turned
from picker.methods.blobs import BlobFinder
from picker.scoring.match import kept_by_score, pooled_matches
from picker.training.detr.targets import Truth
from picker.volumes.phantoms.micrographs import simulate_micrograph

PARTICLE = Particle(name="ribosome", radius=120)
VOXEL_SIZE = 10.0
RADIUS = np.array([PARTICLE.radius / VOXEL_SIZE])
EDGE = 128
"""Of a micrograph [pixels]."""
NUM_LABELED, NUM_UNLABELED, NUM_TEST = 5, 60, 30


def micrographs(seed, num_labeled=NUM_LABELED):
    """Return labeled, unlabeled and test micrographs with their truth.

    The test ones are the same, however many of the others have labels.
    """
    settings = SimulateSettings(
        shape_zyx=(1, EDGE, EDGE),
        voxel_size=VOXEL_SIZE,
        particles_per_class=10,
        snr=(0.05, 0.2),
        seed=seed,
    )
    numbers = range(NUM_LABELED + NUM_UNLABELED + NUM_TEST)
    made = [simulate_micrograph(f"m{i}", i, (PARTICLE,), settings) for i in numbers]
    last = NUM_LABELED + NUM_UNLABELED
    return made[:num_labeled], made[num_labeled:last], made[last:]


def a_tenth(tomograms, seed):
    """Return micrographs with a tenth of their labels, at least one of each."""
    rng = np.random.default_rng(seed)
    return [
        (t, truth.select(rng.permutation(len(truth))[: max(1, round(len(truth) / 10))]))
        for t, truth in tomograms
    ]


def blobs(tomograms):
    """Return the blobs of each micrograph, best first, widest where a disc is."""
    disc = BlobsSettings(sigma_per_radius=0.707)
    finder = BlobFinder((PARTICLE,), disc, PredictSettings())
    return {t.name: finder.candidates(t.volume, t.voxel_size) for t, _ in tomograms}


def squares(picks):
    """Return what the network should find."""
    number = np.zeros(len(picks), np.int64)
    discs = discs_on_slice(picks.position_zyx / VOXEL_SIZE, number, RADIUS, 0)
    found = squares_from_discs(discs, EDGE)
    return Truth(torch.from_numpy(number), torch.from_numpy(found))


def example(tomogram, picks, doubtful=None):
    """Return an image above where it is known, and what the network should find.

    Nothing is known within a radius of a doubtful pick.
    """
    known = np.ones((1, EDGE, EDGE), np.float32)
    if doubtful is not None:
        zyx = np.moveaxis(np.indices(known.shape), 0, -1) * VOXEL_SIZE
        for centre in doubtful.position_zyx:
            known[np.linalg.norm(zyx - centre, axis=-1) <= PARTICLE.radius] = 0
    image = torch.from_numpy(np.concatenate([tomogram.volume, known]))
    return image, squares(picks)


def changed(image, truth, rng):
    """Return an image turned and flipped at random, and its squares."""
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    squares = turned(truth.squares.numpy(), [False, False, flip], turns)
    image = image.rot90(turns, (1, 2))
    return (
        image.flip(2) if flip else image,
        Truth(truth.particle, torch.from_numpy(squares)),
    )


def quality(picks, tomograms, least):
    """Return F1, precision and recall at the threshold that is best here, and others.

    Precision and recall above score .5 and above this one follow.
    """
    truth = {tomogram.name: known for tomogram, known in tomograms}
    scores, is_true, number = pooled_matches(picks, truth, PARTICLE, 0.5)
    values, kept, right = kept_by_score(scores, is_true)
    if not len(kept):
        return (0.0,) * 7
    f1 = 2 * right / (kept + number)
    best = int(np.argmax(f1))
    result = [float(f1[best])]
    for last in (best, *(np.count_nonzero(values >= s) - 1 for s in (0.5, least))):
        found_right = right[last] if last >= 0 else 0
        result += [found_right / max(kept[last], 1) if last >= 0 else 0.0]
        result += [found_right / number]
    return tuple(map(float, result))
