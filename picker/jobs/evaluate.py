"""Evaluation: the picks of one split compared with its known particles."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.core.files import write_json, write_text
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import read_thresholds
from picker.formats.tables.tsv import text_of_rows
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.failures import cannot_be_used
from picker.jobs.partial_labels import partial_labels
from picker.jobs.refined import refined_candidates
from picker.machine.progress import tracked
from picker.project.manifests import read_picked, read_predicted, write_manifest
from picker.project.records import Picked, Predicted
from picker.refining.select import classes_apart
from picker.scoring.curves import curve_rows, curves
from picker.scoring.evaluate import metrics, tomogram_rows
from picker.scoring.evaluate_partial import (
    PartialTruth,
    metrics_of_partial,
    partial_tomogram_rows,
    recall_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from picker.config import (
        EvaluateSettings,
        PartialSettings,
        Particle,
        PickSettings,
        Split,
    )
    from picker.core.picks import Picks

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationFiles:
    """What an evaluation writes.

    Attributes
    ----------
    metrics
        JSON: F1 at each match distance, precision, recall and the Kaggle score; of
        partial tomograms recall alone.
    curves
        TSV: precision and recall at each threshold; of partial tomograms picks and
        recall.
    by_tomogram
        TSV: right, wrong and missed picks of each tomogram; of partial ones the labels
        that are found and missed.
    failed
        Manifest of the tomograms that could not be evaluated; None: not written.
    """

    metrics: Path
    curves: Path
    by_tomogram: Path
    failed: Path | None = None


def evaluate_picks(
    picked: Sequence[Path],
    predicted: Sequence[Path],
    thresholds: Path,
    output: EvaluationFiles,
    *,
    split: Split,
    particles: tuple[Particle, ...],
    settings: EvaluateSettings,
    picking: PickSettings,
    partial: PartialSettings,
) -> None:
    """Write how good the picks of one split are.

    A tomogram that cannot be read is recorded and the others are evaluated.

    Parameters
    ----------
    picked, predicted
        Manifests of picks, and of the candidates that curves are made from.
    thresholds
        JSON of the calibration.
    output
        Files to write.
    split
        Whose tomograms are evaluated.
    particles
        The classes.
    settings
        Match distances.
    picking
        Edge margin and distances of candidates that could have been picks.
    partial
        Which labels of partial tomograms are held out.

    Raises
    ------
    ValueError
        If no tomogram of the split can be used, or thresholds and candidates are of
        different models.
    """
    predictions = read_predicted(predicted)
    names = [particle.name for particle in particles]
    saved = read_thresholds(thresholds, predictions.model, names)
    chosen = [
        entry
        for entry in read_picked(picked)
        if isinstance(entry, Picked)
        and entry.split == split
        and entry.preprocessed.labels
    ]
    by_name = {e.tomogram: e for e in predictions.tomograms if isinstance(e, Predicted)}
    truth, labels, picks, candidates = {}, {}, {}, {}
    failed = []
    for entry in tracked(chosen, "evaluate", len(chosen), "tomograms"):
        name, before = entry.tomogram, entry.preprocessed
        assert before.labels is not None
        try:
            known, found = read_picks(before.labels), read_picks(entry.picks)
            if split == "partial":
                labels[name] = partial_labels(before, partial)
            if name in by_name:
                candidates[name] = _candidates(by_name[name], particles, picking)
        except Exception as error:
            labels.pop(name, None)
            failed.append(cannot_be_used(entry, entry.picks, error))
            continue
        truth[name], picks[name] = known, found
    if not truth:
        raise ValueError(
            f"no {split} tomogram could be used; expected at least one with picks and"
            " known particles. Fix the errors above, if any, or choose another --split"
        )
    distance = settings.distances_per_radius[0]
    by_particle: Sequence[Mapping[str, object]]
    if split == "partial":
        known_part = PartialTruth(by_tomogram=labels, particles=particles)
        result = metrics_of_partial(
            picks, candidates, known_part, settings, saved.lowest
        )
        by_particle = recall_rows(candidates, known_part, distance)
        by_tomogram = partial_tomogram_rows(picks, known_part, distance)
    else:
        sizes = {e.tomogram: e.preprocessed.source_voxel_size for e in chosen}
        result = metrics(
            *(picks, truth, particles, settings, saved.lowest),
            split=split,
            voxel_size=sizes,
        )
        by_particle = curve_rows(curves(candidates, truth, particles, distance))
        by_tomogram = tomogram_rows(picks, truth, particles, distance)
    write_json(output.metrics, result)
    write_text(output.curves, text_of_rows(by_particle))
    write_text(output.by_tomogram, text_of_rows(by_tomogram))
    if output.failed:
        write_manifest(output.failed, failed)
    for key, values in result.items():
        if key.startswith(("f1@", "recall_top_n@")):
            logger.info("%s on %s: %s", key, split, values)


def _candidates(
    entry: Predicted, particles: tuple[Particle, ...], picking: PickSettings
) -> Picks:
    """Return the candidates of one tomogram that thresholds alone keep from picks."""
    allowed = where_picks_may_be(
        refined_candidates(entry, particles, picking),
        entry.preprocessed,
        picking,
    )
    return classes_apart(allowed, particles, picking.min_distance_per_radius)
