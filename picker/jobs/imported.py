"""Picks of another program as a member of a vote."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.core.fingerprint import fingerprint
from picker.core.picks import no_picks
from picker.formats.picks.star import read_picks
from picker.formats.text import listed
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.imported_files import imported_files, imported_picks
from picker.scoring.calibrate import FALLBACK, calibrate
from picker.scoring.comparable import Scale, comparable_picks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings, Particle, PickSettings
    from picker.core.picks import Picks
    from picker.jobs.imported_files import ImportedFiles
    from picker.jobs.members import Voted
    from picker.project.records import Preprocessed

logger = logging.getLogger("picker")


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
    """

    name: str
    origin: str
    scales: Mapping[str, Scale]
    files: ImportedFiles

    def key(self, one: Voted) -> str:
        """Return a digest of the files that have its picks in a tomogram."""
        files = self.files.files_and_beside(one.preprocessed)
        stats = ((file, file.stat()) for file in files)
        return fingerprint(*((f, s.st_size, s.st_mtime_ns) for f, s in stats))

    def found(self, one: Voted) -> Picks:
        """Return its picks with comparable scores; errors as `Member.found`."""
        picks = imported_picks(self.files, one.preprocessed)
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
    tomograms: Iterable[Sequence[str]],
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
    tomograms
        The names of each tomogram that a file may be of.
    particles
        The classes.
    settings, picking
        How thresholds are chosen, and edges and distances of picks.

    Raises
    ------
    ValueError
        If a file of a known tomogram cannot be read, or one that may be of any; or none
        has picks of the known ones.
    """
    files = imported_files(path, particles)
    files.refuse_nobodys(tomograms)
    known = [entry for entry in known if entry.split != "partial" and entry.labels]
    candidates: dict[str, Picks] = {}
    truth: dict[str, Picks] = {}
    without = []
    for entry in known:
        picks = imported_picks(files, entry)
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
    )
