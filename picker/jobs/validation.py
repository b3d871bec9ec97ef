"""How well a model that is being trained finds particles in known tomograms."""

from __future__ import annotations

import logging
import statistics
from typing import TYPE_CHECKING

import numpy as np

from picker.config import CalibrateSettings
from picker.formats.picks.star import read_picks
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.partial_labels import partial_labels
from picker.jobs.stored import stored_volume
from picker.jobs.training_data import usable
from picker.refining.select import picks_apart
from picker.scoring.calibrate import calibrate
from picker.scoring.calibrate_partial import calibrate_partial
from picker.scoring.expected_number import estimated_number
from picker.scoring.found_labels import found_labels, pooled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from picker.config import PartialSettings, Particle
    from picker.core.picks import Picks
    from picker.finding.finder import Finder
    from picker.networks.network import Network
    from picker.project.records import Failed, Preprocessed
    from picker.scoring.calibrate import Threshold
    from picker.scoring.calibrate_partial import PartialThreshold
    from picker.scoring.found_labels import FoundLabels

logger = logging.getLogger("picker")


def thresholds_of(
    finder: Finder,
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
) -> dict[str, Threshold]:
    """Return each class's best threshold and F1 on tomograms with labels."""
    candidates, truth = {}, {}
    for entry in entries:
        assert entry.labels is not None
        candidates[entry.tomogram] = _candidates(finder, entry)
        truth[entry.tomogram] = where_picks_may_be(read_picks(entry.labels), entry)
    return calibrate(candidates, truth, particles, CalibrateSettings())


def thresholds_of_partial(
    finder: Finder,
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
    partial: PartialSettings,
) -> dict[str, PartialThreshold]:
    """Return each class's threshold on tomograms where a part has labels.

    Particles without a label are not taken for wrong: see `calibrate_partial`.
    """
    return calibrate_partial(
        {entry.tomogram: _candidates(finder, entry) for entry in entries},
        {entry.tomogram: partial_labels(entry, partial) for entry in entries},
        particles,
        CalibrateSettings(),
    )


def hidden_numbers(
    finder: Finder,
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
    partial: PartialSettings,
) -> NDArray[np.float64]:
    """Return an estimate of how many particles no label trains on, and log it.

    It is of all those partial tomograms together for which no number is given, and
    held-out labels are among them: see `estimated_number`.

    Parameters
    ----------
    finder
        Finds with the model that is being trained.
    entries
        Partial tomograms.
    particles
        The classes.
    partial
        Fraction of the labels that is held out.

    Returns
    -------
    `(class,)`, NaN where every number is given or no held-out label is found.
    """
    names = [particle.name for particle in particles]
    unknown = [entry for entry in entries if set(names) - set(entry.expected)]
    candidates = {entry.tomogram: _candidates(finder, entry) for entry in unknown}
    number = np.full(len(particles), np.nan)
    for i, particle in enumerate(particles):
        found: list[FoundLabels] = [
            found_labels(
                picks_apart(
                    candidates[entry.tomogram].of(particle.name), particle.radius
                ),
                partial_labels(entry, partial),
                particle,
                CalibrateSettings().distance_per_radius,
            )
            for entry in unknown
            if particle.name not in entry.expected
        ]
        if not found:
            continue
        all_found = pooled(found)
        scores, held_out = all_found.elsewhere, all_found.held_out
        number[i] = estimated_number(scores, held_out)
        if np.isnan(number[i]):
            logger.warning(
                "warning: how many %s have no label stays unknown, as %d of %d held-out"
                " labels are found: training goes on without. Give their number in the"
                " table's column expected",
                *(particle.name, np.isfinite(held_out).sum(), len(held_out)),
            )
        else:
            logger.info(
                "%s: about %.0f in %d partial tomograms besides those that train,"
                " estimated from the scores of %d candidates and of the %d of %d"
                " held-out labels that are found",
                *(particle.name, number[i], len(found), len(scores)),
                *(np.isfinite(held_out).sum(), len(held_out)),
            )
    return number


def _candidates(finder: Finder, entry: Preprocessed) -> Picks:
    """Return what is found in a tomogram, where picks may be."""
    found = finder.candidates(stored_volume(entry), entry.voxel_size)
    return where_picks_may_be(found, entry)


def mean_f1(
    entries: Sequence[Preprocessed | Failed],
    particles: tuple[Particle, ...],
    finder: Callable[[Network], Finder],
) -> Callable[[Network], float] | None:
    """Return a model's mean F1 on validation tomograms as a function; None without any.

    Each class's threshold is the best on the same tomograms: F1 shows progress, the
    evaluation proper is another stage.
    """
    chosen = usable(entries, "validation")
    if not chosen:
        return None

    def of_model(model: Network) -> float:
        best = thresholds_of(finder(model), chosen, particles)
        return statistics.fmean(value.f for value in best.values())

    return of_model
