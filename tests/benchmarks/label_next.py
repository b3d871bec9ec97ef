"""What labeling the tomograms and regions that label-next names is worth, on phantoms.

python tests/benchmarks/label_next.py --seeds 0 1 2 --out label_next.tsv

A network is trained on two labeled phantoms; then again, in as many steps, with more
labels: of the two tomograms with the most picks, as label_next.tsv has them, of the two
that are the least or the most sure, of two drawn by chance; of the regions that are
named, or of as many such regions anywhere. Prints seed, way, mean F1@0.5 on test
phantoms with the best thresholds there (so that networks are compared), and the number
of labels.
"""

import statistics
from dataclasses import replace

import numpy as np
from few_labels import (
    RADIUS,
    apart,
    candidates,
    phantoms,
    source,
    thresholds,
    trained,
    write_seeds,
)

from picker.refining.regions import fullest_regions

REGIONS = 3
"""In each of so many tomograms as are labeled."""
NUM_MORE = 2


def named_regions(picks):
    """Return the centres [Å] that label-next names in a tomogram."""
    centre, _ = fullest_regions(picks.position_zyx, RADIUS, REGIONS)
    return picks.position_zyx[centre]


def random_regions(one, rng):
    """Return as many centres [Å] anywhere, their balls apart."""
    tomogram, centres = one[0], []
    last = (np.array(tomogram.shape_zyx) - 1) * tomogram.voxel_size
    while len(centres) < REGIONS:
        place = rng.random(3) * last
        if all(np.linalg.norm(place - c) >= 2 * RADIUS for c in centres):
            centres.append(place)
    return centres


def compare(seed, steps):
    """Yield way, F1 and number of labeled particles for one seed."""
    labeled, unlabeled, test = phantoms(seed)
    rng = np.random.default_rng(seed)
    given = [source(*one) for one in labeled]

    def result(way, more):
        sources = [*given, *(replace(s, name=f"{s.name}_more") for s in more)]
        predictor = trained(sources, seed, steps)
        best = thresholds(candidates(predictor, test), test)
        f1 = statistics.fmean(value.f for value in best.values())
        return predictor, (way, f1, sum(len(s.particle) for s in sources))

    predictor, row = result("no more", [])
    yield row
    known = candidates(predictor, labeled)
    cut = {n: v.threshold for n, v in thresholds(known, labeled).items()}
    found = candidates(predictor, unlabeled)
    picks = {one[0].name: apart(found, one, cut) for one in unlabeled}

    def first(measure):
        """Return the tomograms whose picks have the most of something, by name."""
        ranked = sorted(unlabeled, key=lambda one: -measure(picks[one[0].name]))
        return sorted(ranked[:NUM_MORE], key=lambda one: one[0].name)

    def mean_score(picks):
        return picks.score.mean() if len(picks) else -1.0

    fullest = first(len)
    order = rng.permutation(len(unlabeled))
    drawn = [
        sorted((unlabeled[i] for i in numbers), key=lambda one: one[0].name)
        for numbers in order[: 3 * NUM_MORE].reshape(3, NUM_MORE)
    ]
    ways = {
        "most picks": [source(*one) for one in fullest],
        "least sure": [source(*one) for one in first(lambda picks: -mean_score(picks))],
        "surest": [source(*one) for one in first(mean_score)],
        **{
            f"by chance {number}": [source(*one) for one in chosen]
            for number, chosen in enumerate(drawn, 1)
        },
        "named regions": [
            source(*one, named_regions(picks[one[0].name])) for one in fullest
        ],
        "regions by chance in the same": [
            source(*one, random_regions(one, rng)) for one in fullest
        ],
        "regions by chance": [
            source(*one, random_regions(one, rng)) for one in drawn[0]
        ],
    }
    for way, more in ways.items():
        yield result(way, more)[1]


if __name__ == "__main__":
    write_seeds(__doc__, compare, steps=400)
