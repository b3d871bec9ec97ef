"""What other methods of a project found, as it lies there at the moment.

Nobody waits for these files, and nothing is made again when they change.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from picker.config.methods import METHODS
from picker.formats.tables.thresholds import read_thresholds
from picker.jobs.pick import uncut_picks
from picker.project.manifests import read_predicted
from picker.project.records import Predicted
from picker.report.disputed import Look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from picker.config import Particle, PickSettings
    from picker.project.layout import Results, Run

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherMethod:
    """A method with its candidates.

    Attributes
    ----------
    name, model
        The method, and the fingerprint of its model.
    thresholds
        Class: lowest score of a pick, as calibrated.
    predicted
        Tomogram: its candidates.
    """

    name: str
    model: str
    thresholds: Mapping[str, float]
    predicted: Mapping[str, Predicted]

    def look(
        self, ours: Predicted, particles: tuple[Particle, ...], pick: PickSettings
    ) -> Look | None:
        """Return what it found in a tomogram.

        None if it has not seen the tomogram as it is now, or its candidates cannot be
        read, which costs the page of another method no more than these.
        """
        entry = self.predicted.get(ours.tomogram)
        before = ours.preprocessed
        if entry is None or entry.preprocessed.fingerprint != before.fingerprint:
            return None
        try:
            found = uncut_picks(entry, particles, pick)
        except (OSError, ValueError) as error:
            logger.warning(
                "warning: candidates of %s are not compared: %s", self.name, error
            )
            return None
        return Look(
            name=self.name, found=found, thresholds=self.thresholds, model=self.model
        )


def other_methods(
    results: Results, method: str, particles: Sequence[Particle]
) -> list[OtherMethod]:
    """Return the methods besides one that have thresholds and candidates.

    One whose files do not fit together, as while it runs, is left out with a warning.

    Parameters
    ----------
    results
        Of the project.
    method
        The one that is left out.
    particles
        The classes that must have thresholds.
    """
    found = []
    for name in METHODS:
        run = results.run(name)
        if name == method or not Path(run.thresholds).is_file():
            continue
        try:
            found.append(_read(run, [particle.name for particle in particles]))
        except (OSError, ValueError) as error:
            logger.warning("warning: picks of %s are not compared: %s", name, error)
    return found


def _read(run: Run, particles: Sequence[str]) -> OtherMethod:
    """Return what one method's manifests and thresholds say."""
    pattern = Path(run.predicted("*"))
    predictions = read_predicted(sorted(pattern.parent.glob(pattern.name)))
    thresholds = read_thresholds(Path(run.thresholds), predictions.model, particles)
    return OtherMethod(
        name=run.name,
        model=predictions.model,
        thresholds=thresholds.lowest,
        predicted={
            e.tomogram: e for e in predictions.tomograms if isinstance(e, Predicted)
        },
    )
