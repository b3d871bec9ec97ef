"""Calibration: each particle's threshold, from tomograms whose particles are known."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import Calibrated, Thresholds
from picker.jobs.allowed import where_picks_may_be
from picker.project.manifests import read_predicted
from picker.project.records import Failed
from picker.scoring.calibrate import calibrate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings, Particle, PickSettings
    from picker.core.picks import Picks
    from picker.project.records import Predicted

logger = logging.getLogger("picker")


def calibrate_thresholds(
    manifests: Sequence[Path],
    output: Path,
    particles: tuple[Particle, ...],
    settings: CalibrateSettings,
    picking: PickSettings,
) -> None:
    """Write the thresholds of one model.

    Parameters
    ----------
    manifests
        Predicted shards of tomograms with labels, and of their noisy copies.
    output
        JSON to write, see `picker.formats.tables.thresholds`.
    particles
        The classes.
    settings
        How thresholds are chosen.
    picking
        Edge margin and distances that thresholds are used with later.

    Raises
    ------
    ValueError
        If a tomogram failed or is a test tomogram, none has labels, or several models
        predicted.
    """
    predictions = read_predicted(manifests)
    labeled = _labeled(predictions.tomograms)
    split = labeled[0][0].split
    logger.info("calibrate: %d tomograms with labels", len(labeled))

    def counted(path: Path, entry: Predicted) -> Picks:
        picks = read_picks(path)
        return where_picks_may_be(picks, entry.preprocessed, picking.edge_margin)

    chosen = calibrate(
        # By file: the noisy copies of a tomogram share its name and its labels.
        {str(e.candidates): counted(e.candidates, e) for e, _ in labeled},
        {str(e.candidates): counted(labels, e) for e, labels in labeled},
        particles,
        settings,
        picking.min_distance_per_radius,
    )
    for name, value in chosen.items():
        logger.info(
            "%s: threshold %.3f, F %.2f on %d particles of %s tomograms",
            name,
            value.threshold,
            value.f,
            value.num_truth,
            split,
        )
    thresholds = Thresholds(
        model=predictions.model,
        particles={
            name: Calibrated(**dataclasses.asdict(value), source=split)
            for name, value in chosen.items()
        },
    )
    write_text(output, thresholds.model_dump_json(indent=1) + "\n")


def _labeled(entries: Iterable[Predicted | Failed]) -> list[tuple[Predicted, Path]]:
    """Return the tomograms that have labels, each with its file of labels."""
    labeled: list[tuple[Predicted, Path]] = []
    for entry in entries:
        if isinstance(entry, Failed):  # without it thresholds would be others
            raise ValueError(f"{entry.tomogram} cannot be used: {entry.error}")
        if labels := entry.preprocessed.labels:
            labeled.append((entry, labels))
    if not labeled:
        raise ValueError("calibration needs tomograms with labels; none could be used")
    for entry, _ in labeled:
        if entry.split not in ("labeled", "validation"):
            raise ValueError(
                f"{entry.tomogram} is split {entry.split}; thresholds are chosen on"
                " labeled or validation tomograms alone"
            )
    return labeled
