"""Picks written for other programs: one name a target, one folder each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats import (
    cbox,
    copick,
    dynamo,
    eman2,
    imod,
    kaggle,
    portal,
    star_targets,
    tomotwin,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import ExportSettings, Particle, Target
    from picker.formats.records import TomogramPicks

# Where a target's picks of a tomogram and class lie in its folder.
FILES: dict[Target, str] = {
    "relion5": "{particle}.star",
    "relion4": "{particle}.star",
    "relion3": "{particle}/{tomogram}_pick.star",
    "warp": "{tomogram}_{particle}.star",
    "copick": "ExperimentRuns/{tomogram}/Picks/{user}_{session}_{copick_name}.json",
    "kaggle": "submission.csv",
    "portal": "{tomogram}_{particle}.ndjson",
    "imod": "{tomogram}.mod",
    "dynamo": "{particle}.tbl",
    "tomotwin": "{tomogram}_{particle}.coords",
    "cbox": "{tomogram}_{particle}.cbox",
    "eman2": "{tomogram}_info.json",
}


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
        Filled.
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
        If the target cannot tell particles apart by their names.
    """
    names = [particle.name for particle in particles]
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
            kaggle.write_submission(folder, tomograms)
        case "portal":
            portal.write_points(folder, tomograms, names)
        case "imod":
            imod.write_models(folder, tomograms, particles)
        case "dynamo":
            dynamo.write_tables(folder, tomograms, names)
        case "tomotwin":
            tomotwin.write_coords(folder, tomograms, names)
        case "cbox":
            cbox.write_boxes(folder, tomograms, particles)
        case "eman2":
            eman2.write_info(folder, tomograms, particles, t)


def files_of_target(
    target: Target,
    tomograms: Sequence[str],
    particles: Sequence[str],
    settings: ExportSettings,
) -> list[str]:
    """Return the files with picks, relative to the target's folder, each once."""
    return list(
        dict.fromkeys(
            FILES[target].format(
                tomogram=tomogram,
                particle=particle,
                copick_name=copick.object_name(particle),
                user=copick.object_name(settings.user_id),
                session=copick.object_name(settings.session_id),
            )
            for tomogram in tomograms
            for particle in particles
        )
    )
