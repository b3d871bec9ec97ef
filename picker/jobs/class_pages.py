"""Pages of classes: candidates of the tomograms that are read for other pages too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.jobs.allowed import where_picks_may_be
from picker.jobs.refined import refined_candidates
from picker.jobs.stored import HALVES
from picker.project.records import Predicted
from picker.report.class_page import write_class_pages
from picker.report.disputed import Look
from picker.report.gallery import Galleries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import PickSettings
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram
    from picker.jobs.other_methods import OtherMethod
    from picker.project.records import Failed, Half
    from picker.report.run_pages import RunPages


class ClassPages:
    """Gathers tomograms, and writes a page a class at the end."""

    def __init__(
        self,
        run: RunPages,
        predicted: Sequence[Predicted | Failed],
        halves: Sequence[Predicted | Failed],
        others: Sequence[OtherMethod],
        pick: PickSettings,
    ) -> None:
        """Begin with nothing.

        Parameters
        ----------
        run
            What all pages have in common.
        predicted, halves
            Candidates of tomograms, and of halves where these were predicted.
        others
            Methods that this one is compared with.
        pick
            Which candidates may be picks.
        """
        self.run = run
        self.galleries = Galleries(run.particles, run.thresholds)
        self._pick = pick
        self._others = others
        self._whole = {e.tomogram: e for e in predicted if isinstance(e, Predicted)}
        self._halves = {
            (e.tomogram, e.half): e for e in halves if isinstance(e, Predicted)
        }

    def add(self, tomogram: Tomogram, candidates: Picks, truth: Picks | None) -> None:
        """Gather one tomogram's candidates; `truth` is not looked at."""
        del truth
        pairs = []
        halves = [self._of_half(tomogram.name, half) for half in HALVES]
        if halves[0] is not None and halves[1] is not None:
            pairs.append((halves[0], halves[1]))
        ours = Look(
            name=self.run.method, found=candidates, thresholds=self.run.thresholds
        )
        whole = self._whole.get(tomogram.name)
        particles = tuple(self.run.particles)
        for other in self._others:
            look = other.look(whole, particles, self._pick) if whole else None
            if look is not None:
                pairs.append((ours, look))
        self.galleries.add(tomogram, candidates, looks=pairs)

    def _of_half(self, tomogram: str, half: Half) -> Look | None:
        """Return the candidates of a half that may be picks; None without any."""
        entry = self._halves.get((tomogram, half))
        if entry is None:
            return None
        particles = tuple(self.run.particles)
        picks = refined_candidates(entry, particles, self._pick)
        return Look(
            name=f"{half} half",
            found=where_picks_may_be(picks, entry.preprocessed, self._pick),
            thresholds=self.run.thresholds,
        )

    def write(self, folder: Path) -> None:
        """Write the pages into the folder of all pages."""
        write_class_pages(self.galleries, folder, self.run)
