"""What method upicker finds in phantom tomograms, from scratch and after blobs.

python tests/benchmarks/upicker.py --seeds 0 1 2 --out upicker.tsv

Two phantoms of one class have labels, eight have none. Adds to a TSV: seed, way, steps
on blobs, steps on labels, F1, precision and recall within half a radius on test
phantoms, with the threshold that is best there, seconds of CPU. The first row of each
seed is of blobs alone.
"""

import time
from dataclasses import replace

import numpy as np
import torch
from few_labels import DEVICE, result_of, write_seeds

from picker.config import (
    BurnInSettings,
    Particle,
    SimulateSettings,
    TrainSettings,
    UPickerSettings,
)
from picker.config.detr import DenoisingSettings
from picker.config.upicker import OnBlobsSettings
from picker.methods import Data, load
from picker.scoring.match import kept_by_score, pooled_matches
from picker.training.source import PatchSource
from picker.volumes.phantoms.simulate import simulate_tomogram

PARTICLE = Particle(name="ribosome", radius=120)
VOXEL_SIZE = 10.0
NUM_LABELED, NUM_UNLABELED, NUM_TEST = 2, 8, 3
METHOD = load("upicker")
DENOISING = DenoisingSettings(number=30)
"""With the published 100 a step takes twice as long as without any."""


def phantoms(seed):
    """Return labeled, unlabeled and test phantoms with their truth."""
    settings = SimulateSettings(shape_zyx=(48, 128, 128), snr=(0.05, 0.2), seed=seed)
    numbers = range(NUM_LABELED + NUM_UNLABELED + NUM_TEST)
    made = [simulate_tomogram(f"TS_{i}", i, (PARTICLE,), settings) for i in numbers]
    last = NUM_LABELED + NUM_UNLABELED
    return made[:NUM_LABELED], made[NUM_LABELED:last], made[last:]


def source(tomogram, truth):
    """Return a tomogram to cut patches from."""
    return PatchSource(
        name=tomogram.name,
        volume=tomogram.volume,
        index_zyx=truth.position_zyx / VOXEL_SIZE,
        particle=np.zeros(len(truth), np.int64),
        radius=np.array([PARTICLE.radius / VOXEL_SIZE]),
    )


def settings_of(seed, steps, **upicker):
    """Return the settings of a training; steps on blobs and on labels."""
    return {
        "train": TrainSettings(seed=seed, num_workers=0, checkpoint_every=10**6),
        "burn_in": BurnInSettings(steps=steps[1]),
        "upicker": UPickerSettings(pretrain=OnBlobsSettings(steps=steps[0]), **upicker),
    }


def stages(settings, labeled, unlabeled):
    """Yield a stage's name, its model and its seconds, one stage after the other."""

    def section(name, kind):
        return settings.get(name) or kind()

    data = Data(
        particles=(PARTICLE,),
        section=section,
        labeled=[source(*one) for one in labeled],
        unlabeled=[source(*one) for one in unlabeled],
        voxel_size=VOXEL_SIZE,
        calibrate=None,
        hidden=None,
    )
    torch.manual_seed(settings["train"].seed)
    model = METHOD.network(settings["upicker"], 1)
    for stage in METHOD.row.stages:
        began = time.process_time(), time.monotonic()
        proposals = METHOD.proposals(stage, data)
        taught = data if proposals is None else replace(data, labeled=proposals)
        task = METHOD.task(stage, taught, model.requires_grad_())
        if task is not None:
            model = result_of(task, settings["train"])
            spent = time.process_time() - began[0], time.monotonic() - began[1]
            yield stage.name, model, spent


def quality(settings, model, test):
    """Return F1, precision and recall at the threshold that is best here."""

    def section(name, kind):
        return settings.get(name) or kind()

    if model is None:
        finder = load("blobs").finder([], (PARTICLE,), section, DEVICE)
    else:
        finder = METHOD.finder([model], (PARTICLE,), section, DEVICE)
    picks = {t.name: finder.candidates(t.volume, t.voxel_size) for t, _ in test}
    truth = {tomogram.name: known for tomogram, known in test}
    scores, is_true, number = pooled_matches(picks, truth, PARTICLE, 0.5)
    _, kept, right = kept_by_score(scores, is_true)
    if not len(kept):
        return 0.0, 0.0, 0.0
    f1 = 2 * right / (kept + number)
    best = int(np.argmax(f1))
    return float(f1[best]), float(right[best] / kept[best]), float(right[best] / number)


def compare(seed, steps):
    """Yield the rows of a seed."""
    labeled, unlabeled, test = phantoms(seed)
    yield "blobs alone", 0, 0, *quality({}, None, test), 0.0
    for way, counts in (
        ("blobs, then labels", (steps, steps)),
        ("labels", (0, 2 * steps)),
    ):
        settings = settings_of(seed, counts, denoising=DENOISING)
        for stage, model, (spent, _) in stages(settings, labeled, unlabeled):
            on_labels = 0 if stage == "pretrain" else counts[1]
            yield way, counts[0], on_labels, *quality(settings, model, test), spent


if __name__ == "__main__":
    write_seeds(__doc__, compare, steps=300)
