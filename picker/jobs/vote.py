"""Candidates of one shard by a vote: what its members found, joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.jobs.made_candidates import Making, write_made
from picker.project.claims import claimed
from picker.project.records import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.core.picks import Picks
    from picker.jobs.election import Election
    from picker.jobs.members import Voted
    from picker.project.records import Half, Preprocessed


@dataclass(frozen=True, kw_only=True, slots=True)
class Votes:
    """The votes on one tomogram, a `Source` of candidates."""

    election: Election
    voted: Voted
    detections: None = None

    @property
    def file(self) -> str:
        """Name of the file of candidates."""
        return self.voted.file

    @property
    def preprocessed(self) -> Preprocessed:
        """The tomogram."""
        return self.voted.preprocessed

    @property
    def half(self) -> Half | None:
        """Which half; None: the whole."""
        return self.voted.half

    def key(self) -> str:
        """Return a digest of what members found, and of the rules."""
        return self.election.key(self.voted)

    def candidates(self) -> Picks:
        """Return what members found, joined."""
        return self.election.joined(self.voted)


def write_votes(
    election: Election,
    entries: Sequence[Preprocessed | Failed],
    folder: Path,
    output: Path,
) -> None:
    """Write the candidates of a shard, see `write_made`.

    A tomogram in which a member failed is recorded and the others continue.

    Parameters
    ----------
    election
        Who votes, and how.
    entries
        Preprocessed tomograms, where other programs vote alone.
    folder
        Where `<tomogram>.star` are written.
    output
        Manifest to write.

    Raises
    ------
    OSError
        If the disk takes nothing.
    """
    with claimed(output, folder):
        votes = [
            one if isinstance(one, Failed) else Votes(election=election, voted=one)
            for one in election.voted(entries, folder)
        ]
        making = Making(name="vote", particles=election.particles, model=election.model)
        write_made(making, votes, folder, output)
