"""What pre-training on blobs and denoising queries bring a detection transformer.

python tests/benchmarks/detr.py --seeds 0 1 2 --out detr.tsv

On simulated micrographs, five of them labeled. A small network is trained on these
from scratch, with and without denoising queries; and on blobs of unlabeled ones first.
The small network of heatmaps is trained on the labels too, for comparison.
With `--part tenth`: ten, each with a tenth of its labels, where what has none is
background, or, at blobs, neither that nor a particle, as in method upicker. With
`--part one` and `two`: so many, all of whose particles have labels.
Rates are constant, so that networks of equal steps can be compared on the way. Adds to
a TSV: seed, way, steps on blobs, steps on labels, F1, precision and recall within half
a radius on test micrographs, with the threshold that is best there; precision and
recall above score .5, and above the score that as many candidates in the labeled
micrographs have as particles are there; seconds of CPU. The first row of each seed is
of the blobs themselves.
"""

import time
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from few_labels import write_seeds
from few_micrographs import (
    EDGE,
    NUM_LABELED,
    PARTICLE,
    RADIUS,
    VOXEL_SIZE,
    a_tenth,
    blobs,
    changed,
    example,
    micrographs,
    quality,
)

from picker.config import ModelSettings, TrainSettings
from picker.config.detr import DenoisingSettings, DetrSettings
from picker.core.picks import Picks
from picker.encodings.heatmap import Gaussians
from picker.encodings.squares import discs_from_squares, once
from picker.networks import build_model
from picker.networks.detr.transformer import DetectionTransformer
from picker.refining.proposals import scores_of_number
from picker.training.detr.denoising import noised_queries
from picker.training.detr.losses import detection_losses
from picker.training.losses import HeatmapLoss
from picker.training.optimizer import Adam

BATCH = 4
RATE, WARM_UP, CLIP = 1e-3, 50, 0.1
MIN_SCORE = 0.02
DENOISING = DenoisingSettings(number=30)
"""With the published 100 a step takes twice as long as without any."""
WITHOUT = DenoisingSettings(number=0)


class Detr:
    """The detection transformer: what it learns, and what it finds."""

    def __init__(self, denoising, seed):
        torch.manual_seed(seed)
        self.model = DetectionTransformer(DetrSettings(channels=1, queries=30), 1)
        self.denoising = denoising
        self.generator = torch.Generator().manual_seed(seed)

    def losses(self, images, truths, known):
        """Return the losses of a batch."""
        drawn = noised_queries(truths, 1, self.denoising, self.generator)
        queries, target = drawn or (None, None)
        answer = self.model(images, queries)
        return detection_losses(answer, truths, target, known).values()

    def particles(self, image):
        """Return centres y, x [pixels], classes and scores."""
        (squares,) = self.model.found(image[None], MIN_SCORE)
        found = once(discs_from_squares(*squares, EDGE), RADIUS)
        return found.centre_yx, found.particle, found.score


class Heatmap:
    """The small network of the tomograms' methods on a volume of one slice."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.model = build_model(ModelSettings(preset="small"), 1)
        self.loss = HeatmapLoss(background_weight=TrainSettings().background_weight)

    def losses(self, images, truths, known):
        """Return the loss of a batch."""
        targets = []
        for truth in truths:
            yx = truth.squares[:, :2].numpy() * EDGE - 0.5
            zyx = np.column_stack([np.zeros(len(yx)), yx])
            number, stride = truth.particle.numpy(), self.model.stride
            size = (1, EDGE, EDGE)
            targets.append(Gaussians().target(zyx, number, RADIUS, size, stride))
        heatmap = self.model(images[:, None]).sigmoid()
        target = torch.from_numpy(np.stack(targets))
        stride = self.model.stride
        return [self.loss(heatmap, target, known=known[:, None, ::stride, ::stride])]

    def particles(self, image):
        """Return centres y, x [pixels], classes and scores."""
        heatmap = self.model(image[None, None]).sigmoid()[0]
        zyx, number, score = Gaussians().particles(
            heatmap, RADIUS, MIN_SCORE, self.model.stride
        )
        return zyx[:, 1:], number, score


def trained(network, examples, steps, seed):
    """Train on images and truths; yield after a half and after all steps."""
    rng = np.random.default_rng(seed)
    model = network.model.train()
    optimizer = Adam(model.parameters(), 1e-4)
    for step in range(1, steps + 1):
        chosen = rng.integers(len(examples), size=BATCH)
        pairs = [changed(*examples[i], rng) for i in chosen]
        images, truths = zip(*pairs, strict=True)
        images, known = torch.stack(images).split(1, dim=1)
        losses = network.losses(images, truths, known[:, 0])
        model.zero_grad()
        torch.stack(list(losses)).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step(RATE * min(1, step / WARM_UP))
        if step in (steps // 2, steps):
            yield step


@torch.inference_mode()
def found(network, tomograms):
    """Return the network's particles in each micrograph."""
    picks = {}
    network.model.eval()
    for tomogram, _ in tomograms:
        index, number, score = network.particles(torch.from_numpy(tomogram.volume))
        position = np.column_stack([np.zeros(len(index)), index * VOXEL_SIZE])
        names = np.array([PARTICLE.name])[number]
        picks[tomogram.name] = Picks(position_zyx=position, particle=names, score=score)
    network.model.train()
    return picks


