"""A preprocessed volume, checked to be the one that its manifest describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from picker.formats.volumes.ome_zarr import open_volume, read_attributes

if TYPE_CHECKING:
    import zarr

    from picker.project.records import Preprocessed


def stored_fingerprint(entry: Preprocessed) -> str:
    """Return what a stored volume was made from.

    Raises
    ------
    ValueError
        If it is not the one of the manifest, whose voxel size would not be its own.
    """
    if read_attributes(entry.volume).get("fingerprint") != entry.fingerprint:
        raise ValueError(
            f"{entry.volume} is not the volume that its manifest describes: it was made"
            " again since; run again"
        )
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
