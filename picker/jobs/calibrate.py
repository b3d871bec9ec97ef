"""Calibration: each particle's threshold, from tomograms with known particles."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from picker.config.base import FEEDBACK, WITH_PICKS
from picker.config.methods import METHODS
from picker.core.files import write_text
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import Calibrated, OfPart, Thresholds
from picker.formats.text import listed
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.partial_labels import partial_labels
from picker.jobs.refined import refined_candidates
from picker.project.manifests import read_predicted
from picker.project.records import Failed
from picker.scoring.calibrate import FALLBACK, LEAST_F, calibrate
from picker.scoring.calibrate_partial import NEW_TO_TRAINED, calibrate_partial

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings, PartialSettings, Particle, PickSettings
    from picker.config.methods import MethodName
    from picker.core.picks import Picks
    from picker.project.records import Predicted
    from picker.scoring.calibrate_partial import PartialThreshold

logger = logging.getLogger("picker")

NUMBER_IS = {
    "expected": "{} expected particles",
    "lowered": "at most {} particles, fewer than expected",
    "estimated": "an estimated {} particles",
}
"""In words, how one knows the number of particles that did not train."""


def calibrate_thresholds(
    manifests: Sequence[Path],
    output: Path,
    particles: tuple[Particle, ...],
    settings: CalibrateSettings,
    picking: PickSettings,
    partial: PartialSettings,
    method: MethodName | None = None,
) -> None:
    """Write the thresholds of one model.

    Parameters
    ----------
    manifests
        Predicted shards of tomograms with labels, and of their copies: noisy ones or
        halves.
    output
        JSON to write, see `picker.formats.tables.thresholds`.
    particles
        The classes.
    settings
        How thresholds are chosen.
    picking
        Edge margin and distances that thresholds are used with later.
    partial
        Which labels of partial tomograms are held out.
    method
        The one that predicted, if it needs no labels: where no tomogram has any that
        thresholds can be chosen on, each class has the method's own.

    Raises
    ------
    ValueError
        If a tomogram failed or is a test tomogram, none has labels, some are partial
        and others are not, several models predicted, or halves are to be used and one
        has none.
    """
    predictions = read_predicted(manifests)
    if method and not any(e.split in FEEDBACK for e in predictions.tomograms):
        found = {p.name: _own_threshold(p.name, method) for p in particles}
        write_text(
            output, Thresholds(model=predictions.model, particles=found).as_json()
        )
        return
    labeled = labeled_entries(predictions.tomograms)
    split = labeled[0][0].split
    if split == "labeled" and settings.copies == "halves":
        _check_halves([entry for entry, _ in labeled])
    logger.info("calibrate: %d tomograms with labels", len(labeled))

    def counted(picks: Picks, entry: Predicted) -> Picks:
        return where_picks_may_be(picks, entry.preprocessed, picking)

    # By file: the copies of a tomogram share its name and its labels.
    candidates = {
        str(e.candidates): counted(refined_candidates(e, particles, picking), e)
        for e, _ in labeled
    }
    apart = picking.min_distance_per_radius
    if split == "partial":
        labels = {
            str(e.candidates): partial_labels(e.preprocessed, partial, picking)
            for e, _ in labeled
        }
        of_part = calibrate_partial(candidates, labels, particles, settings, apart)
        found = {name: _of_part(name, value) for name, value in of_part.items()}
    else:
        truth = {str(e.candidates): counted(read_picks(path), e) for e, path in labeled}
        chosen = calibrate(candidates, truth, particles, settings, apart)
        for name, value in chosen.items():
            if not value.num_truth:
                logger.info("%s: threshold %.3f, no particle is known", name, FALLBACK)
                continue
            logger.info(
                "%s: threshold %.3f, F %.2f on %d particles of %s tomograms",
                name,
                value.threshold,
                value.f,
                value.num_truth,
                split,
            )
            if value.f < LEAST_F:
                logger.warning(
                    "warning: %s is not learned and gets no picks: hardly any candidate"
                    " lies at one of its %d known particles. Label more of them, train"
                    " longer, or set a threshold of your own in pick.thresholds",
                    name,
                    value.num_truth,
                )
        found = {
            name: Calibrated(**dataclasses.asdict(value), source=split)
            for name, value in chosen.items()
        }
    thresholds = Thresholds(model=predictions.model, particles=found)
    write_text(output, thresholds.as_json())


def _own_threshold(name: str, method: MethodName) -> Calibrated:
    """Return a method's own threshold of a class of which nothing is known; log it."""
    logger.info(
        "%s: threshold %.3f. No tomogram has labels to choose one by, so it is what %s"
        " gives that score. Raise that for fewer and surer picks, or set"
        " pick.thresholds, or with pick.top_k the number of picks in a tomogram",
        name,
        FALLBACK,
        METHODS[method].threshold_setting,
    )
    return Calibrated(threshold=FALLBACK, f=None, num_truth=0, source="none")


