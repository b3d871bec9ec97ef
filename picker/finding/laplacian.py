"""The Laplacian of Gaussian of an image or a volume, on a grid as coarse as it allows.

A Gaussian leaves nothing that a coarser grid could not show, so it is computed there
alone: along each axis by a product with a matrix whose rows are the kernel at each
place. That is exact, needs no tiles, and takes as long for a wide Gaussian as for a
narrow one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.finding.finder import Volume

REACH = 5.0
"""Kernels end at so many sigma; what lies beyond adds less than 1e-5 of the response's
deviation."""
PART = 1 << 22
"""Voxels that are read at a time."""
BLOCK = 64
"""Places whose kernels are one matrix: beside them each row is empty."""


def dark_blobs(volume: Volume, sigma: float, stride: int = 1) -> NDArray[np.float32]:
    """Return the Laplacian of Gaussian, positive where it is darker than around.

    Parameters
    ----------
    volume
        `(y, x)` or `(z, y, x)`; read in parts along its first axis. Beyond a face lie
        voxels as on it.
    sigma
        Width of the Gaussian [voxels].
    stride
        R, voxels per place of the result, whose centre is voxel jR + (R−1)/2.

    Returns
    -------
    `(⌈y/R⌉, ⌈x/R⌉)` or `(⌈z/R⌉, ⌈y/R⌉, ⌈x/R⌉)` [volume's unit per square voxel].
    """
    shape = volume.shape
    kernels = [_kernels(size, sigma, stride) for size in shape]
    coarse = tuple(len(smooth) for smooth, _ in kernels[1:])
    # Smoothed along all axes but the first, and the Laplacian along these.
    flat = np.empty((shape[0], *coarse), np.float32)
    bent = np.empty_like(flat)
    depth = max(1, PART // max(1, int(np.prod(shape[1:]))))
    for start in range(0, shape[0], depth):
        part = slice(start, start + depth)
        values = np.asarray(volume[part], np.float32)
        curved: NDArray[np.float32] | None = None
        for axis in range(len(shape) - 1, 0, -1):
            smooth, second = kernels[axis]
            more = _along(second, values, axis)
            curved = more if curved is None else more + _along(smooth, curved, axis)
            values = _along(smooth, values, axis)
        flat[part], bent[part] = values, curved
    smooth, second = kernels[0]
    response = _along(smooth, bent, 0)
    del bent
    response += _along(second, flat, 0)
    return response


def _kernels(
    size: int, sigma: float, stride: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a Gaussian and its second derivative at each place of an axis.

    Each `(⌈size/R⌉, size)`, a row a place.
    """
    reach = int(np.ceil(REACH * sigma + stride / 2))
    places = -(-size // stride)
    centre = np.arange(places) * stride + (stride - 1) / 2
    index = np.floor(centre).astype(int)[:, None] + np.arange(-reach, reach + 1)
    square = ((index - centre[:, None]) / sigma) ** 2
    gaussian = np.exp(-square / 2)
    gaussian /= gaussian.sum(axis=1, keepdims=True)
    second = gaussian * (square - 1) / sigma**2
    rows = np.broadcast_to(np.arange(places)[:, None], index.shape)
    columns = np.clip(index, 0, size - 1)
    matrices = np.zeros((2, places, size))
    for matrix, weights in zip(matrices, (gaussian, second), strict=True):
        np.add.at(matrix, (rows, columns), weights)
    smooth, second = matrices.astype(np.float32)
    return smooth, second


def _along(
    matrix: NDArray[np.float32], values: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Return the product of a matrix with each line of an array along an axis."""
    places, size = matrix.shape
    shape = (*values.shape[:axis], places, *values.shape[axis + 1 :])
    # What lies behind the axis is one: BLAS takes matrices.
    lines: NDArray[Any] = values.reshape(*values.shape[:axis], size, -1)
    result = np.empty((*values.shape[:axis], places, lines.shape[-1]), np.float32)
    for first, last in pairwise([*range(0, places, BLOCK), places]):
        rows = matrix[first:last]
        used = np.flatnonzero(rows.any(axis=0))
        low, high = used[0], used[-1] + 1
        if lines.shape[-1] == 1:
            result[..., first:last, 0] = lines[..., low:high, 0] @ rows[:, low:high].T
        else:
            result[..., first:last, :] = rows[:, low:high] @ lines[..., low:high, :]
    return result.reshape(shape)
