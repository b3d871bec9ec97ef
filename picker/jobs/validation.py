"""How well a model that is being trained finds particles in known tomograms."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from picker.config import CalibrateSettings
from picker.formats.picks.star import read_picks
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.stored import stored_volume
from picker.jobs.training_data import usable
from picker.scoring.calibrate import calibrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from picker.config import Particle
    from picker.finding.finder import Finder
    from picker.networks.network import Network
    from picker.project.records import Failed, Preprocessed
    from picker.scoring.calibrate import Threshold


def thresholds_of(
    finder: Finder,
    entries: Sequence[Preprocessed],
    particles: tuple[Particle, ...],
) -> dict[str, Threshold]:
    """Return each class's best threshold and F1 on tomograms with labels."""
    candidates, truth = {}, {}
    for entry in entries:
        found = finder.candidates(stored_volume(entry), entry.voxel_size)
        assert entry.labels is not None
        candidates[entry.tomogram] = where_picks_may_be(found, entry)
        truth[entry.tomogram] = where_picks_may_be(read_picks(entry.labels), entry)
    return calibrate(candidates, truth, particles, CalibrateSettings())


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
