"""A preprocessed volume, checked to be the one that its manifest describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from picker.formats.volumes.ome_zarr import open_volume, read_attributes

if TYPE_CHECKING:
    from pathlib import Path

    import zarr

    from picker.project.records import Preprocessed


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


def _check_made_from(path: Path, fingerprint: str) -> None:
    """Refuse a volume that was made of something else than its manifest says."""
    if read_attributes(path).get("fingerprint") != fingerprint:
        raise ValueError(
            f"{path} is not the volume that its manifest describes: it was made again"
            " since; run again"
        )
