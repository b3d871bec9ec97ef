"""Trials of settings of picking, voting and linking, on what is read once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from picker.config import LinkSettings, PickSettings, VoteSettings
from picker.config.tune import changed, value_of
from picker.core.tomogram import Tomogram
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.link import candidates_of
from picker.jobs.stored import whole_volume
from picker.refining.steps import refined
from picker.refining.vote import Ballot, vote
from picker.scoring.tune import Field, tried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import CalibrateSettings, Particle, Settings, TuneSettings
    from picker.core.detections import Detections
    from picker.core.picks import Picks
    from picker.project.records import Predicted
    from picker.scoring.tune import Trial

logger = logging.getLogger("picker")


def at_edges_too(picking: PickSettings) -> PickSettings:
    """Return settings of picking without a margin at edges, which trials have."""
    return picking.model_copy(update={"edge_margin": 0.0})


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A tomogram, or a copy, with what was found and what is known.

    Attributes
    ----------
    entry, field
        Its record, and its known particles.
    found
        What each member of a vote found where picks may be; without a vote the
        candidates alone.
    detections
        What is linked by each trial in place of that; None: nothing is.
    """

    entry: Predicted
    field: Field
    found: tuple[Picks, ...]
    detections: Detections | None = None

    def read_tomogram(self) -> Tomogram:
        """Return its volume."""
        before = self.entry.preprocessed
        return Tomogram(
            name=before.tomogram,
            volume=whole_volume(before),
            voxel_size=before.voxel_size,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What is searched, and what was tried.

    Attributes
    ----------
    tuned
        Which numbers, and between which limits.
    sections
        The settings as they are: `pick`, with a vote `vote`, and of linked candidates
        `link`.
    members
        Of a vote, in the order of `Known.found`.
    known
        The tomograms.
    particles, calibration
        The classes, and how right picks are told from wrong ones.
    trials
        Values of the settings, and what they give, in order.
    """

    tuned: TuneSettings
    sections: Mapping[str, Settings]
    members: tuple[str, ...]
    known: Sequence[Known]
    particles: tuple[Particle, ...]
    calibration: CalibrateSettings
    trials: list[tuple[dict[str, float | None], Trial]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the numbers."""
        return list(self.tuned.settings)

    @property
    def best(self) -> int:
        """Which trial gives the highest F-beta, the first of equal ones."""
        return int(np.argmax([trial.f() for _, trial in self.trials]))

    def at(self, point: NDArray[np.float64]) -> float:
        """Return the F-beta at a `(d,)` point of the unit cube, 0 at lower limits."""
        low, high = np.array(list(self.tuned.settings.values())).T
        values = (low + point * (high - low)).tolist()
        return self.with_values(dict(zip(self.names, values, strict=True)))

    def with_values(self, values: Mapping[str, float]) -> float:
        """Return the F-beta with some numbers changed, and keep the trial.

        Raises
        ------
        ValueError
            If there is no such setting, or it cannot have that number.
        """
        sections = {
            name: changed(
                section,
                {key: v for key, v in values.items() if key.startswith(f"{name}.")},
            )
            for name, section in self.sections.items()
        }
        picking = sections["pick"]
        assert isinstance(picking, PickSettings)
        candidates = [
            (
                one.field,
                refined(
                    self._candidates(one, sections),
                    self.particles,
                    picking,
                    one.read_tomogram,
                ),
            )
            for one in self.known
        ]
        trial = tried(candidates, self.particles, self.calibration, picking)
        used = {name: self.number(sections, name) for name in self.names}
        self.trials.append((used, trial))
        f = trial.f()
        logger.info("trial %d: F %.4f with %s", len(self.trials), f, used)
        return f

    def number(self, sections: Mapping[str, Settings], name: str) -> float | None:
        """Return a number by its name; errors as `value_of`."""
        section = name.partition(".")[0]
        if section not in sections:
            raise ValueError(
                f"tune.settings names {name}, but the method does not {section};"
                f" expected settings of {' and '.join(sections)} alone, or a method"
                f" that does"
            )
        return value_of(sections[section], name)

    def _candidates(self, one: Known, sections: Mapping[str, Settings]) -> Picks:
        """Return a tomogram's candidates, linked or by a vote if these are tuned."""
        rules, link = sections.get("vote"), sections.get("link")
        if one.detections and isinstance(link, LinkSettings):
            before = one.entry.preprocessed
            linked = candidates_of(one.detections, before, self.particles, link)
            picking = self.sections["pick"]
            assert isinstance(picking, PickSettings)
            return where_picks_may_be(linked, before, at_edges_too(picking))
        if not isinstance(rules, VoteSettings):
            return one.found[0]
        ballots = [
            Ballot(found=found, weight=rules.methods[name])
            for name, found in zip(self.members, one.found, strict=True)
        ]
        return vote(ballots, self.particles, rules)
