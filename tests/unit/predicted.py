"""What stages leave behind, made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picker.project.manifests import write_manifest
from picker.project.records import Failed, Picked, Predicted, Preprocessed

if TYPE_CHECKING:
    from collections.abc import Iterable

MODEL = "0123456789abcdef"
STRAIGHT = {"score": [0.0, 1.0], "right": [0.0, 1.0], "found": 0.8}


def preprocessed(tomogram: str = "TS_1", split: Any = "test", **more: Any) -> Any:
    """Return a tomogram of 10 Å; the file it came from has the volume's voxels."""
    values = {
        "volume": Path("v.zarr"),
        "fingerprint": "f",
        "voxel_size": 10.0,
        "shape_zyx": (10, 10, 10),
        **more,
    }
    values.setdefault("source_voxel_size", values["voxel_size"])
    values.setdefault("source_shape_zyx", values["shape_zyx"])
    return Preprocessed(tomogram=tomogram, split=split, **values)


def predicted(candidates: Path, *of: Any, **more: Any) -> Predicted:
    before = preprocessed(*of, **more)
    return Predicted(preprocessed=before, candidates=candidates, fingerprint="c")


def picked(picks: Path, *of: Any, **more: Any) -> Picked:
    before = preprocessed(*of, **more)
    return Picked(preprocessed=before, picks=picks, fingerprint="p", counts={})


def write_predicted(
    path: Path, entries: Iterable[Predicted | Failed], model: str | None = MODEL
) -> None:
    write_manifest(path, entries, model=model)


def calibrated(threshold: Any = 0.5, **values: Any) -> dict[str, Any]:
    known = {"threshold": threshold, "f": 0.9, "num_truth": 7, "source": "validation"}
    return {**known, "reliability": STRAIGHT, **values}


def thresholds_of(particles: Any, model: str = MODEL) -> str:
    """Return the text of a file of thresholds."""
    return json.dumps({"model": model, "particles": particles})
