"""A lamella's two faces, found by where the tomogram has structure.

Above and below the sample a tomogram shows vacuum: noise alone, spread less than the
voxels inside. The faces are planes, tilted as the sample was in the microscope.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.core.slab import Face, Slab
from picker.volumes.spread import profiles_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.volumes.spread import Profiles

    Floats = NDArray[np.float64]

LEAST_RATIO = 1.25
"""Standard deviation inside of a face over that outside, below which it is none."""
NEAR, FAR = 2.5, 6.0
"""Layers to either side of a face that are compared, and those behind them."""
SHARP = 2.5
"""How many times as far the spread falls at a face than behind it."""
REACH = 2.5
"""Layers by which a column's cut may lie off the plane that it agrees with."""
AGREES = 0.6
"""Fraction of the columns that must agree, of those that the plane runs through."""
LEAST_CROSSED = 0.3
"""Fraction of all columns that a face must run through."""
RIGHT_SIDE = (0.9, 0.75)
"""Fraction of the layers outside of a face that are quiet, and inside that are not."""
ROUNDS = 20
"""Rounds of fitting a plane."""


def find_slab(
    volume: NDArray[Any], voxel_size: float, thinnest: float = 0.0
) -> Slab | None:
    """Return the sample's faces; None if the tomogram does not show any.

    Each column of the tomogram is cut where the spread of its layers falls from high
    to low; a plane is laid through each side's cuts, those far off it left out. A face
    counts if most columns agree with it, and if there the spread steps: layers outside
    of it are quiet nearly all, those inside are not. So a sample that fades, or that
    fills the tomogram, has none.

    Parameters
    ----------
    volume
        `(z, y, x)` density; left unchanged, and read a layer at a time.
    voxel_size
        Edge of a voxel [Å].
    thinnest
        A slab that is thinner than this anywhere is none [Å].
    """
    with np.errstate(all="ignore"):  # what is not finite has no slab
        profiles = profiles_of(volume, voxel_size)
    if profiles is None:
        return None
    thickness = float(profiles.z[1] - profiles.z[0])
    first, stop, clear = _cuts(profiles.height)
    edges = np.append(profiles.z, profiles.z[-1] + thickness) - thickness / 2
    inside = np.ones(profiles.height.shape, np.bool_)
    faces: list[Face | None] = []
    for cut, sign in ((first, 1), (stop, -1)):
        use = clear & (cut > 0) & (cut < len(profiles.z))
        face = _plane(profiles, edges[cut], use, thickness)
        faces.append(face)
        if face:
            inside &= _depth(profiles, face, sign) > 0
    ratios = []
    for side, sign in enumerate((1, -1)):
        face = faces[side]
        if face:
            ratio = _step(profiles, _depth(profiles, face, sign) / thickness, inside)
            faces[side] = face if ratio >= LEAST_RATIO else None
            ratios += [ratio] if ratio >= LEAST_RATIO else []
    low, high = faces
    if not ratios or _thinnest(low, high, volume.shape, voxel_size) < thinnest:
        return None
    return Slab(low=low, high=high, ratio=min(ratios))


def inside_slab(
    slab: Slab, shape_zyx: tuple[int, ...], voxel_size: float, margin: float = 0.0
) -> NDArray[np.bool_]:
    """Return `(z, y, x)`, true between the faces and up to a margin [Å] beyond."""
    places = [np.arange(size, dtype=np.float64) * voxel_size for size in shape_zyx]
    y: Floats = places[1][:, None]
    x: Floats = places[2][None, :]
    low = _height(slab.low, y, x) - margin if slab.low else np.array(-np.inf)
    high = _height(slab.high, y, x) + margin if slab.high else np.array(np.inf)
    inside = np.empty(shape_zyx, np.bool_)
    ends = low.min(), low.max(), high.min(), high.max()
    for part, height in zip(inside, places[0], strict=True):
        if ends[1] <= height <= ends[2]:
            part[:] = True
        elif height < ends[0] or height > ends[3]:
            part[:] = False
        else:
            part[:] = (low <= height) & (high >= height)
    return inside


def are_inside(
    slab: Slab, position_zyx: Floats, margin: float = 0.0
) -> NDArray[np.bool_]:
    """Return `(n,)`, true for positions [Å] between the faces or within a margin."""
    z, y, x = position_zyx.T
    inside = np.ones(len(z), np.bool_)
    if slab.low:
        inside &= z >= _height(slab.low, y, x) - margin
    if slab.high:
        inside &= z <= _height(slab.high, y, x) + margin
    return inside


