"""The settings of the demo, and those that a new project begins with.

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
"""Examples, for there is no default of what to find."""

DEMO: dict[str, dict[str, Any]] = {
    "tomograms": {"source": "simulate"},
    "model": {"preset": "small"},
    "train": {"patch_zyx": (48, 64, 64)},
    "burn_in": {"steps": 400},
    "co_train": {"steps": 150},
}
"""What the demo has otherwise than the defaults, to run on two cores in minutes."""


def demo_manual() -> str:
    """Return config.yaml: all settings, with the values of the demo."""
    return manual(
        Config.model_validate({"particles": PARTICLES, **DEMO}),
        "Every setting there is, with the values of the demo (`make demo`, simulated"
        " data). Written by `make config`: edit the sections in picker/config instead.",
    )


def project_manual() -> str:
    """Return the config.yaml of a new project: all settings, with their defaults."""
    return manual(
        Config.model_validate({"particles": PARTICLES}),
        "Every setting there is, with its default. Name your particles first.",
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(demo_manual(), encoding="utf-8")
