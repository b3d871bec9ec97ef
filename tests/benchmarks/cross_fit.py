"""Where to take thresholds from with two labeled tomograms, on phantoms.

python tests/benchmarks/cross_fit.py --seeds 0 1 2 --out cross_fit.tsv

A network is trained on two labeled phantoms, and thresholds for it are taken from
them as they are, from noisy copies, from both as the pipeline does, from mirror images
(which training does not show), and by cross-fitting: from the scores that each phantom,
or each half of one, gets from a network trained in as many steps without it. Prints
seed, way and mean F1@0.5 on test phantoms at those thresholds; the last way is the best
thresholds there, which nobody can know.
"""

from dataclasses import replace

import numpy as np
from few_labels import (
    PARTICLES,
    apart,
    candidates,
    phantoms,
    source,
    trained,
    write_seeds,
)

from picker.config import CalibrateSettings, EvaluateSettings
from picker.scoring.calibrate import calibrate
from picker.scoring.evaluate import metrics
from picker.volumes.noise import noisy_copy

CALIBRATE = CalibrateSettings()


def noisy(labeled):
    """Return copies with noise, as calibration makes them."""
    return [
        (replace(t, volume=noisy_copy(t.volume, CALIBRATE.noise, t.name, i)), picks)
        for t, picks in labeled
        for i in range(CALIBRATE.noisy_copies)
    ]


def mirrored(one, axis):
    """Return a phantom and its truth, mirrored along an axis."""
    tomogram, picks = one
    last = (tomogram.shape_zyx[axis] - 1) * tomogram.voxel_size
    position = picks.position_zyx.copy()
    position[:, axis] = last - position[:, axis]
    volume = np.ascontiguousarray(np.flip(tomogram.volume, axis))
    return replace(tomogram, volume=volume), replace(picks, position_zyx=position)


def in_half(picks, tomogram, right):
    """Return the picks in one half of a phantom in x."""
    middle = tomogram.shape_zyx[2] // 2 * tomogram.voxel_size
    return picks.select((picks.position_zyx[:, 2] >= middle) == right)


def half(one, right):
    """Return one half's labels, to train on it alone."""
    tomogram, picks = one
    x = np.arange(tomogram.shape_zyx[2]) >= tomogram.shape_zyx[2] // 2
    region = np.broadcast_to(x == right, tomogram.shape_zyx)
    labels = source(tomogram, in_half(picks, tomogram, right))
    return replace(labels, region=region)


def scored(predictor, tomograms):
    """Return each phantom's candidates and truth."""
    return [
        (predictor.candidates(t.volume, t.voxel_size), picks) for t, picks in tomograms
    ]


def compare(seed, steps):
    """Yield way and F1 for one seed."""
    labeled, _, test = phantoms(seed)
    predictor = trained([source(*one) for one in labeled], seed, steps)
    plain = scored(predictor, labeled)
    copies = scored(predictor, noisy(labeled))
    mirrors = scored(predictor, [mirrored(one, a) for one in labeled for a in (1, 2)])
    by_tomogram = [
        pair
        for i, one in enumerate(labeled)
        for pair in scored(
            trained([source(*o) for j, o in enumerate(labeled) if j != i], seed, steps),
            [one],
        )
    ]
    by_half = []
    for right in (False, True):
        other = trained([half(one, right) for one in labeled], seed, steps)
        by_half += [
            tuple(in_half(picks, one[0], not right) for picks in pair)
            for one, pair in zip(labeled, scored(other, labeled), strict=True)
        ]

    found_in_test = candidates(predictor, test)

    def f1(cut):
        picks = {one[0].name: apart(found_in_test, one, cut) for one in test}
        truth = {tomogram.name: known for tomogram, known in test}
        settings = EvaluateSettings()
        return metrics(picks, truth, PARTICLES, settings, cut)["f1@0.5"]["mean"]

    ways = {
        "labeled": plain,
        "noisy copies": copies,
        "labeled and noisy copies": plain + copies,
        "mirror images": mirrors,
        "labeled and mirror images": plain + mirrors,
        "cross-fitted by tomogram": by_tomogram,
        "cross-fitted by half": by_half,
        "cross-fitted by half, and labeled": by_half + plain,
        "best": [(found_in_test[t.name], picks) for t, picks in test],
    }
    for way, pairs in ways.items():
        # By number: copies have one name.
        found = {str(i): found for i, (found, _) in enumerate(pairs)}
        truth = {str(i): truth for i, (_, truth) in enumerate(pairs)}
        best = calibrate(found, truth, PARTICLES, CALIBRATE)
        yield way, f1({name: value.threshold for name, value in best.items()})


if __name__ == "__main__":
    write_seeds(__doc__, compare, steps=1000)
