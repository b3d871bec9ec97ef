"""The settings of the demo, and those of a new project.

`python -m picker.config.demo config.yaml` writes the demo's, as `make config` does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from picker.config import Config
from picker.config.manual import manual

PARTICLES = [
    {"name": "ribosome", "radius": 120, "weight": 1, "color": "#e6194b"},
    {"name": "proteasome", "radius": 90, "weight": 2, "color": "#4363d8"},
    {"name": "apo-ferritin", "radius": 65, "weight": 1, "color": "#3cb44b"},
]
"""Examples; which particles to find has no default."""

DEMO: dict[str, dict[str, Any]] = {
    "tomograms": {"source": "simulate"},
    "model": {"preset": "small"},
    "train": {"patch_zyx": (48, 64, 64)},
    "burn_in": {"steps": 400},
    "co_train": {"steps": 150},
}
"""Where the demo differs from the defaults, to run on two cores in minutes."""


def demo_manual() -> str:
    """Return config.yaml: all settings, with the values of the demo."""
    return manual(
        Config.model_validate({"particles": PARTICLES, **DEMO}),
        "All settings, with the values of the demo (`make demo`, simulated data)."
        " Written by `make config` from picker/config.",
    )


def project_manual() -> str:
    """Return the config.yaml of a new project: all settings, with their defaults."""
    return manual(
        Config.model_validate({"particles": PARTICLES}),
        "All settings, with their defaults. Name your particles first.",
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(demo_manual(), encoding="utf-8")
