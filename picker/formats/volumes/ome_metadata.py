"""OME-Zarr's metadata of an image: axes, resolutions and the size of voxels.

Source: OME-NGFF 0.4 and 0.5, https://ngff.openmicroscopy.org
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from picker.config import explained
from picker.formats.volumes.files import SET_VOXEL_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ANGSTROM = {"angstrom": 1.0, "nanometer": 10.0, "micrometer": 1e4, "picometer": 1e-2}
"""Units of axes that are read [Å]."""


class Axis(BaseModel):
    """An axis of a multiscale image."""

    name: str
    unit: str | None = None


class Transformation(BaseModel):
    """A step from index to position."""

    type: str
    scale: list[float] = []
    translation: list[float] = []


class Dataset(BaseModel):
    """One resolution of a multiscale image."""

    path: str = Field(max_length=200)
    transformations: list[Transformation] | None = Field(
        default=None, alias="coordinateTransformations"
    )


class Multiscale(BaseModel):
    """One image in all its resolutions, the finest first."""

    axes: list[Axis | str]
    datasets: list[Dataset] = Field(min_length=1)
    transformations: list[Transformation] | None = Field(
        default=None, alias="coordinateTransformations"
    )

    @property
    def full_axes(self) -> list[Axis]:
        """The axes; version 0.3 gave nothing but their names."""
        return [a if isinstance(a, Axis) else Axis(name=a) for a in self.axes]


def has_ome(attributes: Mapping[str, Any]) -> bool:
    """Return whether a group's attributes are those of an OME-Zarr image."""
    return "multiscales" in attributes or "ome" in attributes


def is_collection(attributes: Mapping[str, Any]) -> bool:
    """Return whether a group's images lie in folders below it.

    Source: OME-NGFF 0.4 and 0.5, bioformats2raw.layout.
    """
    ome = attributes.get("ome")
    merged = {**attributes, **(ome if isinstance(ome, dict) else {})}
    return "bioformats2raw.layout" in merged and "multiscales" not in merged


def multiscale_of(path: Path, attributes: Mapping[str, Any]) -> Multiscale:
    """Return the first image that a group's attributes describe.

    Parameters
    ----------
    path
        The group's folder, for the message.
    attributes
        Of the group, of version 0.4 or 0.5.

    Raises
    ------
    ValueError
        If there is none, or it is not understood.
    """
    ome = attributes.get("ome", attributes)
    try:
        return Multiscale.model_validate(ome["multiscales"][0])
    except (KeyError, IndexError, TypeError, ValidationError) as error:
        why = explained(error) if isinstance(error, ValidationError) else repr(error)
        raise ValueError(
            f"{path} has no OME-Zarr metadata (multiscales with axes and datasets in"
            f" .zattrs or zarr.json: {why.strip()}); copy it again, or give a"
            f" single array of z, y, x and {SET_VOXEL_SIZE}"
        ) from error


def check_axes(path: Path, axes: Sequence[Axis], shape: Sequence[int]) -> None:
    """Refuse an image that is not one volume.

    Raises
    ------
    ValueError
        If its axes are not z, y, x, at most after c and t of length 1.
    """
    names = [axis.name for axis in axes]
    extra = len(names) - 3
    if (
        names[extra:] != ["z", "y", "x"]
        or len(names) != len(shape)
        or not set(names[:extra]) <= {"c", "t"}
        or any(length != 1 for length in shape[:extra])
    ):
        raise ValueError(
            f"{path} has axes {', '.join(names)} of lengths {tuple(shape)}; expected z,"
            " y, x, at most with c and t of length 1 before them"
        )


def voxel_sizes(
    path: Path, image: Multiscale, *, needs_unit: bool
) -> tuple[list[float], list[str]]:
    """Return the finest resolution's voxel size along z, y, x [Å], and warnings.

    Parameters
    ----------
    path
        The image's folder, for messages.
    image
        Its metadata, whose last three axes are z, y, x.
    needs_unit
        Whether axes in an unknown unit are an error; else they have no size.

    Returns
    -------
    Three sizes, none if the metadata give no scale; warnings.

    Raises
    ------
    ValueError
        If an axis needs a unit and has none that is known.
    """
    axes = image.full_axes
    steps = [*(image.transformations or []), *(image.datasets[0].transformations or [])]
    scale, warnings = _scale(path, steps, len(axes))
    units = [axis.unit or "missing" for axis in axes[-3:]]
    if not scale or (not needs_unit and not set(units) <= set(ANGSTROM)):
        return [], warnings
    for unit in units:
        if unit not in ANGSTROM:
            raise ValueError(
                f"{path} has an axis whose unit is {unit}; expected"
                f" {', '.join(ANGSTROM)}; {SET_VOXEL_SIZE}"
            )
    sizes = [s * ANGSTROM[u] for s, u in zip(scale[-3:], units, strict=True)]
    return sizes, warnings


def _scale(
    path: Path, steps: Sequence[Transformation], num_axes: int
) -> tuple[list[float], list[str]]:
    """Return the product of all scales, empty if there are none, and warnings."""
    scale: list[float] = []
    warnings = []
    for step in steps:
        if step.type == "scale" and len(step.scale) == num_axes:
            before = scale or [1.0] * num_axes
            scale = [a * b for a, b in zip(before, step.scale, strict=True)]
        elif step.type == "translation" and any(step.translation):
            warnings.append(
                f"{path}: its translation {step.translation} is ignored; positions"
                " count from the centre of its first voxel"
            )
    return scale, warnings