class Micrographs:
    """The micrographs of a seed, and what networks trained on them are worth."""

    def __init__(self, seed, num_labeled=NUM_LABELED):
        self.seed = seed
        self.labeled, unlabeled, self.test = micrographs(seed, num_labeled)
        # As many as a labeled micrograph has particles, as nobody knows more.
        self.number = sum(len(truth) for _, truth in self.labeled)
        usual = np.arange(round(self.number / num_labeled))
        proposed = blobs(unlabeled)
        self.guessed = [
            example(t, proposed[t.name].select(usual)) for t, _ in unlabeled
        ]

    def worth(self, finder):
        """Return the quality of what finds picks in micrographs."""
        found_here = finder(self.labeled).values()
        (least,) = scores_of_number(found_here, (PARTICLE,), [self.number])
        return quality(finder(self.test), self.test, least)

    def run(self, way, examples, total, network, before=0):
        """Yield the rows of a training."""
        began = time.process_time()
        for step in trained(network, examples, total, self.seed):
            spent = time.process_time() - began
            counts = (step, 0) if examples is self.guessed else (before, step)
            yield way, *counts, *self.worth(partial(found, network)), spent


def compare(seed, steps):
    """Yield the rows of a seed, with five labeled micrographs."""
    of = Micrographs(seed)
    known = [example(*one) for one in of.labeled]
    yield from two_stages(of, {"labels": known}, steps)
    yield from of.run("labels, no denoising", known, 2 * steps, Detr(WITHOUT, seed))
    yield from of.run("labels, heatmap", known, steps, Heatmap(seed))


def two_stages(of, ways, steps):
    """Yield the rows of blobs, and of labels after them and from scratch."""
    yield "blobs alone", 0, 0, *of.worth(blobs), 0.0
    start = Detr(DENOISING, of.seed)
    yield from of.run("blobs", of.guessed, steps, start)
    for way, known in ways.items():
        network = deepcopy(start)
        yield from of.run(f"blobs, then {way}", known, steps, network, steps)
        yield from of.run(way, known, 2 * steps, Detr(DENOISING, of.seed))


def whole(num_labeled, seed, steps):
    """Yield the rows of a seed, with so many labeled micrographs."""
    of = Micrographs(seed, num_labeled)
    yield from two_stages(of, {"labels": [example(*one) for one in of.labeled]}, steps)


def tenth(seed, steps):
    """Yield the rows of a seed, with ten micrographs and a tenth of their labels."""
    of = Micrographs(seed, 10)
    proposed = blobs(of.labeled)
    some, unsure = [], []
    for (tomogram, picks), (_, truth) in zip(
        a_tenth(of.labeled, seed), of.labeled, strict=True
    ):
        doubtful = proposed[tomogram.name].select(np.arange(len(truth)))
        some.append(example(tomogram, picks))
        unsure.append(example(tomogram, picks, doubtful))
    yield from two_stages(of, {"a tenth": some, "a tenth, blobs unsure": unsure}, steps)


if __name__ == "__main__":
    others = {"one": partial(whole, 1), "two": partial(whole, 2), "tenth": tenth}
    write_seeds(__doc__, compare, steps=200, others=others)
