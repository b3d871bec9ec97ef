"""Pages of classes: tomograms and their candidates, read one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.files import written_whole
from picker.core.tomogram import Tomogram
from picker.formats.picks.star import read_picks
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.failures import cannot_be_used
from picker.jobs.stored import HALVES, whole_volume
from picker.machine.progress import tracked
from picker.project.records import Predicted
from picker.report.class_page import write_class_pages
from picker.report.gallery import Galleries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from picker.config import Particle, PickSettings
    from picker.core.picks import Picks
    from picker.project.manifests import Predictions
    from picker.project.records import Failed, Half, Picked


def write_pages_of_classes(
    picked: Sequence[Picked],
    predictions: Predictions,
    halves: Predictions,
    folder: Path,
    *,
    method: str,
    particles: Sequence[Particle],
    thresholds: Mapping[str, float],
    picking: PickSettings,
    failures: list[Failed],
) -> list[Path]:
    """Write a page a class into a folder that is made anew; return the pages.

    Parameters
    ----------
    picked
        The tomograms that are read.
    predictions, halves
        Candidates of whole tomograms and, where there are, of their halves.
    folder
        Where `classes/<class>.html` are written.
    method, particles
        Name of the method, and its classes.
    thresholds, picking
        Lowest score of a pick of each class; thresholds that take precedence, and the
        edge margin.
    failures
        To which tomograms that cannot be read are added.
    """
    lowest = {**thresholds, **picking.thresholds}
    candidates = {
        (entry.tomogram, entry.half): entry
        for entry in (*predictions.tomograms, *halves.tomograms)
        if isinstance(entry, Predicted)
    }

    def allowed(tomogram: str, half: Half | None) -> Picks | None:
        entry = candidates.get((tomogram, half))
        if entry is None:
            return None
        picks = read_picks(entry.candidates)
        return where_picks_may_be(picks, entry.preprocessed, picking.edge_margin)

    galleries = Galleries(particles, lowest)
    for entry in tracked(picked, "galleries", len(picked), "tomograms"):
        try:
            whole = allowed(entry.tomogram, None)
            even, odd = (allowed(entry.tomogram, half) for half in HALVES)
            if whole is None:
                continue
            tomogram = Tomogram(
                name=entry.tomogram,
                volume=whole_volume(entry.preprocessed),
                voxel_size=entry.preprocessed.voxel_size,
            )
            both = None if even is None or odd is None else (even, odd)
            galleries.add(tomogram, whole, halves=both)
        except Exception as error:
            failures.append(cannot_be_used(entry, entry.picks, error))
    with written_whole(folder) as temporary:
        pages = write_class_pages(
            galleries, temporary, method=method, run=predictions.model[:16]
        )
        return [folder / page.relative_to(temporary) for page in pages]
