"""A preprocessed volume, checked to be the one that its manifest describes.

It is stored, or made of the user's file whenever it is asked for, with the same voxels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from picker.formats.volumes.ome_zarr import open_volume, read_attributes, read_volume
from picker.jobs.recipe import is_recipe, made_half_noise, made_volume, read_recipe
from picker.volumes.halves import half

if TYPE_CHECKING:
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from picker.project.records import Half, Preprocessed
    from picker.volumes.steps import Normalised

HALVES: dict[Half, int] = {"even": 1, "odd": -1}
"""For each half the sign of the noise that makes it of the whole."""


def attributes_of(path: Path) -> dict[str, Any]:
    """Return what is noted in a stored volume, or in the recipe in its place.

    Raises
    ------
    FileNotFoundError
        If there is neither.
    ValueError
        If it is damaged.
    """
    if not is_recipe(path):
        return read_attributes(path)
    recipe = read_recipe(path)
    return {name: getattr(recipe, name) for name in ("source", "fingerprint", "entry")}


def stored_fingerprint(entry: Preprocessed) -> str:
    """Return what a volume was made from.

    Raises
    ------
    ValueError
        If it is not the one of the manifest, whose voxel size would not be its own.
    """
    _check_made_from(entry.volume, entry.fingerprint)
    return entry.fingerprint


def stored_volume(entry: Preprocessed) -> zarr.Array[Any] | Normalised:
    """Return the lazy `(z, y, x)` volume; its voxels have `entry.voxel_size`.

    Raises
    ------
    ValueError
        If it cannot be read or is not what the manifest says.
    FileNotFoundError
        If it has to be made of a file that is gone.
    """
    stored_fingerprint(entry)
    if is_recipe(entry.volume):
        return made_volume(entry, read_recipe(entry.volume))
    return open_volume(entry.volume)[0]


def whole_volume(entry: Preprocessed) -> NDArray[Any]:
    """Return the `(z, y, x)` volume in memory; errors as `stored_volume`."""
    stored_fingerprint(entry)
    if is_recipe(entry.volume):
        return made_volume(entry, read_recipe(entry.volume))[:]
    # Quicker than by chunks that are asked for one by one.
    return read_volume(entry.volume)[0]


def source_of(entry: Preprocessed) -> Path:
    """Return the file or folder that the volume's voxels lie in.

    Raises
    ------
    ValueError, FileNotFoundError
        If the recipe that names it is damaged or gone.
    """
    if is_recipe(entry.volume):
        return read_recipe(entry.volume).row.path
    return entry.volume


def stored_noise(entry: Preprocessed) -> zarr.Array[Any] | NDArray[Any] | None:
    """Return the lazy `(z, y, x)` noise of a tomogram's halves, None without any.

    In memory if it is not stored. Errors as `stored_volume`.
    """
    if entry.noise is None:
        return None
    _check_made_from(entry.noise, entry.fingerprint)
    if is_recipe(entry.noise):
        return made_half_noise(entry, read_recipe(entry.noise))
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
    if attributes_of(path).get("fingerprint") != fingerprint:
        raise ValueError(
            f"{path} is not the volume that its manifest describes: it was made again"
            " since; run again"
        )
