"""How well a model that is being trained finds particles in known tomograms."""

from __future__ import annotations

import logging
import statistics
from typing import TYPE_CHECKING

import numpy as np

from picker.config import CalibrateSettings, PickSettings
from picker.formats.picks.star import read_picks
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.partial_labels import partial_labels
from picker.jobs.stored import HALVES, stored_half, stored_volume
from picker.jobs.training_data import usable
from picker.refining.select import picks_apart
from picker.scoring.calibrate import calibrate
from picker.scoring.calibrate_partial import calibrate_partial
from picker.scoring.expected_number import estimated_number
from picker.scoring.found_labels import found_labels, pooled
from picker.volumes.noise import noisy_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from picker.config import PartialSettings, Particle
    from picker.core.picks import Picks
    from picker.finding.finder import Finder, Volume
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
    settings: CalibrateSettings | None = None,
    picking: PickSettings | None = None,
) -> dict[str, Threshold]:
    """Return each class's best threshold, and its F, on tomograms with labels.

    Chosen as the stage calibrate does: where they trained the model, from noisy copies
    or halves too.

    Parameters
    ----------
    finder
        Finds with the model that is being trained.
    entries
        The tomograms.
    particles
        The classes.
    settings, picking
        How thresholds are chosen, and where picks are wanted and how far apart; None:
        the defaults.
    """
    settings = settings or CalibrateSettings()
    picking = picking or PickSettings()
    candidates, truth = {}, {}
    halves = settings.copies == "halves" or (
        settings.copies == "auto" and all(entry.noise for entry in entries)
    )
    for entry in entries:
        assert entry.labels is not None
        known = where_picks_may_be(read_picks(entry.labels), entry, picking)
        for number, volume in enumerate(_with_copies(entry, settings, halves=halves)):
            name = f"{entry.tomogram} {number}"
            candidates[name] = _candidates(finder, entry, picking, volume)
            truth[name] = known
    return calibrate(
        candidates, truth, particles, settings, picking.min_distance_per_radius
    )


def thresholds_of_partial(
    finder: Finder,
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
    partial: PartialSettings,
    settings: CalibrateSettings | None = None,
    picking: PickSettings | None = None,
) -> dict[str, PartialThreshold]:
    """Return each class's threshold on tomograms where a part has labels.

    Particles without a label are not taken for wrong: see `calibrate_partial`. Other
    parameters as for `thresholds_of`.
    """
    picking = picking or PickSettings()
    return calibrate_partial(
        {e.tomogram: _candidates(finder, e, picking) for e in entries},
        {e.tomogram: partial_labels(e, partial, picking) for e in entries},
        particles,
        settings or CalibrateSettings(),
        picking.min_distance_per_radius,
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


def _with_copies(
    entry: Preprocessed, settings: CalibrateSettings, *, halves: bool
) -> Iterator[Volume]:
    """Yield a tomogram's volume and, if it trained the model, copies with more noise.

    Raises
    ------
    ValueError
        If these are to be its `halves` and it has none.
    """
    volume = stored_volume(entry)
    yield volume
    if entry.split != "labeled":
        return
    if halves:
        for which in HALVES:
            yield stored_half(entry, which, np.asarray(volume[:]))
        return
    for number in range(settings.noisy_copies):
        whole = np.asarray(volume[:])
        yield noisy_copy(whole, settings.noise, entry.tomogram, number)


def _candidates(
    finder: Finder,
    entry: Preprocessed,
    picking: PickSettings | None = None,
    volume: Volume | None = None,
) -> Picks:
    """Return what is found in a tomogram, or a copy of it, where picks may be."""
    if volume is None:
        volume = stored_volume(entry)
    found = finder.candidates(volume, entry.voxel_size)
    return where_picks_may_be(found, entry, picking)


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
