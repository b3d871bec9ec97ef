"""Where particles may be: inside the slab, away from gold beads and carbon film.

Membranes, crystals of ice and whatever else has an irregular shape is left to the
user's mask. Nothing here touches a file or changes its input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from picker.core.gold import Bead
from picker.volumes.carbon import away_from_carbon
from picker.volumes.slab import inside_slab

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from picker.config import PreprocessSettings
    from picker.core.slab import Slab

NUM_SAMPLED = 1_000_000
"""Randomly placed voxels from which median and spread are taken."""
SPREAD_PER_MAD = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""
MAX_SHARE = 0.2
"""If more than this fraction of a tomogram is near gold, it is probably not gold."""


class Allowed(NamedTuple):
    """Where particles may be.

    Attributes
    ----------
    region
        Shaped as the volume, true in the mask, in the slab and away from carbon and
        gold; None: everywhere.
    gold
        The beads; None: they were not looked for.
    warnings
        What the user should look at.
    """

    region: NDArray[np.bool_] | None
    gold: tuple[Bead, ...] | None
    warnings: list[str]


def allowed_region(
    volume: NDArray[Any],
    voxel_size: float,
    settings: PreprocessSettings,
    mask: NDArray[np.bool_] | None = None,
    slab_z: tuple[float | None, float | None] = (None, None),
    slab: Slab | None = None,
) -> Allowed:
    """Return where particles may be, the gold beads, and warnings.

    Parameters
    ----------
    volume
        `(z, y, x)` density of the file, before anything is clipped.
    voxel_size
        Edge of a voxel [Å].
    settings
        Whether gold and carbon are avoided, how far [Å], and what counts as gold.
    mask
        Shaped as `volume`; true where the user allows particles; left unchanged.
    slab_z
        z of the slab's lower and upper face [Å]; None: the tomogram's own.
    slab
        The faces that were found, if any; `settings.slab_margin` lies around them.

    Raises
    ------
    ValueError
        If nothing is left, or gold cannot be told from the rest.
    """
    region = mask
    if slab_z != (None, None):
        region = _inside_slab(volume.shape, voxel_size, slab_z)
        region = region if mask is None else region & mask
        if not region.any():
            raise ValueError(
                f"slab from {_face(slab_z[0])} to {_face(slab_z[1])} Å has no voxel"
                f" of the tomogram{'' if mask is None else ' and its mask'}; expected z"
                f" from 0 to {(len(volume) - 1) * voxel_size:g} Å, fix slab_z_low and"
                " slab_z_high"
            )
    if slab is not None:
        found = inside_slab(slab, volume.shape, voxel_size, settings.slab_margin)
        region = found if region is None else found & region
    if settings.avoid_carbon is not None:
        ice = away_from_carbon(volume, voxel_size, settings)
        region = ice if region is None else region & ice
        if not region.any():
            raise ValueError(
                "the carbon film that was found leaves nothing of the micrograph; set"
                " preprocess.avoid_carbon to null, or lower it"
            )
    if settings.avoid_gold is None:
        return Allowed(region, None, [])
    away, gold = away_from_gold(volume, voxel_size, settings, region)
    share = 1 - np.count_nonzero(away) / away.size
    if region is not None:
        away &= region
    if not away.any():
        raise ValueError(
            f"{len(gold)} gold beads leave nothing of the tomogram; raise"
            " preprocess.gold_sigma or lower preprocess.avoid_gold"
        )
    warnings = []
    if share > MAX_SHARE:
        warnings.append(
            f"{share:.0%} of the tomogram lies within {settings.avoid_gold:g} Å of"
            f" {len(gold)} gold beads; if that is not gold, raise preprocess.gold_sigma"
        )
    return Allowed(away, gold, warnings)


def away_from_gold(
    volume: NDArray[Any],
    voxel_size: float,
    settings: PreprocessSettings,
    region: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.bool_], tuple[Bead, ...]]:
    """Return where no gold bead is near, and the beads.

    A bead is a connected blob of voxels that all differ from the median by more than
    `gold_sigma` standard deviations, in the same direction as particles, and that
    together are at least as large as a ball of `gold_diameter`, or as a disc of it in a
    micrograph. Median and spread are
    robust: beads do not change them.

    Parameters
    ----------
    volume
        `(z, y, x)` density of the file.
    voxel_size
        Edge of a voxel [Å].
    settings
        Distance to a bead's surface [Å], least diameter [Å], and least contrast.
    region
        Shaped as `volume`; true for the voxels whose median and spread count. None:
        all.

    Returns
    -------
    Shaped as `volume`, true farther than `avoid_gold` from each bead; the beads.

    Raises
    ------
    ValueError
        If most voxels are equal, so that there is no spread to compare with.
    """
    assert settings.avoid_gold is not None
    middle, spread = _robust(volume, region)
    reach = settings.gold_sigma * spread
    if settings.particles_are == "dark":
        extreme = volume < np.float32(middle - reach)
    else:
        extreme = volume > np.float32(middle + reach)
    labels = np.empty(volume.shape, np.int32)
    ndimage.label(extreme, output=labels)
    sizes = np.bincount(labels[extreme], minlength=1)
    across = settings.gold_diameter / voxel_size
    # In a micrograph a bead is a disc.
    disc, bead_size = math.pi / 4 * across**2, math.pi / 6 * across**3
    least = disc if len(volume) == 1 else bead_size
    beads = np.flatnonzero(sizes[1:] >= least) + 1

    away = np.ones(volume.shape, np.bool_)
    # Each bead has its distances in its own box: distances in the whole tomogram
    # would take several times its memory.
    margin = math.ceil(settings.avoid_gold / voxel_size)
    boxes = ndimage.find_objects(labels)
    found = []
    for bead in beads:
        found.append(_ball(labels, int(bead), boxes[bead - 1], voxel_size))
        where = tuple(
            slice(max(side.start - margin, 0), side.stop + margin)
            for side in boxes[bead - 1]
        )
        distance = ndimage.distance_transform_edt(labels[where] != bead)
        away[where] &= distance * voxel_size > settings.avoid_gold
    return away, tuple(found)


def _ball(
    labels: NDArray[np.int32],
    bead: int,
    box: tuple[slice, ...],
    voxel_size: float,
) -> Bead:
    """Return a labeled blob as the ball of its volume about its centre of mass."""
    index = np.argwhere(labels[box] == bead)
    corner = [side.start for side in box]
    z, y, x = (round(float(v), 1) for v in (index.mean(axis=0) + corner) * voxel_size)
    num = len(index)
    is_disc = len(labels) == 1
    radius = math.sqrt(num / math.pi) if is_disc else math.cbrt(0.75 * num / math.pi)
    return Bead(x=x, y=y, z=z, radius=round(radius * voxel_size, 1))


def _inside_slab(
    shape: tuple[int, ...], voxel_size: float, slab_z: tuple[float | None, float | None]
) -> NDArray[np.bool_]:
    low, high = slab_z
    z = np.arange(shape[0]) * voxel_size
    inside = (z >= (-math.inf if low is None else low)) & (
        z <= (math.inf if high is None else high)
    )
    region = np.zeros(shape, np.bool_)
    region[inside] = True
    return region


def _robust(
    volume: NDArray[Any], region: NDArray[np.bool_] | None
) -> tuple[float, float]:
    """Return median and a robust standard deviation of the voxels that count."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, volume.size, min(NUM_SAMPLED, 4 * volume.size))
    if region is not None:
        inside = np.take(region, places)
        # A thin slab or a small mask has few enough voxels to take all.
        places = places[inside] if inside.mean() > 0.01 else np.flatnonzero(region)
    values = np.take(volume, places).astype(np.float32)
    middle = float(np.median(values))
    spread = SPREAD_PER_MAD * float(np.median(np.abs(values - middle)))
    if spread == 0:
        raise ValueError(
            f"gold beads cannot be found: more than half of the voxels are {middle:g},"
            " expected an image everywhere; give a mask of where it is, or set"
            " preprocess.avoid_gold: null"
        )
    return middle, spread


def _face(z: float | None) -> str:
    return "-" if z is None else f"{z:g}"