def _of_part(name: str, chosen: PartialThreshold) -> Calibrated:
    """Return a threshold of partial tomograms as the file has it, and log it."""
    if chosen.rule == "none":
        logger.warning(
            "warning: %s: threshold %.3f, which rests on nothing: %s, or its threshold"
            " in pick.thresholds",
            name,
            chosen.threshold,
            "no held-out label of it is found and no number of particles is expected."
            " Give its number in the table's column expected"
            if chosen.number is None
            else f"{chosen.number:.0f} more particles are expected, and no candidate is"
            " found besides the labels that train. Label more of it",
        )
    else:
        number = NUMBER_IS[chosen.number_is].format(f"{chosen.number:.0f}")
        rule = f"gives as many picks as {number}"
        if chosen.rule == "f1" and chosen.f is not None:
            rule = f"gives the highest F, {chosen.f:.2f}, for {number}"
        elif chosen.rule == "labels":
            rule = (
                f"lies midway between {NEW_TO_TRAINED} of the labels' median score and"
                f" as many picks as {number}"
            )
        recall = (
            "no label was held out"
            if chosen.recall is None
            else f"finds {chosen.recall:.2f} of {chosen.num_held_out} held-out labels"
        )
        logger.info(
            "%s: threshold %.3f %s without a label that trained; %s",
            name,
            chosen.threshold,
            rule,
            recall,
        )
    return Calibrated(
        threshold=chosen.threshold,
        f=chosen.f,
        num_truth=chosen.num_held_out,
        source="partial",
        partial=OfPart(
            rule=chosen.rule,
            number=None if chosen.number is None else round(chosen.number, 1),
            number_is=chosen.number_is,
            recall=chosen.recall,
        ),
    )


def _check_halves(entries: Iterable[Predicted]) -> None:
    """Refuse labeled tomograms without candidates of their halves."""
    found: dict[str, set[str | None]] = {}
    for entry in entries:
        found.setdefault(entry.tomogram, set()).add(entry.half)
    if without := [name for name, of in found.items() if len(of) < 3]:
        raise ValueError(
            f"calibrate.copies is halves, and there are no candidates of the halves of"
            f" {listed(without)}; expected them of each labeled tomogram, name its"
            " halves in the columns even and odd of the table and predict with"
            " --halves, or set calibrate.copies to noise"
        )


def labeled_entries(
    entries: Iterable[Predicted | Failed],
) -> list[tuple[Predicted, Path]]:
    """Return the tomograms that have labels, each with its file of labels.

    Raises
    ------
    ValueError
        If one failed or is a test tomogram, none has labels, or some are partial and
        others are not.
    """
    labeled: list[tuple[Predicted, Path]] = []
    for entry in entries:
        if isinstance(entry, Failed):  # without it thresholds would be others
            raise ValueError(f"{entry.tomogram} cannot be used: {entry.error}")
        if labels := entry.preprocessed.labels:
            labeled.append((entry, labels))
    if not labeled:
        raise ValueError("calibration needs tomograms with labels; none could be used")
    for entry, _ in labeled:
        if entry.split not in WITH_PICKS or entry.split == "reviewed":
            raise ValueError(
                f"{entry.tomogram} is split {entry.split}; thresholds are chosen on"
                " labeled, partial or validation tomograms alone"
            )
    partial = [entry.tomogram for entry, _ in labeled if entry.split == "partial"]
    if 0 < len(partial) < len(labeled):
        raise ValueError(
            f"thresholds are chosen where all particles are known, or where a part is:"
            f" {listed(partial)} are partial and the others are not; leave one of both"
            " out of the manifests"
        )
    return labeled
