"""OME-Zarr volumes as other programs write them."""

import json

import numcodecs
import numpy as np
import zarr

SHAPE = (18, 20, 28)
CHUNKS = (9, 10, 14)


def marked():
    return np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) + 1


def store(
    path,
    version=2,
    unit="angstrom",
    scale=(10.012, 10.012, 10.012),
    axes="zyx",
    volume=None,
    compressor="blosc",
    **keywords,
):
    """Write a store as other programs do, with any metadata."""
    volume = marked() if volume is None else volume
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    if version == 2:
        codec = numcodecs.Blosc() if compressor == "blosc" else None
    else:
        codec = zarr.codecs.BloscCodec() if compressor == "blosc" else None
    array = group.create_array(
        "0",
        shape=volume.shape,
        dtype=volume.dtype,
        chunks=(1,) * (volume.ndim - 3) + CHUNKS,
        compressors=codec,
        **keywords,
    )
    array[...] = volume
    named = [
        {"name": n, "type": "space", **({"unit": unit} if unit else {})}
        if n in "zyx"
        else {"name": n}
        for n in axes
    ]
    steps = [{"type": "scale", "scale": list(scale)}] if scale else []
    multiscale = {
        "axes": named,
        "datasets": [{"path": "0", "coordinateTransformations": steps}],
    }
    if version == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **multiscale}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return path


def chunk_files(path):
    """Return the files of the array's chunks, in a fixed order."""
    return sorted(
        file
        for file in (path / "0").rglob("*")
        if file.is_file() and not file.name.startswith((".z", "zarr.json"))
    )


def change_metadata(path, change):
    """Apply `change` to the OME metadata of a version 2 store."""
    file = path / ".zattrs"
    content = json.loads(file.read_text())
    change(content["multiscales"][0])
    file.write_text(json.dumps(content))
