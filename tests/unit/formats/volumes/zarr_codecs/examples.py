"""Zarr arrays of one chunk, written by hand so that any codec can be named."""

from __future__ import annotations

import json

import numpy as np

SHAPE = (16, 18, 20)
VOXELS = 16 * 18 * 20


def marked(dtype):
    return (np.arange(VOXELS) % 101 + 1).reshape(SHAPE).astype(dtype)


def version_2(path, content=b"", **changes):
    """Write an array of one chunk by hand, so that any codec can be named."""
    metadata = {
        "zarr_format": 2,
        "shape": SHAPE,
        "chunks": SHAPE,
        "dtype": "<f4",
        "order": "C",
        "fill_value": 0,
        "filters": None,
        "compressor": None,
    }
    path.mkdir()
    (path / ".zarray").write_text(json.dumps(metadata | changes))
    (path / "0.0.0").write_bytes(content)
    return path


def version_3(path, codecs, content=b""):
    """Write an array of one chunk by hand."""
    metadata = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": SHAPE,
        "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": SHAPE}},
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}},
        "fill_value": 0,
        "codecs": codecs,
    }
    path.mkdir()
    (path / "zarr.json").write_text(json.dumps(metadata))
    (path / "0.0.0").write_bytes(content)
    return path


def coded(name, **configuration):
    return {"name": name, "configuration": configuration}


PLAIN = coded("bytes", endian="little")
LARGE = 2**26
