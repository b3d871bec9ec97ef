"""Picks of another program as a member of a vote."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from picker.config import known_as, tomogram_of_file
from picker.core.fingerprint import fingerprint
from picker.core.picks import no_picks
from picker.formats.picks.copick_layout import object_name
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.star import read_picks
from picker.formats.text import listed
from picker.jobs.allowed import where_picks_may_be
from picker.project.imported import files_of
from picker.scoring.calibrate import FALLBACK, calibrate
from picker.scoring.comparable import Scale, comparable_picks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings, Particle, PickSettings
    from picker.core.picks import Picks
    from picker.jobs.members import Voted
    from picker.project.records import Preprocessed

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedFiles:
    """Another program's files, with what their rows say they are of.

    Attributes
    ----------
    root
        The file, or the folder with all of them.
    tomograms
        File: the tomograms that its rows name; None if they name none.
    """

    root: Path
    tomograms: Mapping[Path, tuple[str, ...] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedMember:
    """Another program, which has seen the tomograms but no copies of them.

    Attributes
    ----------
    name, origin
        As in `Member`.
    scales
        Class: what its scores are worth.
    files
        Its files.
    particles
        The classes.
    """

    name: str
    origin: str
    scales: Mapping[str, Scale]
    files: ImportedFiles
    particles: tuple[Particle, ...]

    def key(self, one: Voted) -> str:
        """Return a digest of the files that have its picks in a tomogram."""
        files = _files_with(self.files, one.preprocessed, self.particles)
        stats = ((file, file.stat()) for file in files)
        return fingerprint(*((f, s.st_size, s.st_mtime_ns) for f, s in stats))

    def found(self, one: Voted) -> Picks:
        """Return its picks with comparable scores; errors as `Member.found`."""
        picks = imported_picks(self.files, one.preprocessed, self.particles)
        if picks is None:
            logger.warning(
                "warning: %s has no file of %s; taken as no picks there",
                *(self.files.root, one.preprocessed.tomogram),
            )
        return comparable_picks(no_picks() if picks is None else picks, self.scales)


def read_imported(
    name: str,
    path: Path,
    known: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
    settings: CalibrateSettings,
    picking: PickSettings,
) -> ImportedMember:
    """Return picks of another program as a member.

    Parameters
    ----------
    name, path
        What the user calls it, and its file or folder.
    known
        Tomograms whose particles are known, all of one split: they tell what its scores
        are worth, unless a part of their particles is known alone.
    particles
        The classes.
    settings, picking
        How thresholds are chosen, and edges and distances of picks.

    Raises
    ------
    ValueError
        If its files cannot be read, or none has picks of those tomograms.
    """
    files = imported_files(path)
    known = [entry for entry in known if entry.split != "partial" and entry.labels]
    candidates: dict[str, Picks] = {}
    truth: dict[str, Picks] = {}
    without = []
    for entry in known:
        picks = imported_picks(files, entry, particles)
        if picks is None:
            without.append(entry.tomogram)
        assert entry.labels is not None
        for found, of in (
            (no_picks() if picks is None else picks, candidates),
            (read_picks(entry.labels), truth),
        ):
            of[entry.tomogram] = where_picks_may_be(found, entry, picking)
    if known and len(without) == len(known):
        raise ValueError(
            f"vote.imported.{name}: {path} has no picks of {listed(without)}, whose"
            " particles tell what its scores are worth; expected files or rows of the"
            " same names. Correct the names or the table's column called, or pick"
            " these tomograms too"
        )
    chosen = calibrate(
        *(candidates, truth, particles, settings, picking.min_distance_per_radius)
    )
    scales = {
        particle: Scale(
            threshold=value.threshold if value.num_truth else FALLBACK,
            reliability=value.reliability if value.num_truth else None,
        )
        for particle, value in chosen.items()
    }
    logger.info(
        "%s: %s",
        name,
        ", ".join(f"{p} F {v.f:.2f}" for p, v in chosen.items() if v.num_truth)
        or "no known particles tell what its scores are worth",
    )
    return ImportedMember(
        name=name,
        origin=fingerprint(path, sorted(scales.items())),
        scales=scales,
        files=files,
        particles=particles,
    )


def imported_files(path: Path) -> ImportedFiles:
    """Return a file, or those of a folder; each is read once.

    Raises
    ------
    ValueError
        If one cannot be read.
    """
    return ImportedFiles(
        root=path, tomograms={file: _named_in(file) for file in files_of(path)}
    )


def _named_in(file: Path) -> tuple[str, ...] | None:
    """Return the tomograms that a file's rows name, each once; None if they do not."""
    names = read_coordinates(file).tomogram
    return tuple(dict.fromkeys(names)) if names else None


def imported_picks(
    imported: ImportedFiles, entry: Preprocessed, particles: tuple[Particle, ...]
) -> Picks | None:
    """Return another program's picks of a tomogram; None if no file is of it.

    Scores, which may be of any size, become numbers between 0 and 1 of the same order.

    Raises
    ------
    ValueError
        If a file cannot be read, or has other classes.
    """
    files = _files_with(imported, entry, particles)
    if not files:
        return None
    picks, warnings = read_known_picks(
        files,
        entry.tomogram,
        particles,
        entry.source_voxel_size,
        entry.source_shape_zyx,
        entry.tilt_pixel_size,
        "drop",
        "points",
        entry.called,
    )
    for warning in warnings:
        logger.warning("warning: %s", warning)
    own = picks.score.astype(np.float64)
    score = 0.5 + 0.5 * own / (1 + np.abs(own))
    return replace(picks, score=score.astype(np.float32))


def _files_with(
    imported: ImportedFiles, entry: Preprocessed, particles: Sequence[Particle]
) -> list[Path]:
    """Return the files that have picks of a tomogram, by their rows or their names."""
    names = [name for name in (entry.called, entry.tomogram) if name]
    return [
        file for file in imported.tomograms if _is_of(file, imported, names, particles)
    ]


def _is_of(
    file: Path,
    imported: ImportedFiles,
    names: Sequence[str],
    particles: Sequence[Particle],
) -> bool:
    """Return whether a file has picks of a tomogram.

    Its rows name the tomogram; or else its name is the tomogram's, alone or with a
    class's behind it, or a folder within the root is named so.
    """
    if named := imported.tomograms[file]:
        return known_as(names, named, file) is not None
    if file == imported.root:  # a file for one tomogram may be named after anything
        folders: tuple[str, ...] = ()
    else:
        folders = file.relative_to(imported.root).parent.parts
    if any(known_as(names, [folder], file) for folder in folders):
        return True
    classes = [n for p in particles for n in (p.name, p.own_name, object_name(p.name))]
    stem = tomogram_of_file(file.name)
    bare = {re.sub(rf"[_.-]{re.escape(name)}$", "", stem) for name in classes}
    return any(known_as(names, [one], file) for one in (stem, *bare))
