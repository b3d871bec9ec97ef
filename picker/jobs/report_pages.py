"""Pages of tomograms: each is read once, whole, and given to all who show it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

from picker.core.files import written_whole
from picker.core.tomogram import Tomogram
from picker.jobs.context import with_known_distances
from picker.jobs.failures import cannot_be_used
from picker.jobs.known_particles import known_particles
from picker.jobs.pick import uncut_picks
from picker.jobs.pick_files import picks_alone
from picker.jobs.stored import whole_volume
from picker.machine.progress import tracked
from picker.project.records import Failed, Picked, Predicted
from picker.report.browse import TomogramPages, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from picker.config import Particle, PickSettings
    from picker.core.picks import Picks
    from picker.report.browse import Thumbnail
    from picker.report.run_pages import RunPages


class Collector(Protocol):
    """Makes further pages of the tomograms that are read."""

    def add(self, tomogram: Tomogram, candidates: Picks, truth: Picks | None) -> None:
        """Look at one tomogram; see `browse.View` for what it is given."""

    def write(self, folder: Path) -> None:
        """Write what was made of all of them into the folder of pages."""


def write_pages(
    folder: Path,
    run: RunPages,
    entries: Sequence[Picked | Failed],
    predicted: Sequence[Predicted | Failed],
    pick: PickSettings,
    failures: list[Failed],
    *,
    most: int,
    collectors: Sequence[Collector] = (),
) -> list[Thumbnail]:
    """Write the folder of pages, and return the tomograms that have one.

    Those with known particles come first. A tomogram that cannot be read has no page
    and joins `failures`. Pages of an earlier run go.

    Parameters
    ----------
    folder
        To be written, whole or not at all.
    run
        What all pages have in common.
    entries
        The tomograms and their picks.
    predicted
        The same with their candidates; without them a page shows picks alone.
    pick
        Which candidates are picks.
    failures
        Tomograms that could not be read so far; they have no page.
    most
        At most this many tomograms have a page.
    collectors
        Others that make pages of the same tomograms.
    """
    candidates = {e.tomogram: e for e in predicted if isinstance(e, Predicted)}
    bad = {failure.tomogram for failure in failures}
    picked = [e for e in entries if isinstance(e, Picked) and e.tomogram not in bad]
    picked.sort(key=lambda e: (e.split != "test", e.preprocessed.labels is None))
    with written_whole(folder) as temporary:
        temporary.mkdir()
        pages = TomogramPages(temporary, run)
        shown = _shown(
            *(picked, candidates, tuple(run.particles), pick, pages, failures),
            collectors,
        )
        number = min(most, len(picked))
        for _ in tracked(islice(shown, most), "report", number, "tomograms"):
            pass
        pages.write()
        for collector in collectors:
            collector.write(temporary)
    return pages.thumbnails


def _shown(
    entries: Iterable[Picked],
    predicted: Mapping[str, Predicted],
    particles: tuple[Particle, ...],
    pick: PickSettings,
    pages: TomogramPages,
    failures: list[Failed],
    collectors: Sequence[Collector],
) -> Iterator[View]:
    """Yield each tomogram that all pages could be made of, one at a time."""
    for entry in entries:
        try:
            view = _view(entry, predicted.get(entry.tomogram), particles, pick)
            pages.add(view)
            for collector in collectors:
                collector.add(view.tomogram, view.candidates, view.truth)
        except Exception as error:
            failures.append(cannot_be_used(entry, entry.picks, error))
        else:
            yield view


def _view(
    entry: Picked,
    predicted: Predicted | None,
    particles: tuple[Particle, ...],
    pick: PickSettings,
) -> View:
    """Return a tomogram with its candidates and known particles."""
    before = entry.preprocessed
    picks = picks_alone(entry.picks)
    return View(
        tomogram=Tomogram(
            name=entry.tomogram,
            volume=whole_volume(before),
            voxel_size=before.voxel_size,
        ),
        candidates=with_known_distances(
            uncut_picks(predicted, particles, pick), before, pick.context
        )
        if predicted
        else picks,
        truth=known_particles(before) if before.labels else None,
        split=entry.split,
        is_partial=entry.split in ("partial", "reviewed"),
        slab=before.slab,
    )
