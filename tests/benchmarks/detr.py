"""What pre-training on blobs and denoising queries bring a detection transformer.

python tests/benchmarks/detr.py --seeds 0 1 2 --out detr.tsv

On simulated micrographs, five of them labeled. A small network is trained on these
from scratch, with and without denoising queries; and on blobs of unlabeled ones first.
The small network of heatmaps is trained on the labels too, for comparison.
Rates are constant, so that networks of equal steps can be compared on the way. Adds to
a TSV: seed, way, steps on blobs, steps on labels, F1, precision and recall within half
a radius on test micrographs, with the threshold that is best there, seconds of CPU. The
first row of each seed is of the blobs themselves.
"""

import time

import numpy as np
import torch
from few_labels import write_seeds

from picker.config import (
    ModelSettings,
    Particle,
    PredictSettings,
    SimulateSettings,
    TrainSettings,
)
from picker.config.blobs import BlobsSettings
from picker.config.detr import DenoisingSettings, DetrSettings
from picker.core.picks import Picks
from picker.encodings.discs import discs_on_slice
from picker.encodings.heatmap import Gaussians
from picker.encodings.squares import (
    discs_from_squares,
    once,
    squares_from_discs,
    turned,
)
from picker.methods.blobs import BlobFinder
from picker.networks import build_model
from picker.networks.detr.transformer import DetectionTransformer
from picker.scoring.match import kept_by_score, pooled_matches
from picker.training.detr.denoising import noised_queries
from picker.training.detr.losses import detection_losses
from picker.training.detr.targets import Truth
from picker.training.losses import HeatmapLoss
from picker.training.optimizer import Adam
from picker.volumes.phantoms.micrographs import simulate_micrograph

PARTICLE = Particle(name="ribosome", radius=120)
VOXEL_SIZE = 10.0
RADIUS = np.array([PARTICLE.radius / VOXEL_SIZE])
EDGE = 128
"""Of a micrograph [pixels]."""
NUM_LABELED, NUM_UNLABELED, NUM_TEST = 5, 60, 30
BATCH = 4
RATE, WARM_UP, CLIP = 1e-3, 50, 0.1
MIN_SCORE = 0.02
DENOISING = DenoisingSettings(number=30)
"""With the published 100 a step takes twice as long as without any."""
WITHOUT = DenoisingSettings(number=0)


def micrographs(seed):
    """Return labeled, unlabeled and test micrographs with their truth."""
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
    return made[:NUM_LABELED], made[NUM_LABELED:last], made[last:]


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


def changed(image, truth, rng):
    """Return an image turned and flipped at random, and its squares."""
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    squares = turned(truth.squares.numpy(), [False, False, flip], turns)
    image = image.rot90(turns, (1, 2))
    return (
        image.flip(2) if flip else image,
        Truth(truth.particle, torch.from_numpy(squares)),
    )


class Detr:
    """The detection transformer: what it learns, and what it finds."""

    def __init__(self, denoising, seed):
        torch.manual_seed(seed)
        self.model = DetectionTransformer(DetrSettings(channels=1, queries=30), 1)
        self.denoising = denoising
        self.generator = torch.Generator().manual_seed(seed)

    def losses(self, images, truths):
        """Return the losses of a batch."""
        drawn = noised_queries(truths, 1, self.denoising, self.generator)
        queries, target = drawn or (None, None)
        return detection_losses(self.model(images, queries), truths, target).values()

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

    def losses(self, images, truths):
        """Return the loss of a batch."""
        targets = []
        for truth in truths:
            yx = truth.squares[:, :2].numpy() * EDGE - 0.5
            zyx = np.column_stack([np.zeros(len(yx)), yx])
            number, stride = truth.particle.numpy(), self.model.stride
            size = (1, EDGE, EDGE)
            targets.append(Gaussians().target(zyx, number, RADIUS, size, stride))
        heatmap = self.model(images[:, None]).sigmoid()
        return [self.loss(heatmap, torch.from_numpy(np.stack(targets)))]

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
        losses = network.losses(torch.stack(images), truths)
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


def quality(picks, tomograms):
    """Return F1, precision and recall at the threshold that is best here."""
    truth = {tomogram.name: known for tomogram, known in tomograms}
    scores, is_true, number = pooled_matches(picks, truth, PARTICLE, 0.5)
    _, kept, right = kept_by_score(scores, is_true)
    if not len(kept):
        return 0.0, 0.0, 0.0
    f1 = 2 * right / (kept + number)
    best = int(np.argmax(f1))
    return float(f1[best]), float(right[best] / kept[best]), float(right[best] / number)


def compare(seed, steps):
    """Yield the rows of a seed."""
    labeled, unlabeled, test = micrographs(seed)
    yield "blobs alone", 0, 0, *quality(blobs(test), test), 0.0
    known = [(torch.from_numpy(t.volume), squares(truth)) for t, truth in labeled]
    # As many as a labeled micrograph has particles, as nobody knows more.
    usual = round(sum(len(truth) for _, truth in labeled) / len(labeled))
    proposed = blobs(unlabeled)
    guessed = [
        (torch.from_numpy(t.volume), squares(proposed[t.name].select(np.arange(usual))))
        for t, _ in unlabeled
    ]

    def run(way, examples, total, network, before=0):
        began = time.process_time()
        for step in trained(network, examples, total, seed):
            spent = time.process_time() - began
            counts = (step, 0) if examples is guessed else (before, step)
            yield way, *counts, *quality(found(network, test), test), spent

    network = Detr(DENOISING, seed)
    yield from run("blobs", guessed, steps, network)
    yield from run("blobs, then labels", known, steps, network, steps)
    yield from run("labels", known, 2 * steps, Detr(DENOISING, seed))
    yield from run("labels, no denoising", known, 2 * steps, Detr(WITHOUT, seed))
    yield from run("labels, heatmap", known, steps, Heatmap(seed))


if __name__ == "__main__":
    write_seeds(__doc__, compare, steps=200)
