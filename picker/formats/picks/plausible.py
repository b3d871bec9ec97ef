"""A look at whether the unit of a file of picks can be true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.units import middle, xyz

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Outside
    from picker.formats.picks.records import Coordinates

FEWEST_TO_WARN = 3
FEWEST_TO_REFUSE = 10
"""So many picks in a corner of the tomogram are no accident."""
CLEAR_RATIO = 4
"""Voxel over pixel from which picks read too small fill a clearly too small corner."""
OUR_KIND = "picker STAR"
NEAR = 2.0
"""Voxels beyond a face within which a pick is a stray, not one of another unit."""
FIRST_VOXELS = 2.0
"""Numbers that are all smaller are rather parts of the tomogram than voxels of it."""
FEW = 0.1
"""Fraction of a file's picks; so many, or one, that lie just outside are left out."""
JUST_OUTSIDE = 0.1
"""How far outside that is at most: a fraction of the tomogram's size on that axis."""
EPSILON = 1e-6
"""Slack at the faces [voxels]: files hold six decimals."""


def check_positions(
    path: Path,
    found: Coordinates,
    position_zyx: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    *,
    is_certain: bool = False,
    outside: Outside = "drop_few",
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which positions lie in the volume, and warnings; refuse clear mistakes.

    Parameters
    ----------
    path
        The file, for messages.
    found
        Its coordinates, those of this tomogram alone.
    position_zyx
        The same in Å.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    is_certain
        The user named the unit: only the volume's faces are looked at.
    outside
        Of picks outside of the volume, drop "drop_few": a few that are just outside,
        "drop": any, as long as some are inside, or "error": none.

    Raises
    ------
    ValueError
        If picks lie outside of the volume and are not dropped, or the numbers make
        sense in another unit alone: then both readings are shown.
    """
    index = position_zyx / voxel_size
    within = np.all(inside(index, shape_zyx), axis=1)
    # A refinement's shifts hold in any unit: they are in Å.
    shift = 0 if found.shift_zyx is None else found.shift_zyx
    others = {
        unit: other + shift
        for unit, other in _other_readings(found, voxel_size, shape_zyx).items()
    }
    warnings = []
    if not within.all():
        _refuse_unit(path, found, position_zyx, within, others, voxel_size, shape_zyx)
        first = int(np.flatnonzero(~within)[0])
        told = (
            f"{path} ({found.kind}) has {(~within).sum()} of {len(within)} picks"
            f" outside of the tomogram, the first, pick {first + 1}, at x, y, z"
            f" {xyz(position_zyx[first])} Å, voxel {xyz(index[first])}"
        )
        if not _may_be_dropped(index, within, shape_zyx, outside):
            advice = (
                "; to leave them out, set tomograms.outside (picker convert --outside)"
                " to drop"
            )
            raise ValueError(
                f"{told}; expected 0, 0, 0 to"
                f" {xyz((np.array(shape_zyx) - 1) * voxel_size)} Å; remove picks that"
                " lie outside, or check the voxel size, the tomogram and the file"
                + (advice if within.any() else "")
            )
        warnings.append(f"{told}; left out")
    if is_certain or not within.any():
        return within, warnings
    _refuse_first_voxels(path, found, position_zyx, voxel_size, shape_zyx)
    # Our own files say their unit; who wrote them knew it.
    if found.kind != OUR_KIND:
        _refuse_corner(path, found, position_zyx, others, voxel_size, shape_zyx)
    if found.unit == "pixels of the tilt series":
        voxels = others["voxels"]
        warnings += _warn_of_both(
            path, found, position_zyx, voxels, voxel_size, shape_zyx
        )
    warnings += _warn_of_voxels(path, found, position_zyx, voxel_size, shape_zyx)
    return within, warnings


def _may_be_dropped(
    index: NDArray[np.float64],
    within: NDArray[np.bool_],
    shape_zyx: tuple[int, int, int],
    outside: Outside,
) -> bool:
    """Return whether the picks outside may be left out."""
    if outside == "error" or not within.any():
        return False
    if outside == "drop":
        return True
    is_few = (~within).sum() <= max(1, FEW * len(within))
    return bool(is_few and _are_just_outside(index, shape_zyx))


def _are_just_outside(
    index: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> bool:
    """Return whether no index lies further outside than a stray pick does."""
    beyond = np.maximum(-index, index - (np.array(shape_zyx) - 1))
    just = np.maximum(NEAR, JUST_OUTSIDE * np.array(shape_zyx))
    return bool((beyond <= just).all())


def few_strays(index: NDArray[np.float64], shape_zyx: tuple[int, int, int]) -> bool:
    """Return whether so few picks lie outside that most readings have such.

    Unlike in what is left out, one of two or three is not few.
    """
    within = np.all(inside(index, shape_zyx), axis=1)
    return bool(np.mean(~within) <= FEW) and _are_just_outside(index, shape_zyx)


def _refuse_unit(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    within: NDArray[np.bool_],
    others: dict[str, NDArray[np.float64]],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> None:
    """Refuse picks of which many lie far outside if another unit puts all inside."""
    index = position / voxel_size
    if found.shift_zyx is not None:
        unmoved = (position - found.shift_zyx) / voxel_size
        if inside(unmoved, shape_zyx).all():
            return  # a refinement moved them out, no unit
    # A stray pick near a face is no other unit: most lie outside then, and far.
    shape = np.array(shape_zyx)
    beyond = np.maximum(-index, index - (shape - 1))
    is_far = bool((beyond > shape).any())
    if (
        2 * within.sum() > len(within)
        or beyond.max() <= NEAR
        or (2 * within.sum() == len(within) and not is_far)
    ):
        return
    first = int(np.flatnonzero(~within)[0])
    for unit, other in others.items():
        if inside(other / voxel_size, shape_zyx).all():
            raise ValueError(
                f"{path} ({found.kind}) has its numbers in another unit:"
                f" {_both(found, first, position, unit, other, voxel_size)};"
                f" read as {found.unit} {(~within).sum()} of {len(within)} picks lie"
                f" outside of the tomogram, read as {unit} none does;"
                f" {_advice(path, unit)}"
            )


def _other_readings(
    found: Coordinates, voxel_size: float, shape_zyx: tuple[int, int, int]
) -> dict[str, NDArray[np.float64]]:
    """Return unit: positions [Å] for the mistakes that are made with a unit."""
    value = found.value_zyx
    centre = middle(shape_zyx, voxel_size)
    match found.unit:
        case "Å":
            return {"voxels": value * voxel_size}
        case "voxels":
            return {"Å": value}
        case "Å from the centre":
            return {
                "Å": value,
                "voxels from the centre": value * voxel_size + centre,
                "voxels": value * voxel_size,
            }
        case "pixels from the centre":
            return {"voxels": value * voxel_size, "Å from the centre": value + centre}
        case "pixels of the tilt series":
            return {"voxels": value * voxel_size, "Å": value}
        case "fractions of the tomogram":
            return {}


def _refuse_corner(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    others: dict[str, NDArray[np.float64]],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> None:
    """Refuse many picks in the first corner if they fill the tomogram as voxels."""
    other = others.get("voxels")
    if (
        other is None
        or found.unit not in ("Å", "pixels of the tilt series")
        or len(position) < FEWEST_TO_REFUSE
        or not inside(other / voxel_size, shape_zyx).all()
    ):
        return
    size = np.array(shape_zyx) * voxel_size
    extent = np.ptp(other, axis=0)
    is_corner = (position.max(axis=0) * CLEAR_RATIO <= size).all()
    # z may be thin: a lamella fills a part of it.
    if is_corner and (extent[1:] > size[1:] / 2).all():
        raise ValueError(
            f"{path} ({found.kind}) has its numbers in another unit:"
            f" {_both(found, 0, position, 'voxels', other, voxel_size)}; read as"
            f" {found.unit} all {len(position)} picks lie in one corner, read as voxels"
            f" they fill the tomogram; {_advice(path, 'voxels')}"
        )


def _refuse_first_voxels(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> None:
    """Refuse voxels that all lie in the tomogram's first: they may be parts of it."""
    value = found.value_zyx
    fewest = 1 if found.kind.startswith("Warp") else FEWEST_TO_REFUSE
    if (
        found.unit != "voxels"
        or len(value) < fewest
        or (np.abs(value) >= FIRST_VOXELS).any()
        or (value == np.round(value)).all()
        or min(shape_zyx) < CLEAR_RATIO * FIRST_VOXELS
    ):
        return
    unit = "fractions of the tomogram"
    other = value * np.array(shape_zyx) * voxel_size
    raise ValueError(
        f"{path} ({found.kind}) may have its numbers in another unit:"
        f" {_both(found, 0, position, unit, other, voxel_size)}; read as voxels all"
        f" {len(value)} picks lie within the tomogram's first two voxels;"
        f" {_advice(path, unit)}, or with --unit voxels if they are"
    )


def _warn_of_voxels(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> list[str]:
    """Return a warning if positions in Å look like voxels: whole and small."""
    if (
        found.unit != "Å"
        or len(position) < FEWEST_TO_WARN
        or (position >= np.array(shape_zyx)).any()
        or (position != np.round(position)).any()
    ):
        return []
    return [
        f"{path}: all {len(position)} positions are whole numbers below the"
        f" tomogram's number of voxels; the first, read as Å, is voxel"
        f" {xyz(position[0] / voxel_size)}, read as voxels it would be at"
        f" {xyz(position[0] * voxel_size)} Å; if they are voxels, multiply them by"
        f" {voxel_size:g}"
    ]


def _warn_of_both(
    path: Path,
    found: Coordinates,
    position: NDArray[np.float64],
    voxels: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
) -> list[str]:
    """Return a warning if pixels of the tilt series may be voxels as well."""
    apart = np.abs(voxels - position) > NEAR * voxel_size
    if not apart.any() or not inside(voxels / voxel_size, shape_zyx).all():
        return []
    row = int(np.flatnonzero(apart.any(axis=1))[0])
    return [
        f"{path} ({found.kind}):"
        f" {_both(found, row, position, 'voxels', voxels, voxel_size)}; read as"
        f" {found.unit}; if they are voxels, {_advice(path, 'voxels')}"
    ]


def _both(
    found: Coordinates,
    row: int,
    position: NDArray[np.float64],
    unit: str,
    other: NDArray[np.float64],
    voxel_size: float,
) -> str:
    """Return one pick's numbers read in both ways."""
    return (
        f"{xyz(found.value_zyx[row])} read as {found.unit} is voxel"
        f" {xyz(position[row] / voxel_size)}, read as {unit} it is voxel"
        f" {xyz(other[row] / voxel_size)}"
    )


def _advice(path: Path, unit: str) -> str:
    known = {
        "Å": "angstrom",
        "voxels": "voxels",
        "fractions of the tomogram": "fractions",
    }
    if unit in known:
        return (
            f"fix the file, or convert it: picker convert {path.name} --unit"
            f" {known[unit]} --to picker ..."
        )
    return "fix the file"


def inside(
    index_zyx: NDArray[np.float64], shape_zyx: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return where an index is between the outer faces of first and last voxel."""
    within: NDArray[np.bool_] = (index_zyx >= -0.5 - EPSILON) & (
        index_zyx <= np.array(shape_zyx) - 0.5 + EPSILON
    )
    return within
