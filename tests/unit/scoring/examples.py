"""Picks on a line, and the classes that tests of scores share."""

from __future__ import annotations

import numpy as np

from picker.config import Particle
from picker.core.picks import Picks, picks_from_arrays

RIBOSOME = Particle(name="ribosome", radius=100.0, weight=1.0)
AMYLASE = Particle(name="beta-amylase", radius=60.0, weight=0.0)
VLP = Particle(name="vlp", radius=100.0, weight=2.0)


def on_line(x: list[float], score: list[float], particle: str = "ribosome") -> Picks:
    """Return picks along x [Å]."""
    return picks_from_arrays(
        [[0.0, 0.0, v] for v in x], [particle] * len(x), np.array(score, np.float32)
    )
