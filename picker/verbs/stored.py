"""A preprocessed volume and what its manifest says of it belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.volumes.ome_zarr import read_attributes

if TYPE_CHECKING:
    from picker.project.manifests import Preprocessed


def stored_fingerprint(entry: Preprocessed) -> str:
    """Return what a stored volume was made from.

    Raises
    ------
    ValueError
        If it is not what the manifest says, whose voxel size would be another's.
    """
    if read_attributes(entry.volume).get("fingerprint") != entry.fingerprint:
        raise ValueError(
            f"{entry.volume} is not the volume that its manifest tells of, it was made"
            " anew since; run again"
        )
    return entry.fingerprint
