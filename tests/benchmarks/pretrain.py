"""What pre-training on proposals is worth, with few labels and with none, on phantoms.

python tests/benchmarks/pretrain.py --seeds 0 1 2 --out pretrain.tsv

A network learns from blobs in two labeled and ten unlabeled phantoms, their labels
unseen, all classes alike. Then it is trained on all labels of the two, or on a tenth of
each class's, as is one with random weights. Patches of 32³ voxels, for speed. With
`--part controls`: random weights and twice the steps, and blobs that teach class by
class. With `--part without_labels`: blobs, the network that learned from them class by
class, and the same trained once more on what it finds. Prints seed, way, mean F1@0.5 on
test phantoms at the best thresholds there, and at those that the pipeline would choose:
from the labeled phantoms and their noisy copies, from the numbers of particles where a
tenth has labels, and 0.5 without labels.
"""

import statistics
from dataclasses import replace

import numpy as np
from few_labels import (
    DEVICE,
    PARTICLES,
    PREDICT,
    apart,
    burned_in,
    candidates,
    phantoms,
    predictor_of,
    source,
    thresholds,
    write_seeds,
)

from picker.config import (
    CalibrateSettings,
    EvaluateSettings,
    PretrainSettings,
)
from picker.config.blobs import BlobsSettings
from picker.core.picks import no_picks
from picker.finding.window_finder import heatmap_finder
from picker.methods.blobs import BlobFinder
from picker.networks.transfer import move_scores
from picker.refining.proposals import (
    for_every_class,
    proposals_of,
    scores_of_number,
)
from picker.scoring.calibrate import FALLBACK, calibrate
from picker.scoring.calibrate_partial import calibrate_partial
from picker.scoring.evaluate import metrics
from picker.scoring.found_labels import PartialLabels
from picker.volumes.noise import noisy_copy

LABELED = 0.1
"""Fraction of each class's labels where a part has one, but at least one."""
CALIBRATE = CalibrateSettings()
PRETRAIN = PretrainSettings()
PATCH = (32, 32, 32)
OWN = {particle.name: FALLBACK for particle in PARTICLES}


def proposed(seen, found, least, kind):
    """Return tomograms with what was found in them as labels."""
    sources = []
    for tomogram, _ in seen:
        candidates_of = found[tomogram.name]
        sure, doubtful = kind(candidates_of, PARTICLES, least, PRETRAIN.doubt, None)
        others = source(tomogram, doubtful)
        sources.append(
            replace(
                source(tomogram, sure),
                outside_zyx=others.index_zyx,
                outside_particle=others.particle,
            )
        )
    return sources


def trained_on(sources, seed, steps, start=None, stage="burn_in", **settings):
    """Return a network trained on these labels."""
    return burned_in(
        sources, seed, steps, start=start, stage=stage, patch=PATCH, **settings
    )


def a_tenth(labeled, seed):
    """Return the labeled phantoms with some of each class's labels, drawn at random."""
    rng = np.random.default_rng(seed)
    kept = [[] for _ in labeled]
    for particle in PARTICLES:
        places = [
            (i, position)
            for i, (_, truth) in enumerate(labeled)
            for position in np.flatnonzero(truth.particle == particle.name)
        ]
        number = max(1, round(LABELED * len(places)))
        for chosen in rng.permutation(len(places))[:number]:
            i, position = places[chosen]
            kept[i].append(position)
    return [
        (tomogram, truth.select(np.sort(np.array(of, dtype=np.intp))))
        for (tomogram, truth), of in zip(labeled, kept, strict=True)
    ]


def chosen_from_all(finder, labeled):
    """Return thresholds from labeled phantoms and their noisy copies."""
    found, truth = {}, {}
    for tomogram, known in labeled:
        volumes = [tomogram.volume] + [
            noisy_copy(tomogram.volume, CALIBRATE.noise, tomogram.name, number)
            for number in range(CALIBRATE.noisy_copies)
        ]
        for number, volume in enumerate(volumes):
            name = f"{tomogram.name} {number}"
            found[name] = finder.candidates(volume, tomogram.voxel_size)
            truth[name] = known
    chosen = calibrate(found, truth, PARTICLES, CALIBRATE)
    return {name: one.threshold for name, one in chosen.items()}


def chosen_from_a_part(finder, part, labeled):
    """Return thresholds where a part has labels and the numbers are known."""
    labels = {
        tomogram.name: PartialLabels(
            trained=some,
            held_out=no_picks(),
            expected={p.name: len(truth.of(p.name)) for p in PARTICLES},
        )
        for (tomogram, some), (_, truth) in zip(part, labeled, strict=True)
    }
    found = candidates(finder, labeled)
    chosen = calibrate_partial(found, labels, PARTICLES, CALIBRATE)
    return {name: one.threshold for name, one in chosen.items()}


