"""What a prediction and its calibration leave behind, made by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from picker.verbs.common import Entry, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MODEL = "0123456789abcdef"
STRAIGHT = {"score": [0.0, 1.0], "right": [0.0, 1.0], "found": 0.8}


def write_predicted(path: Path, entries: Iterable[Entry], model: str = MODEL) -> None:
    manifest = Manifest(tomograms=tuple(entries), model=model)
    path.write_text(manifest.model_dump_json())


def calibrated(threshold: Any = 0.5, **values: Any) -> dict[str, Any]:
    known = {"threshold": threshold, "f": 0.9, "num_truth": 7, "source": "validation"}
    return {**known, "reliability": STRAIGHT, **values}


def thresholds_of(particles: Any, model: str = MODEL) -> str:
    """Return the text of a file of thresholds."""
    return json.dumps({"model": model, "particles": particles})
