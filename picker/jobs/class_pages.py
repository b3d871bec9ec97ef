"""Pages of classes: candidates of the tomograms that are read for other pages too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.picks.star import read_picks
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.stored import HALVES
from picker.project.records import Predicted
from picker.report.class_page import write_class_pages
from picker.report.gallery import Galleries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram
    from picker.project.records import Failed, Half
    from picker.report.run_pages import RunPages


class ClassPages:
    """Gathers tomograms, and writes a page a class at the end."""

    def __init__(
        self, run: RunPages, halves: Sequence[Predicted | Failed], edge_margin: float
    ) -> None:
        """Begin with nothing.

        Parameters
        ----------
        run
            What all pages have in common.
        halves
            Candidates of halves, where these were predicted.
        edge_margin
            Least distance of a pick from a face of its tomogram [Å].
        """
        self.run = run
        self.galleries = Galleries(run.particles, run.thresholds)
        self._edge_margin = edge_margin
        self._halves = {
            (e.tomogram, e.half): e for e in halves if isinstance(e, Predicted)
        }

    def add(self, tomogram: Tomogram, candidates: Picks, truth: Picks | None) -> None:
        """Gather one tomogram's candidates; `truth` is not looked at."""
        del truth
        even, odd = (self._of_half(tomogram.name, half) for half in HALVES)
        both = None if even is None or odd is None else (even, odd)
        self.galleries.add(tomogram, candidates, halves=both)

    def _of_half(self, tomogram: str, half: Half) -> Picks | None:
        """Return the candidates of a half that may be picks; None without any."""
        entry = self._halves.get((tomogram, half))
        if entry is None:
            return None
        picks = read_picks(entry.candidates)
        return where_picks_may_be(picks, entry.preprocessed, self._edge_margin)

    def write(self, folder: Path) -> None:
        """Write the pages into the folder of all pages."""
        write_class_pages(self.galleries, folder, self.run)
