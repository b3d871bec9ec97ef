"""How many particles the method blobs finds on phantoms, without any label.

Recall at half a radius among twice as many candidates as there are particles, for one
class and for three, with one size or three, and by the published formula; in tomograms,
or with --micrographs in projections. Run from the repository:
python tests/benchmarks/blobs.py
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch

from picker.config import (
    Particle,
    PredictSettings,
    PreprocessSettings,
    SimulateSettings,
)
from picker.config.blobs import BlobsSettings
from picker.methods import load
from picker.refining.select import picks_apart
from picker.scoring.match import pooled_matches
from picker.volumes.normalise import preprocess_volume
from picker.volumes.phantoms.micrographs import simulate_micrograph
from picker.volumes.phantoms.simulate import simulate_tomogram

PHANTOMS = {
    "one class": ((Particle(name="ribosome", radius=90),), 30),
    "three classes": (
        (
            Particle(name="ribosome", radius=120),
            Particle(name="proteasome", radius=90),
            Particle(name="apo-ferritin", radius=65),
        ),
        12,
    ),
}
"""Classes, and the mean number of particles of each."""
VARIANTS = {
    "as built": BlobsSettings(),
    "one size": BlobsSettings(sizes=(1.0,)),
    "0.85, 1, 1.15": BlobsSettings(sizes=(0.85, 1.0, 1.15)),
    "as published": BlobsSettings(formula="as_published"),
}
PREPARED = {
    "equalised": PreprocessSettings(equalise=True),
    "smoothed by 20 Å": PreprocessSettings(smooth=20),
}
"""Of micrographs: the same as built, on what `preprocess` makes of them."""


def prepared(phantom, settings):
    """Return a phantom as `preprocess` stores it, and its truth."""
    tomogram, truth = phantom
    volume, voxel_size, _ = preprocess_volume(
        tomogram.volume, tomogram.voxel_size, settings
    )
    return replace(tomogram, volume=volume, voxel_size=voxel_size), truth


def print_recalls(label, phantoms, particles, settings):
    """Print the mean recall of each seed and of each class."""
    rows = np.array([recalls(*p, particles, settings) for p in phantoms])
    by_seed = ", ".join(f"{value:.2f}" for value in rows.mean(axis=1))
    by_class = ", ".join(f"{value:.2f}" for value in rows.mean(axis=0))
    print(f"{label}: seeds {by_seed}; classes {by_class}", flush=True)


def recalls(tomogram, truth, particles, settings):
    """Return each class's recall among twice as many candidates as particles."""

    def section(name, kind):
        return {"blobs": settings}.get(name, PredictSettings())

    finder = load("blobs").finder([], particles, section, torch.device("cpu"))
    found = finder.candidates(tomogram.volume, tomogram.voxel_size)
    result = []
    for particle in particles:
        known = truth.of(particle.name)
        apart = picks_apart(found.of(particle.name), particle.radius)
        best = apart.select(np.arange(min(len(apart), 2 * len(known))))
        _, is_true, num = pooled_matches({"": best}, {"": known}, particle, 0.5)
        result.append(float(is_true.sum() / num))
    return result


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--snr", type=float, default=0.35)
parser.add_argument("--micrographs", action="store_true")
arguments = parser.parse_args()
simulate = simulate_micrograph if arguments.micrographs else simulate_tomogram
# Of a layer of 300 Å, with as many particles of 9 to 24 pixels as fit side by side.
shape = (30, 256, 256) if arguments.micrographs else (48, 160, 160)
for label, (particles, number) in PHANTOMS.items():
    phantoms = [
        simulate(
            "phantom",
            0,
            particles,
            SimulateSettings(
                snr=(arguments.snr, arguments.snr),
                particles_per_class=number,
                shape_zyx=shape,
                seed=seed,
            ),
        )
        for seed in range(1, arguments.seeds + 1)
    ]
    for name, settings in VARIANTS.items():
        print_recalls(f"{label}, {name}", phantoms, particles, settings)
    for name, settings in PREPARED.items() if arguments.micrographs else ():
        other = [prepared(phantom, settings) for phantom in phantoms]
        print_recalls(f"{label}, {name}", other, particles, BlobsSettings())