class Phantoms:
    """The phantoms of a seed, and what networks trained on them are worth."""

    def __init__(self, seed):
        self.seed = seed
        self.labeled, unlabeled, self.test = phantoms(seed)
        self.seen = [*self.labeled, *unlabeled]
        self.whole = [source(*one) for one in self.labeled]
        self.part = a_tenth(self.labeled, seed)
        self.tenth = [
            self.partly_labeled(*one)
            for one in zip(self.part, self.whole, strict=True)
            if len(one[0][1])
        ]
        self.blobs = BlobFinder(PARTICLES, BlobsSettings(), PREDICT)

    @staticmethod
    def partly_labeled(some, whole):
        """Return a phantom some of whose particles have labels; it knows the others."""
        known = source(*some)
        numbers = [
            np.bincount(one.particle, minlength=len(PARTICLES))
            for one in (whole, known)
        ]
        return replace(known, hidden=(numbers[0] - numbers[1]).astype(float))

    def row(self, way, finder, cut):
        """Return way, F1 at the best thresholds and at these."""
        found = candidates(finder, self.test)
        best = thresholds(found, self.test).values()
        picks = {one[0].name: apart(found, one, cut) for one in self.test}
        truth = {tomogram.name: known for tomogram, known in self.test}
        settings = EvaluateSettings(distances_per_radius=(0.5,))
        chosen = metrics(picks, truth, PARTICLES, settings, cut)["f1@0.5"]["mean"]
        return way, statistics.fmean(one.f for one in best), chosen

    def with_all(self, way, model):
        """Return a network's row where all particles of two have labels."""
        finder = predictor_of(model)
        return self.row(way, finder, chosen_from_all(finder, self.labeled))

    def with_a_tenth(self, way, model):
        """Return a network's row where a tenth of these has labels."""
        return self.by_a_tenth(way, predictor_of(model))

    def by_a_tenth(self, way, finder):
        """Return the row of what finds, with thresholds from these labels."""
        cut = chosen_from_a_part(finder, self.part, self.labeled)
        return self.row(way, finder, cut)

    def blobs_as_labels(self, kind):
        """Return all phantoms whose labels may train, with blobs in their place."""
        found = candidates(self.blobs, self.seen)
        return proposed(self.seen, found, PRETRAIN.min_score, kind)


def compare(seed, steps):
    """Yield way and both F1 with and without pre-training for one seed."""
    of = Phantoms(seed)
    sources = of.blobs_as_labels(for_every_class)
    start = trained_on(sources, seed, steps, stage="pretrain")
    yield of.with_a_tenth("a tenth", trained_on(of.tenth, seed, steps))
    model = trained_on(of.tenth, seed, steps, start)
    yield of.with_a_tenth("a tenth, pre-trained", model)
    yield of.with_all("2 labeled", trained_on(of.whole, seed, steps))
    model = trained_on(of.whole, seed, steps, start)
    yield of.with_all("2 labeled, pre-trained", model)


def controls(seed, steps):
    """Yield the same of what is left out of it."""
    of = Phantoms(seed)
    model = trained_on(of.tenth, seed, 2 * steps)
    yield of.with_a_tenth("a tenth, twice the steps", model)
    model = trained_on(of.whole, seed, 2 * steps)
    yield of.with_all("2 labeled, twice the steps", model)
    sources = of.blobs_as_labels(proposals_of)
    start = trained_on(sources, seed, steps, stage="pretrain")
    model = trained_on(of.tenth, seed, steps, start)
    yield of.with_a_tenth("a tenth, pre-trained class by class", model)
    model = trained_on(of.whole, seed, steps, start)
    yield of.with_all("2 labeled, pre-trained class by class", model)


def without_labels(seed, steps):
    """Yield the same without any label."""
    of = Phantoms(seed)
    yield of.row("no label, blobs", of.blobs, OWN)

    def learned(sources, stage, before=None):
        model = trained_on(sources, seed, steps, before, stage)
        unsure = PREDICT.model_copy(update={"min_score": 0.001})
        finder = heatmap_finder(model, PARTICLES, unsure, DEVICE)
        numbers = np.bincount(np.concatenate([one.particle for one in sources]))
        found = candidates(finder, of.seen).values()
        move_scores(model, scores_of_number(found, PARTICLES, numbers.tolist()))
        return model

    start = learned(of.blobs_as_labels(proposals_of), "pretrain")
    yield of.row("no label, pre-trained", predictor_of(start), OWN)
    found = candidates(predictor_of(start), of.seen)
    sources = proposed(of.seen, found, FALLBACK, proposals_of)
    again = learned(sources, "self_train", start)
    yield of.row("no label, self-trained", predictor_of(again), OWN)


if __name__ == "__main__":
    write_seeds(
        *(__doc__, compare),
        steps=200,
        others={
            "controls": controls,
            "without_labels": without_labels,
        },
    )
