"""Numbers in another unit than a file's kind has: mistakes that show in the picks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.picks.bounds import NEAR, beyond, inside
from picker.formats.picks.units import NAMED_UNITS, middle, xyz

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.formats.picks.records import Coordinates

    Others = dict[str, NDArray[np.float64]]

FEWEST_TO_WARN = 3
FEWEST_TO_REFUSE = 10
"""So many picks in a corner of the tomogram are no accident."""
CLEAR_RATIO = 4
"""Voxel over pixel from which picks read too small fill a clearly too small corner."""
FIRST_VOXELS = 2.0
"""Numbers that are all smaller are rather fractions of the tomogram than voxels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The picks of one file in one tomogram, with its numbers read in the file's unit.

    Attributes
    ----------
    path
        The file, for messages.
    found
        Its coordinates, those of this tomogram alone.
    position_zyx
        `(n, 3)` the same in Å.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and voxels.
    """

    path: Path
    found: Coordinates
    position_zyx: NDArray[np.float64]
    voxel_size: float
    shape_zyx: tuple[int, int, int]

    @property
    def index_zyx(self) -> NDArray[np.float64]:
        """The positions in voxels."""
        return self.position_zyx / self.voxel_size

    def puts_inside(self, position_zyx: NDArray[np.float64]) -> bool:
        """Return whether other positions [Å] all lie in the tomogram."""
        return bool(inside(position_zyx / self.voxel_size, self.shape_zyx).all())

    def beside(self, row: int, unit: str, other: NDArray[np.float64]) -> str:
        """Return one pick's numbers, read in the file's unit and in another, as text.

        `other` has all positions [Å] of the other reading.
        """
        return (
            f"{xyz(self.found.value_zyx[row])} read as {self.found.unit} is voxel"
            f" {xyz(self.index_zyx[row])}, read as {unit} it is voxel"
            f" {xyz(other[row] / self.voxel_size)}"
        )


def other_readings(reading: Reading) -> Others:
    """Return unit: `(n, 3)` positions [Å, zyx] for the usual mistakes with a unit."""
    found, voxel_size = reading.found, reading.voxel_size
    value = found.value_zyx
    centre = middle(reading.shape_zyx, voxel_size)
    others: Others
    match found.unit:
        case "Å":
            others = {"voxels": value * voxel_size}
        case "voxels":
            others = {"Å": value}
        case "Å from the centre":
            others = {
                "Å": value,
                "voxels from the centre": value * voxel_size + centre,
                "voxels": value * voxel_size,
            }
        case "pixels from the centre":
            others = {"voxels": value * voxel_size, "Å from the centre": value + centre}
        case "pixels of the tilt series":
            others = {"voxels": value * voxel_size, "Å": value}
        case "fractions of the tomogram":
            others = {}
    # A refinement's shifts are in Å, so they hold in any unit.
    shift = 0 if found.shift_zyx is None else found.shift_zyx
    return {unit: other + shift for unit, other in others.items()}


def refuse_unit(reading: Reading, within: NDArray[np.bool_], others: Others) -> None:
    """Refuse picks of which many lie far outside if another unit puts all inside.

    `within` says of each pick whether it lies in the tomogram.

    Raises
    ------
    ValueError
        If there is such a unit.
    """
    found = reading.found
    if found.shift_zyx is not None and reading.puts_inside(
        reading.position_zyx - found.shift_zyx
    ):
        return  # it was a refinement that moved them out, not a unit
    # A stray pick near a face speaks for no other unit: most lie outside then, and far.
    distance = beyond(reading.index_zyx, reading.shape_zyx)
    is_far = bool((distance > np.array(reading.shape_zyx)).any())
    if (
        2 * within.sum() > len(within)
        or distance.max() <= NEAR
        or (2 * within.sum() == len(within) and not is_far)
    ):
        return
    first = int(np.flatnonzero(~within)[0])
    for unit, other in others.items():
        if reading.puts_inside(other):
            raise ValueError(
                f"{reading.path} ({found.kind}) has its numbers in another unit:"
                f" {reading.beside(first, unit, other)};"
                f" read as {found.unit} {(~within).sum()} of {len(within)} picks lie"
                f" outside of the tomogram, read as {unit} none does;"
                f" {_advice(reading.path, unit)}"
            )


def refuse_corner(reading: Reading, others: Others) -> None:
    """Refuse many picks in the first corner if they fill the tomogram as voxels.

    Raises
    ------
    ValueError
        If they do.
    """
    found, position = reading.found, reading.position_zyx
    other = others.get("voxels")
    if (
        other is None
        or found.unit not in ("Å", "pixels of the tilt series")
        or len(position) < FEWEST_TO_REFUSE
        or not reading.puts_inside(other)
    ):
        return
    size = np.array(reading.shape_zyx) * reading.voxel_size
    extent = np.ptp(other, axis=0)
    is_corner = (position.max(axis=0) * CLEAR_RATIO <= size).all()
    # Picks may fill a part of z alone: a lamella is thin.
    if is_corner and (extent[1:] > size[1:] / 2).all():
        raise ValueError(
            f"{reading.path} ({found.kind}) has its numbers in another unit:"
            f" {reading.beside(0, 'voxels', other)}; read as"
            f" {found.unit} all {len(position)} picks lie in one corner, read as voxels"
            f" they fill the tomogram; {_advice(reading.path, 'voxels')}"
        )


def refuse_first_voxels(reading: Reading) -> None:
    """Refuse voxels that are all in the tomogram's first two: they may be fractions.

    Raises
    ------
    ValueError
        If they are.
    """
    found = reading.found
    value = found.value_zyx
    fewest = 1 if found.kind.startswith("Warp") else FEWEST_TO_REFUSE
    if (
        found.unit != "voxels"
        or len(value) < fewest
        or (np.abs(value) >= FIRST_VOXELS).any()
        or (value == np.round(value)).all()
        or min(reading.shape_zyx) < CLEAR_RATIO * FIRST_VOXELS
    ):
        return
    unit = "fractions of the tomogram"
    other = value * np.array(reading.shape_zyx) * reading.voxel_size
    raise ValueError(
        f"{reading.path} ({found.kind}) may have its numbers in another unit:"
        f" {reading.beside(0, unit, other)}; read as voxels all"
        f" {len(value)} picks lie within the tomogram's first two voxels;"
        f" {_advice(reading.path, unit)}, or with --unit voxels if they are"
    )


def warn_of_angstrom(reading: Reading) -> list[str]:
    """Return a warning if positions in Å look like voxels: whole and small."""
    position = reading.position_zyx
    if (
        reading.found.unit != "Å"
        or len(position) < FEWEST_TO_WARN
        or (position >= np.array(reading.shape_zyx)).any()
        or (position != np.round(position)).any()
    ):
        return []
    return [
        f"{reading.path}: all {len(position)} positions are whole numbers below the"
        f" tomogram's number of voxels; the first, read as Å, is voxel"
        f" {xyz(reading.index_zyx[0])}, read as voxels it would be at"
        f" {xyz(position[0] * reading.voxel_size)} Å; if they are voxels, multiply them"
        f" by {reading.voxel_size:g}"
    ]


def warn_of_tilt_pixels(reading: Reading, others: Others) -> list[str]:
    """Return a warning if pixels of the tilt series may be voxels as well."""
    found, path = reading.found, reading.path
    if found.unit != "pixels of the tilt series":
        return []
    voxels = others["voxels"]
    apart = np.abs(voxels - reading.position_zyx) > NEAR * reading.voxel_size
    if not apart.any() or not reading.puts_inside(voxels):
        return []
    row = int(np.flatnonzero(apart.any(axis=1))[0])
    return [
        f"{path} ({found.kind}): {reading.beside(row, 'voxels', voxels)}; read as"
        f" {found.unit}; if they are voxels, {_advice(path, 'voxels')}"
    ]


def _advice(path: Path, unit: str) -> str:
    option = next((name for name, own in NAMED_UNITS.items() if own == unit), None)
    if option is None:
        return "fix the file"
    return (
        f"fix the file, or convert it: picker convert {path.name} --unit {option} --to"
        " picker ..."
    )
