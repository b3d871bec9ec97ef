"""Reproducibility: candidates of even and odd halves to a table of what to expect."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.formats.tables.thresholds import read_thresholds
from picker.formats.tables.tsv import text_of_rows
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.failures import cannot_be_used
from picker.jobs.refined import refined_candidates
from picker.machine.progress import tracked
from picker.project.manifests import read_predicted, write_manifest
from picker.project.records import Failed, Predicted
from picker.refining.select import classes_apart
from picker.scoring.reproducibility import Halves, found_again, reproducibility_curve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import EvaluateSettings, Particle, PickSettings
    from picker.core.picks import Picks

logger = logging.getLogger("picker")

COLUMNS = (
    *("particle", "threshold", "is_threshold", "tomograms", "picks", "half_picks"),
    *("found_again", "expected_precision", "expected_recall"),
)


def write_reproducibility(
    halves: Sequence[Path],
    predicted: Sequence[Path],
    thresholds: Path,
    output: Path,
    *,
    particles: tuple[Particle, ...],
    settings: EvaluateSettings,
    picking: PickSettings,
    failed: Path | None = None,
) -> None:
    """Write what is found again in the other half, and what to expect of that.

    A tomogram that cannot be read is recorded and the others are used.

    Parameters
    ----------
    halves, predicted
        Manifests of the candidates of halves, and of those of the whole tomograms.
    thresholds
        JSON of the calibration.
    output
        TSV to write; without a tomogram it has no rows.
    particles
        The classes.
    settings
        Match distances, of which the first counts for two finds of one particle too.
    picking
        Edge margin and distances of picks, and thresholds that take precedence.
    failed
        Manifest to write of the tomograms that could not be used.

    Raises
    ------
    ValueError
        If a manifest cannot be used, or models differ.
    """
    predictions = read_predicted([*halves, *predicted])
    names = [particle.name for particle in particles]
    saved = read_thresholds(thresholds, predictions.model, names)
    lowest = saved.lowest | picking.thresholds
    # Once a tomogram, of which both halves may have failed.
    failures = {
        entry.tomogram: entry
        for entry in read_predicted(halves).tomograms
        if isinstance(entry, Failed)
    }
    parts: dict[str, dict[str | None, Predicted]] = {}
    for entry in predictions.tomograms:
        if isinstance(entry, Predicted):
            parts.setdefault(entry.tomogram, {})[entry.half] = entry
    whole = {name: part for name, part in parts.items() if len(part) == 3}
    tomograms: list[Halves] = []
    for part in tracked(whole.values(), "reproducibility", len(whole), "tomograms"):
        try:
            tomograms.append(_halves(part, particles, picking))
        except Exception as error:
            bad = part[None]
            failures[bad.tomogram] = cannot_be_used(bad, bad.candidates, error)
    rows: list[dict[str, str | float | None]] = []
    for particle in particles:
        found = found_again(tomograms, particle, settings.distances_per_radius[0])
        threshold = lowest[particle.name]
        for one in reproducibility_curve(found, threshold) if tomograms else ():
            values = (
                *(particle.name, one.threshold, int(one.threshold == threshold)),
                *(len(tomograms), one.num_picks, one.num_half_picks),
                *(one.found_again, one.precision, one.recall),
            )
            rows.append(dict(zip(COLUMNS, values, strict=True)))
            if one.threshold == threshold:
                logger.info(
                    "%s: found again %s, expected precision %s and recall %s at %.3f",
                    *(particle.name, _text(one.found_again), _text(one.precision)),
                    *(_text(one.recall), threshold),
                )
    write_text(output, text_of_rows(rows, COLUMNS, digits=4))
    if failed:
        write_manifest(failed, failures.values())


def _halves(
    part: dict[str | None, Predicted],
    particles: tuple[Particle, ...],
    picking: PickSettings,
) -> Halves:
    """Return the candidates of a tomogram and its halves that could be picks."""

    def apart(entry: Predicted) -> Picks:
        picks = refined_candidates(entry, particles, picking)
        allowed = where_picks_may_be(picks, entry.preprocessed, picking)
        return classes_apart(allowed, particles, picking.min_distance_per_radius)

    before = part[None].preprocessed
    z, y, x = ((number - 1) * before.voxel_size for number in before.shape_zyx)
    return Halves(
        whole=apart(part[None]),
        even=apart(part["even"]),
        odd=apart(part["odd"]),
        extent_zyx=(z, y, x),
    )


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
