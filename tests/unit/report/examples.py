"""A picture, and the classes and picks that tests of the report share."""

from __future__ import annotations

from typing import Any

import numpy as np

from picker.config import Particle
from picker.core.picks import Picks, picks_from_arrays
from picker.report.pictures import Picture

RIBOSOME = Particle(name="ribosome", radius=100.0, color="#ff0000")
FERRITIN = Particle(name="apo-ferritin", radius=60.0, color="#00ff00")
PARTICLES = (RIBOSOME, FERRITIN)
VOXEL_SIZE = 10.0


def some_picks() -> Picks:
    return picks_from_arrays(
        [[50, 100, 120], [60, 30, 200], [90, 150, 60]],
        ["ribosome", "ribosome", "apo-ferritin"],
        [0.9, 0.6, 0.7],
    )


def picture(**changes: Any) -> Picture:
    noise = np.random.default_rng(0).normal(0, 1, (20, 28)).astype(np.float32)
    made: dict[str, Any] = {
        "tomogram": "TS_1",
        "slab": noise,
        "voxel_size": VOXEL_SIZE,
        "center_z": 60.0,
        "thickness": 50.0,
        "picks": some_picks(),
    }
    return Picture(**made | changes)
