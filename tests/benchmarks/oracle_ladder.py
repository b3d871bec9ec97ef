"""How much the student could learn from better pseudo-labels, on phantoms.

python tests/benchmarks/oracle_ladder.py --seeds 0 1 2 --out oracle_ladder.tsv

A network is burnt in on two labeled phantoms and co-trained in half as many steps: with
no unlabeled loss, with the teacher's heatmap, with its values below .5 taken for 0,
with the teacher's heatmap where it is near a true particle and 0 elsewhere, and with
the true targets. Beside these: the teacher's heatmap after a burn-in whose learning
rate goes on falling, and labels alone for as many steps as both stages have. Prints
seed, rung and mean F1@0.5 on test phantoms at the best thresholds there.
"""

import copy
import statistics
from dataclasses import replace

import numpy as np
from few_labels import (
    PARTICLES,
    burned_in,
    candidates,
    phantoms,
    predictor_of,
    result_of,
    shared_settings,
    source,
    thresholds,
    write_seeds,
)

from picker.config import BurnInSettings, CoTrainSettings
from picker.encodings.heatmap import Gaussians
from picker.training.co_training import CoTraining
from picker.training.patches import PatchDataset
from picker.training.supervised import heatmap_loss
from picker.training.teacher import PseudoLabels


class Cleaned(CoTraining):
    """The teacher's false particles are taken away by one who knows the truth."""

    def pseudo_labels(self, heatmap, batch):
        """Return the heatmap where a true particle is, and 0 elsewhere."""
        made = super().pseudo_labels(heatmap, replace(batch, weak_target=None))
        return replace(made, target=made.target * (batch.weak_target > 0.1))


class Oracle(CoTraining):
    """The truth takes the teacher's place, under the same strong augmentation."""

    def pseudo_labels(self, heatmap, batch):
        """Return the targets that the labels of unlabeled tomograms give."""
        return PseudoLabels(target=batch.weak_target, known=batch.unlabeled_region)


class Blind(CoTraining):
    """The teacher knows no label of an unlabeled tomogram, though they are there."""

    def pseudo_labels(self, heatmap, batch):
        """Return what the teacher says."""
        return super().pseudo_labels(heatmap, replace(batch, weak_target=None))


RUNGS = {
    "no unlabeled loss": (Blind, {"unlabeled_weight": 0.0}),
    "heatmap": (Blind, {}),
    "heatmap from .5 on": (Blind, {"floor": 0.5}),
    "heatmap at true particles": (Cleaned, {}),
    "truth": (Oracle, {}),
}


def with_truth(tomogram, truth):
    """Return an unlabeled phantom that keeps its particles for an oracle."""
    # None is hidden, so that batches have their targets.
    return replace(source(tomogram, truth), hidden=np.zeros(len(PARTICLES)))


def compare(seed, steps):
    """Yield rung and F1 for one seed."""
    labeled, unlabeled, test = phantoms(seed)
    known = [source(*one) for one in labeled]
    shared = shared_settings(seed)
    more = max(1, steps // 2)
    start = burned_in(known, seed, steps)
    sources = [with_truth(*one) for one in unlabeled]
    patches = PatchDataset(known, sources, shared, "co_train", Gaussians())

    def f1(model):
        found = candidates(predictor_of(model), test)
        return statistics.fmean(one.f for one in thresholds(found, test).values())

    def co_trained(start, kind, changed, continued=None):
        settings = CoTrainSettings(steps=more, ema_decay=0.98, **changed)
        model = copy.deepcopy(start).train().requires_grad_()
        loss = heatmap_loss(shared, patches)
        task = kind(*("co_train", settings, model, patches, loss), continued=continued)
        return result_of(task, shared)

    yield "burn-in", f1(start)
    yield "labels alone", f1(burned_in(known, seed, steps + more))
    for rung, (kind, changed) in RUNGS.items():
        yield rung, f1(co_trained(start, kind, changed))
    stopped = burned_in(known, seed, steps, cosine_steps=steps + more)
    continued = BurnInSettings(steps=steps, cosine_steps=steps + more)
    yield "heatmap, one falling rate", f1(co_trained(stopped, Blind, {}, continued))


if __name__ == "__main__":
    write_seeds(__doc__, compare, steps=1000)
