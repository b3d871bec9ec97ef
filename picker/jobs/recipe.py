"""Recipes: by what a volume that is not stored is made again of the user's file.

The file is beside where the volume would be. Its first entries are what a stored volume
has among its attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003, pydantic reads it
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter

from picker.config import TomogramRow  # noqa: TC001, pydantic reads it
from picker.core.files import written_whole
from picker.core.stamps import file_stamp
from picker.formats.volumes.read import accepted, map_volume, read_tomogram
from picker.project.json_files import read_record
from picker.project.records import Preprocessed  # noqa: TC001, pydantic reads it
from picker.volumes.halves import made_noise
from picker.volumes.steps import Steps  # noqa: TC001, pydantic reads it

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from picker.volumes.steps import Normalised


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseRecipe:
    """By what the noise of a tomogram's halves is made again.

    Attributes
    ----------
    scale
        The tomogram's over that of the halves' mean.
    mean
        What is subtracted at last.
    """

    scale: float
    mean: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """By what a volume, and the noise of its halves, are made again.

    Attributes
    ----------
    source
        The user's file.
    fingerprint
        Of what the volume, labels and mask are made from.
    entry
        What preprocessing said of the tomogram.
    row
        Its files, and how to read them.
    steps, noise
        What was measured in them; noise is None without halves.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    source: Path
    fingerprint: str
    entry: Preprocessed
    row: TomogramRow
    steps: Steps
    noise: NoiseRecipe | None


RECIPE = TypeAdapter(Recipe)


def is_recipe(path: Path) -> bool:
    """Return whether a record's volume or noise is a recipe, and not stored."""
    return path.suffix == ".json"


def read_recipe(path: Path) -> Recipe:
    """Return a recipe.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged, or another version's.
    """
    return read_record(path, RECIPE, "the recipe of a volume, of this version")


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a recipe, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_bytes(RECIPE.dump_json(recipe))


def made_volume(entry: Preprocessed, recipe: Recipe) -> Normalised:
    """Return the volume, computed as parts of it are asked for.

    Raises
    ------
    ValueError
        If the file was changed since, or cannot be read.
    FileNotFoundError
        If it is gone.
    """
    row = recipe.row
    _check_unchanged(entry, row.path)
    volume, _, _ = map_volume(row.path, row.voxel_size, **accepted(row))
    return recipe.steps.of(volume)


def made_half_noise(entry: Preprocessed, recipe: Recipe) -> NDArray[np.float16]:
    """Return the `(z, y, x)` noise of its halves; errors as `made_volume`."""
    row, noise = recipe.row, recipe.noise
    assert noise is not None
    for path in row.halves:
        _check_unchanged(entry, path)
    more: Any = accepted(row)
    even, odd = (
        read_tomogram(path, row.tomogram, row.voxel_size, **more)[0].volume
        for path in row.halves
    )
    return made_noise(even, odd, noise.scale, recipe.steps, noise.mean)


def _check_unchanged(entry: Preprocessed, path: Path) -> None:
    """Refuse a file that is not the one that was measured."""
    try:
        stamp = file_stamp(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is gone; expected the file that {entry.tomogram} is made again of,"
            " as preprocess.keep is trained: copy it back, or take it out of the table"
        ) from error
    if entry.stamps.get(str(path)) != stamp:
        raise ValueError(
            f"{path} is not the file that its manifest describes: it was changed since;"
            " run again"
        )
