"""Labels that are a part of a tomogram's particles, and where candidates find them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from picker.scoring.match import match_picks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks


@dataclass(frozen=True, kw_only=True, slots=True)
class PartialLabels:
    """What is known of one tomogram some of whose particles have labels.

    Attributes
    ----------
    trained, held_out
        Labels that trained a model, and those that did not [Å].
    expected
        Class: how many particles there should be, labeled ones included; classes of
        which nobody knows are left out.
    """

    trained: Picks
    held_out: Picks
    expected: Mapping[str, float] = field(default_factory=dict)

    def num_labels(self, name: str) -> int:
        """Return the number of labels of a class."""
        return len(self.trained.of(name)) + len(self.held_out.of(name))

    def num_hidden(self, name: str) -> float | None:
        """Return how many particles of a class did not train; None if nobody knows."""
        if name not in self.expected:
            return None
        hidden = self.expected[name] - len(self.trained.of(name))
        return float(max(hidden, len(self.held_out.of(name))))


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundLabels:
    """Scores of one class's candidates, apart by what lies there.

    Attributes
    ----------
    elsewhere
        `(n,)` scores of the candidates that lie at no label that trained: at held-out
        labels, at particles without a label, or at none.
    trained, held_out
        `(m,)` score of the candidate at each label, -inf without one.
    """

    elsewhere: NDArray[np.float64]
    trained: NDArray[np.float64]
    held_out: NDArray[np.float64]

    @property
    def every_candidate(self) -> NDArray[np.float64]:
        """Scores of all candidates, in no order."""
        found = self.trained[np.isfinite(self.trained)]
        return np.concatenate([self.elsewhere, found])


def found_labels(
    candidates: Picks,
    labels: PartialLabels,
    particle: Particle,
    distance_per_radius: float,
) -> FoundLabels:
    """Return which of one tomogram's candidates lie at labels, one-to-one.

    Parameters
    ----------
    candidates
        Picks before or after a threshold, none too close to another [Å].
    labels
        The tomogram's labels.
    particle
        The class.
    distance_per_radius
        Match distance as a fraction of the particle's radius.
    """
    ours = candidates.of(particle.name)
    trained = labels.trained.of(particle.name).position_zyx
    held_out = labels.held_out.of(particle.name).position_zyx
    known = np.concatenate([trained, held_out])
    matched = match_picks(
        ours.position_zyx, ours.score, known, distance_per_radius * particle.radius
    )
    score = ours.score.astype(np.float64)
    found = np.full(len(known), -np.inf)
    found[matched[matched >= 0]] = score[matched >= 0]
    at_trained = (matched >= 0) & (matched < len(trained))
    return FoundLabels(
        elsewhere=score[~at_trained],
        trained=found[: len(trained)],
        held_out=found[len(trained) :],
    )


def pooled(found: Iterable[FoundLabels]) -> FoundLabels:
    """Return several tomograms' scores of one class as one."""
    parts = [*found]
    nothing = np.empty(0)
    return FoundLabels(
        elsewhere=np.concatenate([nothing, *(part.elsewhere for part in parts)]),
        trained=np.concatenate([nothing, *(part.trained for part in parts)]),
        held_out=np.concatenate([nothing, *(part.held_out for part in parts)]),
    )