def _cuts(
    height: Floats,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return where each profile is high: the best fit of a level inside, one outside.

    Parameters
    ----------
    height
        `(column, layer)` logarithm of the standard deviation.

    Returns
    -------
    `(column,)` first layer inside, first one behind it, and whether the levels differ.
    """
    columns, layers = height.shape
    height = height - height.mean(axis=1, keepdims=True)
    total = np.concatenate([np.zeros((columns, 1)), height.cumsum(axis=1)], axis=1)
    best, step = np.zeros(columns), np.zeros(columns)
    first = np.zeros(columns, np.intp)
    stop = np.full(columns, layers, np.intp)
    for start in range(layers - 1):
        for end in range(start + 2, layers + (start > 0)):
            num = end - start
            # The mean is 0: what is inside is missing outside. Two levels explain
            # inside² · num + outside² · (layers - num) of the squared deviation.
            sums = total[:, end] - total[:, start]
            explained = sums**2 * (1 / num + 1 / (layers - num))
            better = np.flatnonzero((explained > best) & (sums > 0))
            best[better], first[better], stop[better] = explained[better], start, end
            step[better] = sums[better] * (1 / num + 1 / (layers - num))
    return first, stop, step > math.log(LEAST_RATIO)


def _plane(
    profiles: Profiles, z: Floats, use: NDArray[np.bool_], thickness: float
) -> Face | None:
    """Return the plane through most of the cuts; None if there is none."""
    if use.sum() < LEAST_CROSSED * len(use):
        return None
    design = np.column_stack([np.ones(len(z)), profiles.y, profiles.x])
    weight = np.ones(len(z))
    for _ in range(ROUNDS):
        some = weight * use
        fit = np.linalg.lstsq(design * some[:, None], z * some, rcond=None)[0]
        # Iteratively reweighted: far cuts count by their distance, not its square.
        weight = 1 / np.sqrt(np.maximum(np.abs(z - design @ fit), thickness / 2))
    near = use & (np.abs(z - design @ fit) <= REACH * thickness)
    if near.sum() < max(3, LEAST_CROSSED * len(use)):
        return None
    fit = np.linalg.lstsq(design[near], z[near], rcond=None)[0]
    height = design @ fit
    # Where the plane leaves the tomogram its columns have no cut to agree with.
    ends = (profiles.z[1], profiles.z[-2])
    crossed = (height >= ends[0]) & (height <= ends[1])
    agrees = use & (np.abs(z - height) <= REACH * thickness)
    if crossed.sum() < LEAST_CROSSED * len(use):
        return None
    if agrees[crossed].mean() < AGREES:
        return None
    offset, slope_y, slope_x = (float(value) for value in fit)
    return Face(offset=offset, slope_y=slope_y, slope_x=slope_x)


def _height(face: Face, y: Floats, x: Floats) -> Floats:
    """Return a face's z [Å] at places [Å]."""
    height: Floats = face.offset + face.slope_y * y + face.slope_x * x
    return height


def _depth(profiles: Profiles, face: Face, sign: int) -> Floats:
    """Return `(column, layer)` distances along z from a face into the sample [Å]."""
    return sign * (profiles.z - _height(face, profiles.y, profiles.x)[:, None])


def _step(profiles: Profiles, depth: Floats, inside: NDArray[np.bool_]) -> float:
    """Return the ratio of spreads on the two sides of a face; 0 if it is no step.

    Parameters
    ----------
    profiles
        Spread by column and layer.
    depth
        `(column, layer)` distance into the sample [layers].
    inside
        `(column, layer)` true between both faces.
    """
    height = profiles.height
    within = height[(depth > 0.5) & (depth <= NEAR) & inside]
    deeper = height[(depth > NEAR) & (depth <= FAR) & inside]
    beyond = height[(depth < -0.5) & (depth >= -NEAR)]
    farther = height[(depth < -NEAR) & (depth >= -FAR)]
    fewest = LEAST_CROSSED * len(height)
    if min(len(part) for part in (within, deeper, beyond, farther)) < fewest:
        return 0.0
    high, low = float(np.median(within)), float(np.median(beyond))
    drift = max(float(np.median(deeper)) - high, low - float(np.median(farther)))
    middle = (high + low) / 2
    quiet = np.concatenate([beyond, farther]) < middle
    loud = np.concatenate([within, deeper]) > middle
    if (
        high - low < SHARP * drift
        or quiet.mean() < RIGHT_SIDE[0]
        or loud.mean() < RIGHT_SIDE[1]
    ):
        return 0.0
    return float(np.exp(high - low))


def _thinnest(
    low: Face | None, high: Face | None, shape_zyx: tuple[int, ...], voxel_size: float
) -> float:
    """Return the least distance of the faces along z [Å].

    That of both is taken at the tomogram's corners; that of one to the tomogram's own
    in the middle, since a tilted one may leave it elsewhere.
    """
    last_z, last_y, last_x = ((size - 1) * voxel_size for size in shape_zyx)
    if low and high:
        corners = [(y, x) for y in (0.0, last_y) for x in (0.0, last_x)]
        return min(high.z(*place) - low.z(*place) for place in corners)
    middle = last_y / 2, last_x / 2
    return (high.z(*middle) if high else last_z) - (low.z(*middle) if low else 0.0)
