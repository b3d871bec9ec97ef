"""Picks written for other programs: one name a target, one folder each."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from picker.config.base import OF_MICROGRAPHS, ONLY_OF_MICROGRAPHS
from picker.formats.picks import (
    box,
    cbox,
    copick,
    dynamo,
    eman2,
    imod,
    kaggle,
    motive_lists,
    peet,
    portal,
    star_targets,
    tomotwin,
)
from picker.formats.picks.copick_layout import object_name
from picker.formats.picks.default_angles import with_angles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import ExportSettings, Particle, Target
    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger(__name__)

# The path of a target's picks of a tomogram and class in its folder.
FILES: dict[Target, str] = {
    "relion5": "{particle}.star",
    "relion4": "{particle}.star",
    "relion3": "{particle}/{tomogram}_pick.star",
    "warp": "{tomogram}_{particle}.star",
    "copick": "ExperimentRuns/{tomogram}/Picks/{user}_{session}_{copick_name}.json",
    "kaggle": "submission.csv",
    "portal": "{tomogram}_{particle}.ndjson",
    "imod": "{tomogram}.mod",
    "peet": "{tomogram}_{particle}.mod",
    "dynamo": "{particle}.tbl",
    "stopgap": "{particle}.star",
    "av3": "{particle}.em",
    "tomotwin": "{tomogram}_{particle}.coords",
    "cbox": "{tomogram}_{particle}.cbox",
    "eman2": "{tomogram}_info.json",
    "autopick": "{particle}/{tomogram}_autopick.star",
    "box": "{particle}/{tomogram}.box",
}

ANGLED: tuple[Target, ...] = (
    *("relion5", "relion4", "relion3", "warp"),
    *("peet", "dynamo", "stopgap", "av3"),
)
"""Targets that want an orientation of every pick, or of none."""


def write_target(
    target: Target,
    folder: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[Particle],
    settings: ExportSettings,
    root: Path | None = None,
) -> None:
    """Write all picks for one program.

    Parameters
    ----------
    target
        Which program.
    folder
        Where the files go; it exists.
    tomograms
        What to write; positions in Å.
    particles
        Classes, with radii [Å] where the target draws boxes or spheres.
    settings
        Pixel size of the tilt series [Å], RELION 5's centre, copick's names.
    root
        Where the folder will lie when copick opens it; None: where it is written.

    Raises
    ------
    ValueError
        If the target cannot tell particles or tomograms apart by their names, or two
        tomograms' picks would get into one file.
    """
    _check_dimensions(target, tomograms)
    if target in ANGLED:
        tomograms = with_angles(tomograms, settings.angles, settings.angles_seed)
    names = [particle.name for particle in particles]
    _check_files_differ(
        target, folder, [one.tomogram for one in tomograms], names, settings
    )
    _check_names_differ(target, tomograms)
    t = settings.tilt_series_pixel_size
    match target:
        case "relion5":
            centre = settings.relion5_centre
            star_targets.write_relion5(folder, tomograms, names, t, centre)
        case "relion4":
            star_targets.write_relion4(folder, tomograms, names, t)
        case "relion3":
            star_targets.write_relion3(folder, tomograms, names)
        case "warp":
            star_targets.write_warp(folder, tomograms, names)
        case "copick":
            user, session = settings.user_id, settings.session_id
            copick.write_project(folder, tomograms, particles, user, session, root)
        case "kaggle":
            called = {particle.name: particle.own_name for particle in particles}
            kaggle.write_submission(folder, tomograms, called)
        case "portal":
            portal.write_points(folder, tomograms, names)
        case "imod":
            imod.write_models(folder, tomograms, particles)
        case "peet":
            peet.write_lists(folder, tomograms, particles)
        case "dynamo":
            dynamo.write_tables(folder, tomograms, names)
        case "stopgap":
            motive_lists.write_stopgap(folder, tomograms, names)
        case "av3":
            motive_lists.write_av3(folder, tomograms, names)
        case "tomotwin":
            tomotwin.write_coords(folder, tomograms, names)
        case "cbox":
            cbox.write_boxes(folder, tomograms, particles)
        case "eman2":
            eman2.write_info(folder, tomograms, particles, t)
        case "autopick":
            star_targets.write_autopick(folder, tomograms, names, root)
        case "box":
            box.write_boxes(folder, tomograms, particles)


def _check_dimensions(target: Target, tomograms: Sequence[TomogramPicks]) -> None:
    """Refuse picks of micrographs for a target of tomograms, or the other way round.

    Raises
    ------
    ValueError
        If there are any.
    """
    flat = target in ONLY_OF_MICROGRAPHS
    for one in tomograms:
        if one.is_micrograph and target not in OF_MICROGRAPHS:
            raise ValueError(
                f"{target} is of tomograms, but {one.tomogram} is a micrograph;"
                f" expected one of {', '.join(OF_MICROGRAPHS)}"
            )
        if flat and not one.is_micrograph:
            raise ValueError(
                f"{target} holds no z, but {one.tomogram} has {one.shape_zyx[0]}"
                " slices; expected a target of tomograms, name another"
            )


def _check_files_differ(
    target: Target,
    folder: Path,
    tomograms: Sequence[str],
    particles: Sequence[str],
    settings: ExportSettings,
) -> None:
    """Refuse names that give two files one path: one would replace the other.

    Raises
    ------
    ValueError
        If two pairs of tomogram and particle have one file; also if the files' names
        differ by case alone and the folder's file system does not tell them apart.
    """
    by_name: dict[str, dict[str, tuple[str, str]]] = {}
    template = FILES[target]
    for tomogram in tomograms:
        for particle in particles:
            # A file that is named after one of the two alone is meant for both.
            pair = (
                tomogram if "{tomogram}" in template else "",
                particle if "{particle}" in template else "",
            )
            (file,) = files_of_target(target, [tomogram], [particle], settings)
            files = by_name.setdefault(file.casefold(), {})
            other = files.setdefault(file, pair)
            if other != pair:
                raise ValueError(
                    f"{target} has one file {file} for tomogram {other[0]} with"
                    f" particle {other[1]} and tomogram {pair[0]} with particle"
                    f" {pair[1]}; expected one each, rename one of them"
                )
    for files in by_name.values():
        if len(files) == 1:
            continue
        names = " and ".join(files)
        if _ignores_case(folder):
            raise ValueError(
                f"{target} has the files {names}, which the file system of {folder}"
                " does not tell apart; rename one, or write to another disk"
            )
        logger.warning(
            "warning: %s differ by case alone; a file system that ignores it (macOS,"
            " Windows) keeps one of them",
            names,
        )


def _check_names_differ(target: Target, tomograms: Sequence[TomogramPicks]) -> None:
    """Refuse two tomograms of one name where one file has the picks of both.

    Raises
    ------
    ValueError
        If two have one name in it.
    """
    is_listed = target == "autopick"  # each in a file, and all files in a list
    # Some number tomograms instead.
    numbered = ("dynamo", "stopgap", "av3")
    if ("{tomogram}" in FILES[target] and not is_listed) or target in numbered:
        return
    names: dict[str, str] = {}
    for one in tomograms:
        name = one.micrograph_name if is_listed else one.own_name
        other = names.setdefault(name, one.tomogram)
        if other != one.tomogram:
            raise ValueError(
                f"{target} has the picks of all tomograms in one file, in which"
                f" {other} and {one.tomogram} are both {name}; expected"
                " different names: correct the table's column called, or leave it out"
            )


def _ignores_case(folder: Path) -> bool:
    """Return whether names that differ by case alone are one file in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".Case", dir=folder) as name:
        return Path(name).with_name(Path(name).name.swapcase()).exists()


def files_of_target(
    target: Target,
    tomograms: Sequence[str],
    particles: Sequence[str],
    settings: ExportSettings,
) -> list[str]:
    """Return the paths of files with picks in the target's folder, each once."""
    return list(
        dict.fromkeys(
            FILES[target].format(
                tomogram=tomogram,
                particle=particle,
                copick_name=object_name(particle),
                user=object_name(settings.user_id),
                session=object_name(settings.session_id),
            )
            for tomogram in tomograms
            for particle in particles
        )
    )
