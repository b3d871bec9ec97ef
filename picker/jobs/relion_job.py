"""Exported picks as the result of a job of RELION 5, so that its GUI offers them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from picker.core.files import write_text, written_whole
from picker.formats.tables.star_table import read_tables, write_block
from picker.project.exported import PROVENANCE, read_exported

if TYPE_CHECKING:
    from picker.project.exported import Exported

logger = logging.getLogger("picker")

NAME = "rlnTomoName"
PARTICLES = "ParticleGroupMetadata.star.relion"
OPTIMISATION_SET = "TomoOptimisationSet.star.relion"
"""Kinds of files that RELION's jobs take as input."""
NODES = "RELION_OUTPUT_NODES.star"
SUCCESS, FAILURE = "RELION_JOB_EXIT_SUCCESS", "RELION_JOB_EXIT_FAILURE"


def write_relion_job(
    export: Path, job: Path, tomograms_star: Path | None = None
) -> list[tuple[Path, str]]:
    """Write an export into the folder of an External job, and that it has ended.

    For each particle with picks `<particle>.star`, and where RELION's tomograms.star is
    known `<particle>_optimisation_set.star`, which names both. RELION reads which files
    there are from `RELION_OUTPUT_NODES.star`.

    Parameters
    ----------
    export
        Folder of the export for RELION 5.
    job
        The job's folder, as RELION gives it: from the folder in which it runs.
    tomograms_star
        Where the tilt series are; None: the one that the export was written with.

    Returns
    -------
    The files for RELION, each with its kind.

    Raises
    ------
    ValueError
        If the folder is no export for RELION 5, no particle has picks, or there is no
        such tomograms.star. RELION is told that the job failed.

    Source: RELION 5, https://github.com/3dem/relion, commit 73f0a3c, External job in
    src/pipeline_jobs.cpp, getOutputNodesFromStarFile in src/pipeliner.cpp;
    optimisation sets as src/tomography_python_programs/get_particle_poses/ has them.
    """
    try:
        record = _record(export)
        star = tomograms_star or _tomograms_star(record)
        if star is None:
            logger.warning(
                "warning: no tomograms.star is known, so no optimisation set is"
                " written; give --tomograms-star"
            )
        elif not star.is_file():
            raise ValueError(
                f"{star} does not exist; expected RELION's tomograms.star, which the"
                " optimisation sets name: give its path by --tomograms-star"
            )
        nodes = []
        for name in (n for n in record.files if "/" not in n and n.endswith(".star")):
            if not _has_picks(export / name):
                logger.warning("warning: %s has no picks and is left out", name)
                continue
            with written_whole(job / name) as temporary:
                shutil.copyfile(export / name, temporary)
            nodes.append((job / name, PARTICLES))
            if star:
                pair = job / f"{Path(name).stem}_optimisation_set.star"
                columns = ["rlnTomoParticlesFile", "rlnTomoTomogramsFile"]
                rows = [[(job / name).as_posix(), star.as_posix()]]
                write_block(pair, "optimisation_set", columns, rows)
                nodes.append((pair, OPTIMISATION_SET))
        if not nodes:
            raise ValueError(
                f"{export} has no picks of any particle; expected some, lower"
                " pick.thresholds and run again"
            )
    except Exception:
        write_text(job / FAILURE, "")
        raise
    columns = ["rlnPipeLineNodeName", "rlnPipeLineNodeTypeLabel"]
    rows = [[path.as_posix(), kind] for path, kind in nodes]
    write_block(job / NODES, "output_nodes", columns, rows)
    write_text(job / SUCCESS, "")
    logger.info("%s: %d files for RELION", job, len(nodes))
    return nodes


def _record(export: Path) -> Exported:
    """Return the record of an export for RELION 5."""
    path = export / PROVENANCE
    if not path.is_file():
        raise ValueError(
            f"{path} does not exist; expected the folder of an export for RELION 5,"
            " such as results/supervised/export/relion5"
        )
    record = read_exported(path)
    if record.target != "relion5":
        raise ValueError(
            f"{export} was written for {record.target}; expected an export for relion5"
        )
    return record


def _tomograms_star(record: Exported) -> Path | None:
    """Return the file that an export was written with, from where RELION runs."""
    if record.tilt_series is None:
        return None
    path = (Path(record.project) / record.tilt_series).resolve()
    here = Path.cwd().resolve()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _has_picks(path: Path) -> bool:
    return any(len(table) for table in read_tables(path, {NAME}, ()))
