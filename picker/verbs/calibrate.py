"""Choose each particle's threshold from tomograms whose particles are known.

Validation tomograms where there are any, else the labeled ones and noisy copies of
them; never test tomograms.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import CalibrateSettings, PickSettings
from picker.core.files import write_text
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import Calibrated, Thresholds
from picker.jobs.region import where_picks_may_be
from picker.jobs.settings import read_particles, read_section
from picker.project.manifests import read_predicted
from picker.project.records import Failed
from picker.scoring.calibrate import calibrate
from picker.verbs.common import add_settings, logger

if TYPE_CHECKING:
    import argparse

    from picker.core.picks import Picks
    from picker.project.records import Predicted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests",
        nargs="+",
        type=Path,
        required=True,
        help="predicted shards of tomograms with labels, and of their noisy copies",
    )
    add_settings(parser, "particles, calibrate, pick")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")


def run(arguments: argparse.Namespace) -> None:
    """Calibrate.

    Raises
    ------
    ValueError
        If a tomogram is a test tomogram, or none has labels, or several models
        predicted.
    """
    given = read_predicted(arguments.manifests)
    known: list[tuple[Predicted, Path]] = []
    for entry in given.tomograms:
        if isinstance(entry, Failed):  # what is left would have other thresholds
            raise ValueError(f"{entry.tomogram} cannot be used: {entry.error}")
        if labels := entry.preprocessed.labels:
            known.append((entry, labels))
    if not known:
        raise ValueError("calibration needs tomograms with labels; none could be used")
    for entry, _ in known:
        if entry.split not in ("labeled", "validation"):
            raise ValueError(
                f"{entry.tomogram} is split {entry.split}; thresholds are chosen on"
                " labeled or validation tomograms alone"
            )
    pick = read_section(arguments.settings, "pick", PickSettings)

    def counted(path: Path, entry: Predicted) -> Picks:
        picks = read_picks(path)
        return where_picks_may_be(picks, entry.preprocessed, pick.edge_margin)

    split = known[0][0].split
    logger.info("calibrate: %d tomograms with labels", len(known))
    chosen = calibrate(
        # By file: the noisy copies of a tomogram have its name and its truth.
        {str(e.candidates): counted(e.candidates, e) for e, _ in known},
        {str(e.candidates): counted(labels, e) for e, labels in known},
        read_particles(arguments.settings),
        read_section(arguments.settings, "calibrate", CalibrateSettings),
        pick.min_distance_per_radius,
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
        model=given.model,
        particles={
            name: Calibrated(**dataclasses.asdict(value), source=split)
            for name, value in chosen.items()
        },
    )
    write_text(arguments.output, thresholds.model_dump_json(indent=1) + "\n")
