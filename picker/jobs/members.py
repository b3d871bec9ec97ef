"""The members of a vote: other methods of the project, and picks of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from picker.core.fingerprint import fingerprint
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import read_thresholds
from picker.project.manifests import read_predicted
from picker.project.records import Failed
from picker.scoring.comparable import Scale, comparable_picks
from picker.scoring.reliability import Reliability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from picker.core.picks import Picks
    from picker.formats.tables.thresholds import Calibrated
    from picker.project.records import Half, Predicted, Preprocessed


@dataclass(frozen=True, kw_only=True, slots=True)
class Voted:
    """A tomogram, a noisy copy or a half of one that is voted on.

    Attributes
    ----------
    file
        Name of its files of candidates, which is the same for all members.
    preprocessed
        The tomogram.
    half
        Which half; None: the whole.
    """

    file: str
    preprocessed: Preprocessed
    half: Half | None = None


class Member(Protocol):
    """Whoever has found something."""

    @property
    def name(self) -> str:
        """The name that `vote.methods` has a weight for."""

    @property
    def origin(self) -> str:
        """Digest of what all its comparable scores come from."""

    def key(self, one: Voted) -> str:
        """Return a digest of what it found in one tomogram."""

    def found(self, one: Voted) -> Picks:
        """Return its candidates with comparable scores.

        Raises
        ------
        ValueError
            If they cannot be read, or the member failed there.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodMember:
    """A method of the project.

    Attributes
    ----------
    name, origin
        As in `Member`.
    scales
        Class: what its scores are worth.
    entries
        File of candidates: its record.
    """

    name: str
    origin: str
    scales: Mapping[str, Scale]
    entries: Mapping[str, Predicted | Failed]

    def key(self, one: Voted) -> str:
        """Return the fingerprint of its candidates."""
        return self._entry(one).fingerprint

    def found(self, one: Voted) -> Picks:
        """Return its candidates with comparable scores; errors as `Member.found`."""
        return comparable_picks(read_picks(self._entry(one).candidates), self.scales)

    def _entry(self, one: Voted) -> Predicted:
        entry = self.entries.get(one.file)
        if entry is None:
            raise ValueError(
                f"{self.name} has no candidates {one.file}; expected some of every"
                " tomogram that is voted on, run again"
            )
        if isinstance(entry, Failed):
            raise ValueError(f"{self.name} has no candidates: {entry.error}")
        return entry


def read_method(
    name: str, thresholds: Path, manifests: Sequence[Path], particles: Sequence[str]
) -> MethodMember:
    """Return a method of the project as a member.

    Parameters
    ----------
    name
        Of the method.
    thresholds
        JSON of its calibration.
    manifests
        Of its candidates.
    particles
        The classes, which must have thresholds.

    Raises
    ------
    ValueError
        If one of these files cannot be used, or they are of different models.
    """
    predictions = read_predicted(manifests)
    saved = read_thresholds(thresholds, predictions.model, particles)
    scales = {particle: scale_of(saved.particles[particle]) for particle in particles}
    return MethodMember(
        name=name,
        origin=fingerprint(predictions.model, sorted(scales.items())),
        scales=scales,
        entries={
            (e.path if isinstance(e, Failed) else e.candidates).name: e
            for e in predictions.tomograms
        },
    )


def scale_of(known: Calibrated) -> Scale:
    """Return what scores of a class are worth, as its calibration found."""
    curve = known.reliability
    if curve is None or not known.num_truth:
        return Scale(threshold=known.threshold, reliability=None)
    return Scale(
        threshold=known.threshold,
        reliability=Reliability(
            score=curve.score, right=curve.right, found=curve.found
        ),
    )
