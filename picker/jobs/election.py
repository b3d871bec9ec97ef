"""An election: who votes on candidates, what each found, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from picker import __version__
from picker.core.fingerprint import fingerprint
from picker.jobs.imported import read_imported
from picker.jobs.imported_files import names_of
from picker.jobs.members import MethodMember, Voted, read_method
from picker.project.layout import picks_file
from picker.project.records import Failed, Predicted, Preprocessed
from picker.refining.vote import Ballot, vote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from picker.config import (
        CalibrateSettings,
        Particle,
        PickSettings,
        TomogramRow,
        VoteSettings,
    )
    from picker.core.picks import Picks
    from picker.jobs.members import Member


@dataclass(frozen=True, kw_only=True, slots=True)
class Election:
    """Who votes, and how.

    Attributes
    ----------
    members
        All of them.
    particles, settings
        The classes, and the rules.
    """

    members: Sequence[Member]
    particles: tuple[Particle, ...]
    settings: VoteSettings

    @property
    def model(self) -> str:
        """Digest of what scores come from: thresholds hold for one digest alone."""
        origins = [(member.name, member.origin) for member in self.members]
        particles = [particle.key() for particle in self.particles]
        return fingerprint(__version__, origins, particles, self.settings.key())

    @property
    def _methods(self) -> list[MethodMember]:
        return [m for m in self.members if isinstance(m, MethodMember)]

    def key(self, one: Voted) -> str:
        """Return a digest of what one tomogram's candidates are made from."""
        found = [member.key(one) for member in self.members]
        return fingerprint(self.model, one.preprocessed.fingerprint, found)

    def joined(self, one: Voted) -> Picks:
        """Return one tomogram's candidates; errors as `Member.found`."""
        weights = self.settings.methods
        ballots = [
            Ballot(found=member.found(one), weight=weights[member.name])
            for member in self.members
        ]
        return vote(ballots, self.particles, self.settings)

    def voted(
        self, entries: Sequence[Preprocessed | Failed], folder: Path
    ) -> list[Voted | Failed]:
        """Return what is voted on: what methods have seen, else the tomograms.

        Parameters
        ----------
        entries
            The tomograms, where other programs vote alone.
        folder
            Where candidates go.
        """
        if self._methods:
            seen = [m.entries for m in self._methods]
            files = dict.fromkeys(file for one in seen for file in one)
            return [self._seen(file) for file in files]
        return [
            e
            if isinstance(e, Failed)
            else Voted(file=picks_file(folder, e.tomogram).name, preprocessed=e)
            for e in entries
        ]

    def _seen(self, file: str) -> Voted | Failed:
        """Return a tomogram as the first method that has not failed there has it."""
        found = [m.entries[file] for m in self._methods if file in m.entries]
        for entry in found:
            if isinstance(entry, Predicted):
                return Voted(
                    file=file, preprocessed=entry.preprocessed, half=entry.half
                )
        first = found[0]
        assert isinstance(first, Failed)
        return first


def election_of(
    methods: Sequence[Sequence[str]],
    known: Sequence[Preprocessed | Failed],
    tomograms: Iterable[TomogramRow | Preprocessed | Failed] = (),
    *,
    particles: tuple[Particle, ...],
    settings: VoteSettings,
    calibration: CalibrateSettings,
    picking: PickSettings,
) -> Election:
    """Return who votes, with all that they found.

    Parameters
    ----------
    methods
        Members that are methods: the name of each, the JSON of its calibration and the
        manifests of its candidates.
    known
        Preprocessed tomograms whose particles are known, for imported picks.
    tomograms
        All that there are besides those that members have seen: an imported file that
        cannot be read must be of one.
    particles
        The classes.
    settings
        The rules, with the weights of all members.
    calibration, picking
        How right picks are told from wrong ones.

    Raises
    ------
    ValueError
        If these are not the members of the settings, or a file cannot be used.
    """
    given = [words[0] for words in methods]
    wanted = settings.members
    if sorted(given) != sorted(wanted) or any(len(words) < 3 for words in methods):
        raise ValueError(
            f"got the members {', '.join(given) or 'none'}; expected"
            f" {', '.join(wanted) or 'none'} as vote.methods says, each with its"
            " thresholds and the manifests of its candidates"
        )
    names = [particle.name for particle in particles]
    voting = [
        read_method(name, Path(thresholds), [Path(m) for m in manifests], names)
        for name, thresholds, *manifests in methods
    ]
    seen = [e.preprocessed for m in voting for e in m.entries.values()]
    labeled = [entry for entry in known if isinstance(entry, Preprocessed)]
    named = [names_of(entry) for entry in (*tomograms, *seen, *labeled) if entry]
    imports = [
        read_imported(name, path, labeled, named, particles, calibration, picking)
        for name, path in settings.imported.items()
    ]
    members: list[Member] = [*voting, *imports]
    return Election(members=members, particles=particles, settings=settings)
