"""What a preprocessed tomogram was made from, and whether that still holds."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from picker import __version__
from picker.core.fingerprint import fingerprint
from picker.core.stamps import file_stamp, is_zarr
from picker.formats.volumes.ome_zarr import open_volume
from picker.jobs.recipe import is_recipe
from picker.jobs.stored import attributes_of
from picker.project.records import PREPROCESSED

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import Particle, PreprocessSettings, TomogramRow
    from picker.project.records import Preprocessed

NOT_IN_KEY = {
    *("split", "expected", "tilt_pixel_size", "missing_chunks", "stacks_are_volumes"),
    *("dimensions", "membranes"),
}
"""Columns of a row that change no result, or only make one where there was none."""
STAMPED = ("even", "odd")
"""Columns whose files' stamps have their paths: without halves keys say nothing."""
PICKS_ONLY = ("tilt_pixel_size", "outside", "contours", "called")
"""Columns of a row that matter to its picks alone."""


def input_key(
    row: TomogramRow, particles: tuple[Particle, ...], settings: PreprocessSettings
) -> str:
    """Return a digest of all that a tomogram's volume, labels and mask depend on.

    Particles and the pixel size of the tilt series matter to picks alone; radii matter
    to the warning about their contrast.

    Parameters
    ----------
    row
        The tomogram, its files and how to read them.
    particles
        Names and radii [Å].
    settings
        How volumes are made.

    Raises
    ------
    OSError
        If one of the files is missing or cannot be looked at.
    """
    for_picks = (
        *(getattr(row, name) for name in PICKS_ONLY),
        [(particle.key(), particle.called) for particle in particles],
    )
    return fingerprint(
        __version__,
        row.model_dump_json(exclude={*NOT_IN_KEY, *STAMPED, *PICKS_ONLY}),
        settings.key(),
        for_picks if row.picks else "",
        *(_content_stamp(file) for file in row.made_from),
    )


def file_stamps(row: TomogramRow) -> dict[str, tuple[int, int]]:
    """Return the size and time of each existing file that a tomogram is read from."""
    stamps = {}
    for file in row.files:
        # The file may be missing, or its folder closed to us.
        with contextlib.suppress(OSError):
            stamps[str(file)] = file_stamp(file)
    return stamps


def finished_record(
    volume: Path, labels: Path | None, mask: Path, noise: Path, key: str
) -> Preprocessed | None:
    """Return what an earlier run recorded, None unless its files still hold.

    Parameters
    ----------
    volume
        The stored volume, or the recipe in its place, which has the record.
    labels
        The stored picks; None if the tomogram has none.
    mask, noise
        The stored mask and noise, or recipe; looked at only if the record names them.
    key
        The `input_key` that they must be made from.
    """
    if not _is_made_from(volume, key):
        return None
    try:
        record = PREPROCESSED.validate_python(attributes_of(volume)["entry"])
    except (KeyError, ValidationError):  # another version's, which had other fields
        return None
    if labels is not None and not labels.exists():
        return None
    # A job may be killed between the two files, and settings change and change back.
    named = [(record.mask, mask)]
    if not is_recipe(volume):  # which is of the noise too
        named.append((record.noise, noise))
    if not all(_is_made_from(file, key) for name, file in named if name is not None):
        return None
    return record


def _is_made_from(volume: Path, key: str) -> bool:
    """Return whether a volume, mask or recipe is of this input, and is whole."""
    try:
        if attributes_of(volume).get("fingerprint") != key:
            return False
        if not is_recipe(volume):
            open_volume(volume)
    except (ValueError, FileNotFoundError):
        return False
    return True


def _content_stamp(path: Path) -> str:
    """Return what changes when a file, or any file of a Zarr folder, is replaced."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; expected the volume, picks, mask or half that the"
            " table names: copy it again, or fix its path"
        )
    files = sorted(path.rglob("*")) if is_zarr(path) else [path]
    stats = [(str(file), file.stat()) for file in files]
    return fingerprint([(name, s.st_size, s.st_mtime_ns) for name, s in stats])
