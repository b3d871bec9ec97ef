"""A preprocessed volume, checked to be the one that its manifest describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from picker.formats.volumes.ome_zarr import open_volume, read_attributes
from picker.volumes.halves import half

if TYPE_CHECKING:
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from picker.project.records import Half, Preprocessed

HALVES: dict[Half, int] = {"even": 1, "odd": -1}
"""For each half the sign of the noise that makes it of the whole."""


def stored_fingerprint(entry: Preprocessed) -> str:
    """Return what a stored volume was made from.

    Raises
    ------
    ValueError
        If it is not the one of the manifest, whose voxel size would not be its own.
    """
    _check_made_from(entry.volume, entry.fingerprint)
    return entry.fingerprint


def stored_volume(entry: Preprocessed) -> zarr.Array[Any]:
    """Return the lazy `(z, y, x)` volume; its voxels have `entry.voxel_size`.

    Raises
    ------
    ValueError
        If it cannot be read or is not what the manifest says.
    """
    stored_fingerprint(entry)
    return open_volume(entry.volume)[0]


def stored_noise(entry: Preprocessed) -> zarr.Array[Any] | None:
    """Return the lazy `(z, y, x)` noise of a tomogram's halves, None without any.

    Raises
    ------
    ValueError
        If it cannot be read or is not what the manifest says.
    """
    if entry.noise is None:
        return None
    _check_made_from(entry.noise, entry.fingerprint)
    return open_volume(entry.noise)[0]


def stored_half(
    entry: Preprocessed, which: Half, volume: NDArray[Any]
) -> NDArray[np.float32]:
    """Return the `(z, y, x)` voxels of a half, made of those of the whole volume.

    Raises
    ------
    ValueError
        If the tomogram has no halves, or their noise is not what the manifest says.
    """
    noise = stored_noise(entry)
    if noise is None or entry.noise_spread is None:
        raise ValueError(
            f"{entry.tomogram} has no {which} half; expected both, name its halves in"
            " the columns even and odd of the table"
        )
    return half(volume, np.asarray(noise[:]), entry.noise_spread, HALVES[which])


def _check_made_from(path: Path, fingerprint: str) -> None:
    """Refuse a volume that was made of something else than its manifest says."""
    if read_attributes(path).get("fingerprint") != fingerprint:
        raise ValueError(
            f"{path} is not the volume that its manifest describes: it was made again"
            " since; run again"
        )
