"""The halves of a tomogram, read and checked to be its own: the noise in them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from picker.formats.volumes.files import check_shape
from picker.formats.volumes.read import accepted, read_tomogram
from picker.volumes.halves import FILTERED, noise_of_halves
from picker.volumes.rescale import SAME_VOXEL_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from picker.config import TomogramRow
    from picker.core.tomogram import Tomogram

logger = logging.getLogger("picker")


def read_noise(
    row: TomogramRow, tomogram: Tomogram, region: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32] | None, float, list[str]]:
    """Return the noise in a tomogram's halves, its scale and warnings.

    Parameters
    ----------
    row
        The tomogram's files and how to read them.
    tomogram
        As it is in its file.
    region
        Shaped as the volume; true where picks may be. None: everywhere.

    Returns
    -------
    `(z, y, x)`: (even − odd) / 2 in the units of the tomogram's file, None without
    halves; the tomogram's scale over that of their mean; warnings.

    Raises
    ------
    ValueError
        If a half cannot be read, is of another shape or voxel size than the tomogram,
        or they are not its halves.
    """
    if not row.halves:
        return None, 1.0, []
    (even, warnings), (odd, more) = (_read(h, row, tomogram) for h in row.halves)
    warnings += more
    names = f"{row.tomogram}, halves {row.even} and {row.odd}"
    try:
        noise, correlation, scale = noise_of_halves(tomogram.volume, even, odd, region)
    except ValueError as error:
        raise ValueError(f"{names}: {error}") from error
    agreement = f"correlate by {correlation:.2f} at a scale of {scale:.3g}"
    logger.info("%s: their mean and it %s", names, agreement)
    if correlation < FILTERED:
        warnings.append(
            f"{names}: their mean and the tomogram {agreement}; expected a correlation"
            f" of {FILTERED} or more. The tomogram was filtered or denoised otherwise"
            " than they were, so the noise in them is not that in it"
        )
    return noise, scale, warnings


def _read(
    path: Path, row: TomogramRow, tomogram: Tomogram
) -> tuple[NDArray[np.float32], list[str]]:
    """Return a half and warnings, if it has its tomogram's shape and voxel size."""
    one, warnings = read_tomogram(path, row.tomogram, row.voxel_size, **accepted(row))
    check_shape(path, one.shape_zyx, tomogram.shape_zyx, "half")
    if abs(one.voxel_size / tomogram.voxel_size - 1) > SAME_VOXEL_SIZE:
        raise ValueError(
            f"half {path} has voxels of {one.voxel_size:g} Å; expected those of its"
            f" tomogram, {tomogram.voxel_size:g} Å: reconstruct it alike, or give"
            " voxel_size in the table, which counts for all three"
        )
    return one.volume, warnings
