"""Whether the picks of a file can lie where its numbers put them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.bounds import inside, may_be_dropped
from picker.formats.picks.unit_mistakes import (
    other_readings,
    refuse_corner,
    refuse_first_voxels,
    refuse_unit,
    warn_of_angstrom,
    warn_of_tilt_pixels,
)
from picker.formats.picks.units import xyz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import Outside
    from picker.formats.picks.unit_mistakes import Reading

OUR_KIND = "picker STAR"


def check_positions(
    reading: Reading, *, is_certain: bool = False, outside: Outside = "drop_few"
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which positions lie in the volume, and warnings; refuse clear mistakes.

    Parameters
    ----------
    reading
        The picks of one file in one tomogram.
    is_certain
        The user named the unit: only the volume's faces are looked at.
    outside
        Of picks outside of the volume, drop "drop_few": a few that are just outside,
        "drop": any, as long as some are inside, or "error": none.

    Raises
    ------
    ValueError
        If picks lie outside of the volume and are not dropped, or the numbers make
        sense in another unit alone: then both readings are shown.
    """
    path, found, shape = reading.path, reading.found, reading.shape_zyx
    index = reading.index_zyx
    within = np.all(inside(index, shape), axis=1)
    others = other_readings(reading)
    warnings = []
    if not within.all():
        refuse_unit(reading, within, others)
        first = int(np.flatnonzero(~within)[0])
        text = (
            f"{path} ({found.kind}) has {(~within).sum()} of {len(within)} picks"
            f" outside of the tomogram, the first, pick {first + 1}, at x, y, z"
            f" {xyz(reading.position_zyx[first])} Å, voxel {xyz(index[first])}"
        )
        if not may_be_dropped(index, shape, outside):
            advice = (
                "; to leave them out, set tomograms.outside (picker convert --outside)"
                " to drop"
            )
            raise ValueError(
                f"{text}; expected 0, 0, 0 to"
                f" {xyz((np.array(shape) - 1) * reading.voxel_size)} Å; remove picks"
                " that lie outside, or check the voxel size, the tomogram and the file"
                + (advice if within.any() else "")
            )
        warnings.append(f"{text}; left out")
    if is_certain or not within.any():
        return within, warnings
    refuse_first_voxels(reading)
    # Our own files say their unit, and the program that wrote them knew it.
    if found.kind != OUR_KIND:
        refuse_corner(reading, others)
    warnings += warn_of_tilt_pixels(reading, others)
    warnings += warn_of_angstrom(reading)
    return within, warnings
