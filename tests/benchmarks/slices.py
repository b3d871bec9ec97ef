"""How good detectors on slices are beside the 3D U-Net, trained for as long.

nice -n 5 python tests/benchmarks/slices.py --seeds 0 --seconds 100 --out slices.tsv

On phantoms of very different noise, two of them labeled (`few_labels`). All three train
on one thread for about as many seconds of CPU; as many steps as fit are counted before,
so that each has its whole schedule. Adds to a TSV: seed, way, steps, seconds of CPU, F1
(mean of classes, each at its best threshold on the test phantoms) and F1 of each class,
seconds of CPU to find in all test phantoms.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from few_labels import (
    DEVICE,
    PARTICLES,
    candidates,
    phantoms,
    predictor_of,
    result_of,
    shared_settings,
    source,
    thresholds,
)

from picker.config import (
    BurnInSettings,
    LinkSettings,
    ModelSettings,
    PredictSettings,
    SlicesSettings,
)
from picker.finding.slice_finder import SliceFinder
from picker.finding.square_detector import SquareDetector
from picker.methods.slices import KINDS
from picker.networks import build_model
from picker.training.slices import SliceDataset
from picker.training.square_task import SquareTask
from picker.training.supervised import heatmap_task

PROBE, WARM_UP = 12, 4
"""Steps to measure how long one takes, and steps before."""
SLICES = SlicesSettings()


def heatmaps(sources, seed, steps):
    """Return training of the 3D U-Net."""
    torch.manual_seed(seed)
    model = build_model(ModelSettings(preset="small"), len(PARTICLES))
    settings = BurnInSettings(steps=steps)
    return heatmap_task("burn_in", model, sources, settings, shared_settings(seed))


def squares(kind, sources, seed, steps):
    """Return training of a detector on slices."""
    torch.manual_seed(seed)
    network, losses = KINDS[kind]
    settings = BurnInSettings(steps=steps)
    patches = SliceDataset(
        sources,
        shared_settings(seed),
        "burn_in",
        "slices.edge",
        batch_size=SLICES.batch_size,
        edge=SLICES.edge,
        channels=SLICES.channels,
        min_chord=SLICES.min_chord,
        any_angle=SLICES.any_angle,
    )
    model = network(SLICES, len(PARTICLES))
    decay = settings.ema_decay
    return SquareTask(
        "burn_in", settings, model, patches, SLICES.channels, losses, decay
    )


def slice_finder(model):
    """Return what finds with a detector on slices."""
    return SliceFinder(
        detector=SquareDetector(model=model, min_score=PredictSettings().min_score),
        particles=PARTICLES,
        link=LinkSettings(),
        channels=SLICES.channels,
        min_chord=SLICES.min_chord,
        device=DEVICE,
    )


WAYS = {
    "3d": (heatmaps, predictor_of),
    "yolo": (partial(squares, "yolo"), slice_finder),
    "faster_rcnn": (partial(squares, "faster_rcnn"), slice_finder),
}


def trained(task_of, shared):
    """Return the result of a training, and its seconds of CPU."""
    began = time.process_time()
    model = result_of(task_of, shared)
    return model, time.process_time() - began


def compare(seed, seconds, ways):
    """Yield the rows of a seed."""
    labeled, _, test = phantoms(seed)
    sources, shared = [source(*one) for one in labeled], shared_settings(seed)
    for way in ways:
        task, finder = WAYS[way]
        _, before = trained(task(sources, seed, WARM_UP), shared)
        _, after = trained(task(sources, seed, WARM_UP + PROBE), shared)
        steps = max(1, round(seconds / ((after - before) / PROBE)))
        model, spent = trained(task(sources, seed, steps), shared)
        began = time.process_time()
        found = candidates(finder(model), test)
        to_find = time.process_time() - began
        f1 = [one.f or 0.0 for one in thresholds(found, test).values()]
        yield way, steps, spent, float(np.mean(f1)), *f1, to_find


def main():
    """Add the rows of each seed to a TSV, as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=100)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--out", type=Path, required=True, help="TSV to add lines to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for seed in arguments.seeds:
        for row in compare(seed, arguments.seconds, arguments.ways):
            texts = [f"{v:.4f}" if isinstance(v, float) else str(v) for v in row]
            line = "\t".join([str(seed), *texts])
            print(line, flush=True)
            with arguments.out.open("a") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
