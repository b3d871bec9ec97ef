"""A thumbnail, and the classes and picks that tests of the report share."""

from __future__ import annotations

from typing import Any

from picker.config import Particle
from picker.core.picks import Picks, picks_from_arrays
from picker.report.browse import Thumbnail

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


def thumbnail(tomogram: str = "TS_1", **changes: Any) -> Thumbnail:
    made: dict[str, Any] = {
        "tomogram": tomogram,
        "href": f"tomograms/{tomogram}.html",
        "webp": "UklGRg==",
        "size": (28, 20),
        "circles": [(12.5, 9.5, 10.0, "#ff0000")],
        "z": 60.0,
    }
    return Thumbnail(**made | changes)
