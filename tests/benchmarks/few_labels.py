"""Phantoms of very different noise, few of them labeled: what benchmarks here share."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from picker.config import (
    BurnInSettings,
    CalibrateSettings,
    ModelSettings,
    PartialSettings,
    Particle,
    PickSettings,
    PredictSettings,
    SimulateSettings,
    TrainSettings,
)
from picker.core.tomogram import Tomogram, index_from_position
from picker.encodings.heatmap import Gaussians
from picker.finding.window_finder import heatmap_finder
from picker.machine.device import choose_device
from picker.networks import build_model
from picker.refining.select import select_picks
from picker.scoring.calibrate import calibrate
from picker.training.loop import train
from picker.training.partial_loss import PartialLoss, as_learned
from picker.training.patches import PatchDataset
from picker.training.source import PatchSource
from picker.training.supervised import Supervised, heatmap_loss
from picker.volumes.phantoms.bodies import body
from picker.volumes.phantoms.simulate import simulate_tomogram

PARTICLES = (
    Particle(name="ribosome", radius=120),
    Particle(name="apo-ferritin", radius=65),
    Particle(name="proteasome", radius=90),
    Particle(name="rod", radius=80),
)
MAP_VOXEL = 5.0
"""Of density maps [Å]."""
RADIUS = 300.0
"""Of a region [Å]."""
SHAPE = (48, 128, 128)
"""Of a phantom [voxels of 10 Å]."""
PATCH = (48, 48, 48)
NUM_LABELED, NUM_UNLABELED, NUM_TEST = 2, 10, 5
DEVICE = choose_device("auto")
PREDICT = PredictSettings(flips=False)


def phantoms(seed):
    """Return labeled, unlabeled and test phantoms with their truth."""
    settings = SimulateSettings(shape_zyx=SHAPE, snr=(0.05, 0.8), seed=seed)
    numbers = range(NUM_LABELED + NUM_UNLABELED + NUM_TEST)
    made = [simulate_tomogram(f"TS_{i}", i, PARTICLES, settings) for i in numbers]
    last = NUM_LABELED + NUM_UNLABELED
    return made[:NUM_LABELED], made[NUM_LABELED:last], made[last:]


def density_maps():
    """Return the density map of each class, of the very shape that phantoms have."""
    maps = {}
    for place, particle in enumerate(PARTICLES):
        shape = body(place)
        half = np.ceil(shape.extent * particle.radius / MAP_VOXEL)
        axis = np.arange(-half, half + 1) * MAP_VOXEL * shape.reach / particle.radius
        z, y, x = (axis.astype(np.float32) + c for c in np.float32(shape.centre))
        volume = shape.density(z[:, None, None], y[:, None], x)
        maps[particle.name] = Tomogram(
            name=particle.name, volume=volume, voxel_size=MAP_VOXEL
        )
    return maps


def source(tomogram, truth, centres=None):
    """Return a labeled tomogram, or the balls of it that somebody has labeled."""
    number = {p.name: i for i, p in enumerate(PARTICLES)}
    position, region = truth.position_zyx, None
    inside = np.ones(len(truth), bool)
    if centres is not None:
        grid = np.moveaxis(np.indices(tomogram.shape_zyx), 0, -1) * tomogram.voxel_size
        region = np.zeros(tomogram.shape_zyx, bool)
        inside[:] = False
        for centre in centres:
            region |= ((grid - centre) ** 2).sum(axis=-1) <= RADIUS**2
            inside |= np.linalg.norm(position - centre, axis=1) <= RADIUS
    return PatchSource(
        name=tomogram.name,
        volume=tomogram.volume,
        index_zyx=index_from_position(position[inside], tomogram.voxel_size),
        particle=np.array([number[str(n)] for n in truth.particle[inside]], np.int64),
        radius=np.array([p.radius for p in PARTICLES]) / tomogram.voxel_size,
        region=region,
    )


def trained(sources, seed, steps):
    """Return a predictor with a network trained on these labels."""
    return predictor_of(burned_in(sources, seed, steps))


def predictor_of(model):
    """Return what finds with a network."""
    return heatmap_finder(model, PARTICLES, PREDICT, DEVICE)


def shared_settings(seed, patch=PATCH):
    """Return the settings that all trainings share."""
    return TrainSettings(
        seed=seed, patch_zyx=patch, num_workers=0, checkpoint_every=10**6
    )


def burned_in(
    sources,
    seed,
    steps,
    *,
    start=None,
    stage="burn_in",
    patch=PATCH,
    partial=None,
    **settings,
):
    """Return a network trained on these labels, from another's weights if given."""
    shared = shared_settings(seed, patch)
    burn_in = BurnInSettings(steps=steps, **settings)
    torch.manual_seed(seed)
    model = build_model(ModelSettings(preset="small"), len(PARTICLES))
    if start is not None:
        model.load_state_dict(start.state_dict())
    partial = partial or PartialSettings()
    learned = as_learned(sources, partial)
    patches = PatchDataset(learned, [], shared, stage, Gaussians())
    loss = PartialLoss(heatmap_loss(shared, patches), partial)
    task = Supervised(stage, burn_in, model, patches, loss, burn_in.ema_decay)
    return result_of(task, shared)


def result_of(task, shared):
    """Return the network that a task trains."""
    with tempfile.TemporaryDirectory() as name:
        return train(
            task,
            shared,
            device=DEVICE,
            checkpoint=Path(name) / "checkpoint.pt",
            log=Path(name) / "log.tsv",
        )


def candidates(predictor, tomograms):
    """Return all peaks of each tomogram."""
    return {t.name: predictor.candidates(t.volume, t.voxel_size) for t, _ in tomograms}


def thresholds(found, tomograms):
    """Return each class's best threshold and its F1."""
    truth = {tomogram.name: picks for tomogram, picks in tomograms}
    return calibrate(found, truth, PARTICLES, CalibrateSettings())


def apart(found, one, cut):
    """Return a tomogram's picks at these thresholds."""
    tomogram = one[0]
    return select_picks(
        found[tomogram.name],
        PARTICLES,
        cut,
        PickSettings(),
        tomogram.voxel_size,
        tomogram.shape_zyx,
    )


def write_seeds(description, compare, steps, others=None):
    """Add the rows that each seed's comparison yields to a TSV, as they come.

    In place of it `--part` names one of the others.
    """
    parts = {"main": compare, **(others or {})}
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--part", choices=parts, default="main")
    parser.add_argument("--out", type=Path, required=True, help="TSV to add lines to")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        for row in parts[arguments.part](seed, arguments.steps):
            texts = [f"{v:.4f}" if isinstance(v, float) else str(v) for v in row]
            line = "\t".join([str(seed), *texts])
            print(line, flush=True)
            with arguments.out.open("a") as file:
                file.write(line + "\n")
