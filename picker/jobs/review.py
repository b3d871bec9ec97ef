"""Answers about candidates to labels: a new table, which the next run trains on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from picker.core.files import write_text, written_whole
from picker.core.picks import Picks, concatenate, no_picks
from picker.formats.picks.star import write_picks
from picker.formats.tables.review import read_review
from picker.formats.tables.tomograms import text_of_table
from picker.formats.text import listed
from picker.jobs.known_picks import check_expected
from picker.jobs.pick_files import picks_alone
from picker.jobs.review_rounds import next_round, record_round
from picker.jobs.reviewed_run import (
    answers_by_tomogram,
    read_reviewed,
    warn_of_other_runs,
)
from picker.project.layout import picks_file
from picker.project.partial import refuse_answers_alone
from picker.project.rounds import TABLE
from picker.refining.answers import (
    Answers,
    answers_of,
    latest,
    unjudged_near,
    without_wrong,
)
from picker.refining.select import with_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Split, TomogramRow
    from picker.jobs.reviewed_run import Reviewed
    from picker.project.layout import Results

logger = logging.getLogger("picker")

LABELED: tuple[Split, ...] = ("labeled", "partial")
"""Splits whose rows keep their own picks, and get those beside them that they lack."""
LEFT_OUT: dict[Split, str] = {
    "test": "--train-on-test trains on them and tests on it no longer",
    "validation": "thresholds and F1 would rest on candidates that the model itself"
    " found. Label by hand what it missed there, in the tomogram's own picks",
}
"""Splits whose tomograms stay what they are, and what can be done."""


def label_reviewed(
    files: Sequence[Path],
    results: Results,
    *,
    table: Path | None = None,
    output: Path | None = None,
    train_on_test: bool = False,
) -> Path:
    """Write a table of the project's tomograms in which the reviewed ones have labels.

    The folder is there whole or not at all, and nothing that exists is changed, but for
    a line more in the table of rounds beside it.

    Parameters
    ----------
    files
        Saved answers. Of two answers about one particle the later one stands, in the
        order of the files and in that of each.
    results
        Of the run that was reviewed.
    table
        The project's tomograms; None: those of that run, with the answers of the
        newest round.
    output
        Folder to write; None: `reviewed/round_<n>`, the next one.
    train_on_test
        Whether test tomograms are trained on from now on, and tested on no longer;
        without it answers about them are left out.

    Returns
    -------
    The new table.

    Raises
    ------
    ValueError
        If a file cannot be used, the run's results are missing, the newest round is of
        another table, an answer names a
        tomogram or class that the run does not have or lies outside of its tomogram,
        nothing is left to be learned, or the folder exists.
    """
    reviews = {path: read_review(path) for path in files}
    methods = {review.method: path for path, review in reviews.items()}
    if len(methods) > 1:
        named = ", ".join(f"{path} of {name}" for name, path in methods.items())
        raise ValueError(f"answers about several methods: {named}; give those of one")
    output = output or next_round()
    if output.exists():
        raise ValueError(f"{output} exists; expected a new folder, choose another")
    reviewed = read_reviewed(next(iter(methods)), results, table)
    warn_of_other_runs(reviews, results)
    known = {}
    for name, picks in answers_by_tomogram(reviews, reviewed).items():
        row = reviewed.rows[name]
        why = None if row.split == "test" and train_on_test else LEFT_OUT.get(row.split)
        if why:
            logger.warning(
                "warning: %s is a %s tomogram, and its %d answers are left out; %s",
                *(name, row.split, len(picks), why),
            )
            continue
        found = (_added if row.split in LABELED else _judged)(row, picks, reviewed)
        if len(found):
            known[name] = found
    if not known:
        raise ValueError(
            f"{listed(map(str, files))}: no answer says anything new that can be"
            " trained on; see the lines above"
        )
    rows = dict(reviewed.rows)
    with written_whole(output) as folder:
        folder.mkdir()
        for name, found in known.items():
            write_picks(picks_file(folder, name), found, {"tomogram": name})
            rows[name] = _with_picks(rows[name], picks_file(output, name))
        write_text(folder / TABLE, text_of_table(rows.values()))
    try:
        refuse_answers_alone(reviewed.config.method, list(rows.values()))
    except ValueError as error:
        logger.warning("warning: the next run will refuse the new table: %s", error)
    record_round(output, reviewed.table, reviews.values(), reviewed.run)
    logger.info(
        "wrote %s, in which %d tomograms have new labels. Next: set in config.yaml"
        " tomograms.source: table and tomograms.table: %s, and run snakemake as before",
        *(output / TABLE, len(known), output / TABLE),
    )
    return output / TABLE


def _judged(row: TomogramRow, picks: Picks, reviewed: Reviewed) -> Picks:
    """Return what is known of a tomogram by all answers, earlier rounds' too."""
    entry = reviewed.picked(row)
    earlier = no_picks()
    if row.split == "reviewed":
        answers = answers_of(reviewed.known_picks(row))
        earlier = concatenate([answers.right, answers.wrong])
    found = answers_of(_latest(row, concatenate([earlier, picks]), reviewed))
    near = unjudged_near(
        picks_alone(entry.picks), found.right, found.wrong, reviewed.config.particles
    )
    logger.info(
        "%s: %d particles, %d places without one, %d picks near them not judged",
        *(row.tomogram, len(found.right), len(found.wrong), len(near)),
    )
    return Answers(right=found.right, wrong=found.wrong, unjudged=near).picks


def _added(row: TomogramRow, picks: Picks, reviewed: Reviewed) -> Picks:
    """Return the particles that a labeled tomogram's own labels do not have."""
    known = reviewed.known_picks(row)
    found = answers_of(_latest(row, picks, reviewed))
    particles = reviewed.config.particles
    against = len(known) - len(without_wrong(known, found.wrong, particles))
    if against:
        logger.warning(
            "warning: %d labels of %s are called wrong, and stay; delete them in its"
            " own files of picks if they are",
            *(against, row.tomogram),
        )
    whole = with_labels(found.right, known, particles)
    added = whole.select(np.arange(len(known), len(whole)))  # known ones come first
    if len(added):
        _warn_if_unexpected(row, whole, reviewed)
    logger.info(
        "%s is %s: %d labels are added to its own; what is wrong there is background"
        " already",
        *(row.tomogram, row.split, len(added)),
    )
    return added


def _warn_if_unexpected(row: TomogramRow, labels: Picks, reviewed: Reviewed) -> None:
    """Warn that the next run will refuse a tomogram with more labels than expected."""
    try:
        check_expected(reviewed.completed(row), labels)
    except ValueError as error:
        logger.warning(
            "warning: with the answers %s. Correct it in the new table, or the next run"
            " fails at this tomogram",
            error,
        )


def _latest(row: TomogramRow, picks: Picks, reviewed: Reviewed) -> Picks:
    """Return the answers that stand, with a warning if some contradict each other."""
    found, contradicted = latest(picks, reviewed.radius)
    if len(contradicted):
        place = ", ".join(
            f"{value:.0f}" for value in contradicted.position_zyx[0, ::-1]
        )
        logger.warning(
            "warning: %s has %d answers that a later one contradicts, the first about"
            " %s at x, y, z %s Å; the later ones stand",
            *(row.tomogram, len(contradicted), contradicted.particle[0], place),
        )
    return found


def _with_picks(row: TomogramRow, file: Path) -> TomogramRow:
    """Return a row that has the labels of a file."""
    if row.split in LABELED:
        return row.model_copy(update={"picks": (*row.picks, file)})
    return row.model_copy(update={"split": "reviewed", "picks": (file,)})
