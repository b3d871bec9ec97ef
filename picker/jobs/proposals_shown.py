"""What proposals taught and what the network then found, as the report shows it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from picker.core.picks import Picks, picks_from_arrays
from picker.jobs.failures import cannot_be_used
from picker.jobs.known_particles import known_particles
from picker.jobs.pick_files import picks_alone
from picker.project.json_files import read_record
from picker.project.layout import proposals_file
from picker.project.records import Failed, Picked
from picker.report.proposals import (
    ProposalsPictures,
    ProposalsView,
    proposals_pictures,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle

logger = logging.getLogger("picker")


class _Strict(BaseModel):
    """A record without unknown keys or infinite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SavedPicks(_Strict):
    """Picks as lists: positions z, y, x [Å], names of classes, scores."""

    position_zyx: list[tuple[float, float, float]]
    particle: list[str]
    score: list[float]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if not len(self.position_zyx) == len(self.particle) == len(self.score):
            raise ValueError("expected a name and a score of each position")
        return self

    @classmethod
    def of(cls, picks: Picks) -> Self:
        """Return picks to save, to 0.1 Å and a thousandth."""
        return cls(
            position_zyx=picks.position_zyx.round(1).tolist(),
            particle=picks.particle.tolist(),
            score=picks.score.astype(np.float64).round(3).tolist(),
        )

    def picks(self) -> Picks:
        """Return them as they were saved."""
        position = np.array(self.position_zyx, np.float64)
        return picks_from_arrays(position, self.particle, self.score)


class SavedProposals(_Strict):
    """The file: a `ProposalsView` but for its picks."""

    tomogram: str
    stage: str
    voxel_size: float = Field(gt=0)
    size: tuple[int, int]
    z: float
    webp: str
    any_class: bool
    are_given: bool
    """Whether the proposals are the tomogram's own picks, and nothing else is known."""
    proposals: SavedPicks
    found: SavedPicks


SAVED = TypeAdapter(SavedProposals)


def shown_proposals(
    tables: Sequence[Path],
    entries: Sequence[Picked | Failed],
    particles: tuple[Particle, ...],
    distance_per_radius: float,
    failures: list[Failed],
) -> ProposalsPictures | None:
    """Return the pictures of the stage that learned from proposals; None without one.

    Parameters
    ----------
    tables
        Logs of training, beside which the file lies.
    entries
        The tomograms and their picks.
    particles
        The classes.
    distance_per_radius
        Greatest distance of what is right from its particle, as a fraction of the
        radius.
    failures
        Tomograms that could not be read so far; one more may join them.
    """
    path = next((p for p in map(proposals_file, tables) if p.is_file()), None)
    if path is None:
        return None
    try:
        saved = read_record(
            path, SAVED, "what a stage that learned from proposals shows"
        )
    except ValueError as error:
        logger.warning("warning: no pictures of proposals: %s", error)
        return None
    view = ProposalsView(
        **saved.model_dump(exclude={"proposals", "found", "are_given"}),
        proposals=saved.proposals.picks(),
        found=saved.found.picks(),
    )
    picks, known, why, split = None, None, "it is not among the tomograms", ""
    entry = next((e for e in entries if e.tomogram == view.tomogram), None)
    bad = next((f for f in failures if f.tomogram == view.tomogram), None)
    if isinstance(entry, Picked) and bad is None:
        split = entry.split
        try:
            picks = picks_alone(entry.picks)
            if entry.preprocessed.labels and not saved.are_given:
                known = known_particles(entry.preprocessed)
        except Exception as error:
            picks, bad = None, cannot_be_used(entry, entry.picks, error)
            failures.append(bad)
    failed = entry if isinstance(entry, Failed) else bad
    return proposals_pictures(
        view,
        particles,
        picks,
        known,
        why=failed.error if failed else why,
        split=split,
        distance_per_radius=distance_per_radius,
    )
