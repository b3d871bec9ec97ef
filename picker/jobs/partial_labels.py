"""The labels of a partial tomogram: which of them train, and which are held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.picks import no_picks
from picker.formats.picks.star import read_picks
from picker.jobs.allowed import where_picks_may_be
from picker.scoring.found_labels import PartialLabels
from picker.scoring.held_out import held_out

if TYPE_CHECKING:
    from picker.config import PartialSettings, PickSettings
    from picker.project.records import Preprocessed


def partial_labels(
    entry: Preprocessed,
    settings: PartialSettings,
    picking: PickSettings | None = None,
) -> PartialLabels:
    """Return a tomogram's labels as training takes them apart.

    Parameters
    ----------
    entry
        A partial tomogram.
    settings
        Fraction that is held out, and the factor of expected numbers.
    picking
        Labels where it wants no picks are left out after the others were taken apart,
        and of the expected number too. None: it wants them everywhere.

    Raises
    ------
    ValueError
        As `where_picks_may_be`, or if the labels cannot be read.
    """
    labels = read_picks(entry.labels) if entry.labels else no_picks()
    labels = where_picks_may_be(labels, entry)
    parts = held_out(labels, settings.held_out)
    trained, out = (where_picks_may_be(part, entry, picking) for part in parts)
    left_out = {
        name: len(labels.of(name)) - len(trained.of(name)) - len(out.of(name))
        for name in entry.expected
    }
    return PartialLabels(
        trained=trained,
        held_out=out,
        expected={
            name: settings.expected_factor * number - left_out[name]
            for name, number in entry.expected.items()
        },
    )
