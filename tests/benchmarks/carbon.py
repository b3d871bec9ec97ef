"""How much of a simulated film of carbon is left out, and how much of the ice.

`python tests/benchmarks/carbon.py` prints a table, as docs/micrographs.md has it. The
edges of simulated holes are ragged arcs; it says nothing about real micrographs.
"""

from __future__ import annotations

import argparse

import numpy as np

from picker.config import Particle, PreprocessSettings, SimulateSettings
from picker.volumes.carbon import away_from_carbon
from picker.volumes.phantoms.micrographs import carbon_film, simulate_micrograph

CLASSES = (
    Particle(name="a", radius=120),
    Particle(name="b", radius=90),
    Particle(name="c", radius=65),
)
KINDS = {
    "three classes": (CLASSES, 12, 0),
    "one class": (CLASSES[1:2], 30, 0),
    "crowded": (CLASSES[:1], 40, 0),
    "with vesicles": (CLASSES, 12, 1.5),
}


def shares(kind: str, carbon: float, snr: float, seed: int) -> tuple[float, float]:
    """Return which fractions of carbon and of ice are left out; NaN without carbon."""
    particles, number, membranes = KINDS[kind]
    settings = SimulateSettings(
        shape_zyx=(30, 256, 256),
        particles_per_class=number,
        membranes=membranes,
        snr=(snr, snr),
        carbon=carbon,
        seed=seed,
    )
    micrograph, _ = simulate_micrograph("m", 0, particles, settings)
    film = np.zeros((256, 256), np.bool_)
    if carbon:
        film = carbon_film(0, settings) > 0.5
    (away,) = away_from_carbon(
        micrograph.volume, settings.voxel_size, PreprocessSettings(avoid_carbon=0)
    )
    of_carbon = float((~away)[film].mean()) if carbon else float("nan")
    return of_carbon, float((~away)[~film].mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--carbon", nargs="+", type=float, default=[0, 0.5, 1, 2])
    parser.add_argument("--snr", nargs="+", type=float, default=[0.35, 0.03])
    arguments = parser.parse_args()
    print("| | SNR | carbon | of carbon left out | of ice, at most |")
    print("|---|---|---|---|---|")
    for kind in KINDS:
        for snr in arguments.snr:
            for carbon in arguments.carbon:
                found = np.array(
                    [shares(kind, carbon, snr, seed) for seed in arguments.seeds]
                )
                of_carbon = ", ".join(f"{share:.2f}" for share in found[:, 0])
                print(
                    f"| {kind} | {snr:g} | {carbon:g} | {of_carbon} |"
                    f" {found[:, 1].max():.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
