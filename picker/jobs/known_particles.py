"""What is known of a tomogram: its particles, or answers about single places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.core.picks import no_picks
from picker.formats.picks.star import read_picks
from picker.refining.answers import Answers, answers_of

if TYPE_CHECKING:
    from picker.core.picks import Picks
    from picker.project.records import Preprocessed


def answers_about(entry: Preprocessed) -> Answers:
    """Return what somebody said of a tomogram; of labels, that they are particles.

    Raises
    ------
    ValueError
        If its labels cannot be read.
    """
    known = read_picks(entry.labels) if entry.labels else no_picks()
    if entry.split == "reviewed":
        return answers_of(known)
    return Answers(right=known, wrong=no_picks(), unjudged=no_picks())


def known_particles(entry: Preprocessed) -> Picks:
    """Return a tomogram's known particles; errors as `answers_about`.

    Not so `read_picks`: the labels of a reviewed tomogram hold wrong answers too.
    """
    return answers_about(entry).right
