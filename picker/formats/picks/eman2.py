"""EMAN2's info files: boxes_3d, which count from the tomogram's centre.

Source: cryoem/eman2, programs/e2spt_boxer.py and e2spt_tempmatch.py: with
`apix_unbin` t, box = (p - size/2) * v / t; without it, p.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from picker.core.files import written_whole
from picker.core.messages import shown
from picker.formats.picks.records import Coordinates, coordinates_from_xyz
from picker.formats.picks.units import middle
from picker.formats.picks.writing import each_class, rounded
from picker.formats.text import finite, finite_or_nan, json_object, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.formats.picks.records import TomogramPicks

EXPECTED = '{"boxes_3d": [[x, y, z, "tm", score, class], ...]}'


def read_info(path: Path) -> Coordinates:
    """Return the boxes, in pixels from the centre or, without an apix_unbin, in voxels.

    `class_list` names the classes.

    Raises
    ------
    ValueError
        If it is no JSON with boxes_3d, or a box is damaged.
    """
    content = json_object(path, read_text(path, EXPECTED))
    boxes = content.get("boxes_3d")
    if not isinstance(boxes, list):
        raise ValueError(f"{path} has boxes_3d {shown(boxes)}; expected {EXPECTED}")
    xyz, score, particle = [], [], []
    names = _class_names(path, content.get("class_list"))
    for number, box in enumerate(boxes, 1):
        if not isinstance(box, list) or len(box) < 3:
            raise ValueError(
                f"{path}, box {number} is {shown(box)}; expected {EXPECTED}"
            )
        xyz.append(finite(path, f"box {number}", box[:3]))
        score.append(finite_or_nan(path, f"box {number}", (box[4:5] or [1])[0]))
        label = str(box[5]) if len(box) > 5 else "0"
        if names and label not in names:
            raise ValueError(
                f"{path}, box {number} is of class {shown(label)}, which class_list"
                " does not name; add it there"
            )
        particle.append(names.get(label, ""))
    t = content.get("apix_unbin")
    return coordinates_from_xyz(
        "EMAN2 json",
        "voxels" if t is None else "pixels from the centre",
        xyz,
        # Boxes that were set by hand have score 0.
        score=score if any(score) else None,
        particle=particle if names else None,
        tilt_pixel_size=None if t is None else finite(path, "apix_unbin", [t])[0],
    )


def _class_names(path: Path, classes: object) -> dict[str, str]:
    """Return number: name of the classes; empty if the file has none."""
    if classes is None:
        return {}
    if not isinstance(classes, dict) or not all(
        isinstance(entry, dict) and isinstance(entry.get("name"), str)
        for entry in classes.values()
    ):
        raise ValueError(
            f"{path} has class_list {shown(classes)}; expected"
            ' {"0": {"name": "ribosome", "boxsize": 32}}'
        )
    return {str(number): entry["name"] for number, entry in classes.items()}


def write_info(
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[Particle],
    tilt_pixel_size: float | None = None,
) -> None:
    """Write `<tomogram>_info.json` with centred, unbinned pixels, scores and classes.

    Parameters
    ----------
    folder
        Filled.
    tomograms
        What to write.
    particles
        Classes, counted from 0; a box's edge is the particle's diameter.
    tilt_pixel_size
        t [Å], for tomograms without one of their own; None: as the tomogram.
    """
    names = [particle.name for particle in particles]
    numbers = {name: number - 1 for number, name in each_class(names, tomograms)}
    for one in tomograms:
        t = one.pixel_size(tilt_pixel_size)
        picks = one.picks
        centred = picks.position_zyx - middle(one.shape_zyx, one.voxel_size)
        boxes = [
            [*rounded(place / t), "tm", float(str(score)), numbers[str(name)]]
            for place, name, score in zip(
                centred, picks.particle, picks.score, strict=True
            )
            if str(name) in numbers
        ]
        classes = {
            str(numbers[p.name]): {
                "name": p.own_name,
                "boxsize": round(2 * p.radius / t),
            }
            for p in particles
        }
        content: dict[str, Any] = {
            "apix_unbin": t,
            "boxes_3d": boxes,
            "class_list": classes,
        }
        with written_whole(folder / f"{one.tomogram}_info.json") as temporary:
            temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
