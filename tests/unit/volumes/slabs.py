"""Simulated lamellae: blobs and noise between two planes, noise alone elsewhere."""

import numpy as np
from scipy import ndimage

from picker.core.slab import Face

V = 10.0
SHAPE = (120, 160, 160)


def tilted(z, tilt, direction=0.7, shape=SHAPE, voxel_size=V):
    """A plane through the tomogram's axis at z [Å], tilted by an angle [degrees]."""
    slope = np.tan(np.deg2rad(tilt))
    slope_y, slope_x = slope * np.sin(direction), slope * np.cos(direction)
    _, y, x = (np.array(shape) - 1) * voxel_size / 2
    return Face(offset=z - slope_y * y - slope_x * x, slope_y=slope_y, slope_x=slope_x)


def lamella(
    low=None, high=None, *, ratio=2.0, smooth=0.0, shape=SHAPE, voxel_size=V, seed=0
):
    """A tomogram whose spread between the faces is `ratio` times that outside."""
    rng = np.random.default_rng(seed)
    sizes = zip(shape, range(3), strict=True)
    z, y, x = (
        voxel_size * np.arange(n).reshape([-1 if a == k else 1 for a in range(3)])
        for n, k in sizes
    )
    inside = np.ones(shape, bool)
    if low:
        inside &= z >= low.z(y, x)
    if high:
        inside &= z <= high.z(y, x)
    noise = rng.standard_normal(shape, np.float32)
    if smooth:
        noise = ndimage.gaussian_filter(noise, smooth / voxel_size)
    blobs = rng.standard_normal(shape, np.float32)
    blobs = np.minimum(ndimage.gaussian_filter(blobs, 30 / voxel_size), 0)
    blobs = (blobs - blobs.mean()) / blobs.std()
    signal = np.sqrt(ratio**2 - 1) * blobs * inside
    return (noise / noise.std() + signal).astype(np.float32)


def error(found, true, shape=SHAPE, voxel_size=V):
    """Mean distance [Å] of two planes over the field of view."""
    y, x = (np.arange(n)[::10] * voxel_size for n in shape[1:])
    y, x = np.meshgrid(y, x, indexing="ij")
    return np.abs(found.z(y, x) - true.z(y, x)).mean()
