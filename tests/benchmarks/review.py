"""What sixty answers about candidates are worth, on phantoms.

python tests/benchmarks/review.py --seeds 0 1 2 --out review.tsv

A network is trained on two labeled phantoms; then again, in as many steps, with sixty
answers in ten unlabeled ones, which the truth gives: about the candidates of each class
that are the nearest to its threshold, or that are picks, drawn by chance; or with sixty
labels anywhere, as many of each class. Elsewhere in those ten nothing is known, or, as
in a partial tomogram, all is background. Prints seed, way, mean F1@0.5 on test phantoms
with the best thresholds there (so that networks are compared), and the numbers of
particles and of wrong answers in the ten.
"""

import statistics
from dataclasses import replace

import numpy as np
from few_labels import (
    PARTICLES,
    apart,
    candidates,
    phantoms,
    source,
    thresholds,
    trained,
    write_seeds,
)

from picker.core.picks import Picks, concatenate, picks_from_arrays
from picker.core.tomogram import index_from_position
from picker.refining.answers import RIGHT, WRONG, Answers, answers_of, unjudged_near
from picker.refining.select import picks_apart
from picker.training.review import Places, Review

NUM_ANSWERS = 60
NUMBER = {particle.name: i for i, particle in enumerate(PARTICLES)}


def answer(picks, truth):
    """Return what somebody who knows the truth says of candidates."""
    rows = []
    for name, position in zip(picks.particle, picks.position_zyx, strict=True):
        verdict = (str(name), position, WRONG)
        # The class that was asked for first.
        for particle in sorted(PARTICLES, key=lambda p: p.name != name):
            known = truth.of(particle.name).position_zyx
            away = np.linalg.norm(known - position, axis=1)
            if len(away) and away.min() <= 0.5 * particle.radius:
                verdict = (particle.name, position, RIGHT)
                break
        rows.append(verdict)
    names, positions, scores = zip(*rows, strict=True)
    return picks_from_arrays(list(positions), names, list(scores))


def spread_out(by_tomogram, choose):
    """Return the picks that are chosen of each class among all tomograms' together."""
    names = [name for name, picks in by_tomogram.items() for _ in range(len(picks))]
    pooled = concatenate(by_tomogram.values())
    chosen = []
    for particle in PARTICLES:
        of_class = np.flatnonzero(pooled.particle == particle.name)
        order = choose(particle.name, pooled.score[of_class])
        chosen += of_class[order][: NUM_ANSWERS // len(PARTICLES)].tolist()
    return {
        name: pooled.select(
            np.array([i for i in chosen if names[i] == name], dtype=np.intp)
        )
        for name in by_tomogram
    }


def reviewed(one, answers, picks):
    """Return a tomogram of which these answers are known."""
    tomogram, _ = one
    found = answers_of(answers)
    near = unjudged_near(picks, found.right, found.wrong, PARTICLES)
    found = Answers(right=found.right, wrong=found.wrong, unjudged=near)

    def places(some: Picks):
        index = index_from_position(some.position_zyx, tomogram.voxel_size)
        numbers = np.array([NUMBER[str(n)] for n in some.particle], np.int64)
        return Places(index, numbers)

    return replace(
        source(tomogram, found.right),
        review=Review(places(found.wrong), places(found.unjudged)),
    )


def compare(seed, steps):
    """Yield way, F1 and numbers of labels for one seed."""
    labeled, unlabeled, test = phantoms(seed)
    rng = np.random.default_rng(seed)
    given = [source(*one) for one in labeled]

    def result(way, more):
        predictor = trained([*given, *more], seed, steps)
        best = thresholds(candidates(predictor, test), test)
        f1 = statistics.fmean(value.f for value in best.values())
        right = sum(len(s.particle) for s in more)
        wrong = sum(len(s.review.wrong.particle) for s in more if s.review)
        return predictor, (way, f1, right, wrong)

    predictor, row = result("no more", [])
    yield row
    known = candidates(predictor, labeled)
    cut = {n: v.threshold for n, v in thresholds(known, labeled).items()}
    found = candidates(predictor, unlabeled)
    picks = {one[0].name: apart(found, one, cut) for one in unlabeled}
    peaks = {
        name: concatenate(picks_apart(some.of(p.name), p.radius) for p in PARTICLES)
        for name, some in found.items()
    }

    def by_chance(name, score):
        del name
        return rng.permutation(len(score))

    def told(chosen):
        """Return a source of each tomogram of which somebody was asked anything."""
        sources = []
        for one in unlabeled:
            name = one[0].name
            if len(chosen[name]):
                said = answer(chosen[name], one[1])
                sources.append(reviewed(one, said, picks[name]))
        return sources

    def rest_is_background(sources):
        return [replace(s, review=None) for s in sources if len(s.particle)]

    def without_wrong(sources):
        nothing = Places(np.zeros((0, 3)), np.zeros(0, np.int64))
        return [replace(s, review=s.review._replace(wrong=nothing)) for s in sources]

    disputed = told(
        spread_out(peaks, lambda name, score: np.argsort(np.abs(score - cut[name])))
    )
    labels = told(spread_out({t.name: truth for t, truth in unlabeled}, by_chance))
    ways = {
        "answers nearest to the thresholds": disputed,
        "the same, but for the wrong ones": without_wrong(disputed),
        "the same, the rest is background": rest_is_background(disputed),
        "answers about picks by chance": told(spread_out(picks, by_chance)),
        "labels anywhere": labels,
        "the same labels, the rest is background": rest_is_background(labels),
    }
    for way, more in ways.items():
        yield result(way, more)[1]


if __name__ == "__main__":
    write_seeds(__doc__, compare, steps=400)
