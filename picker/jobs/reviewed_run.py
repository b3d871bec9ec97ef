"""The run whose candidates somebody has judged, and the answers checked with it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from picker.config import Config, explained
from picker.config.tomograms import LISTED
from picker.core.messages import shown
from picker.core.picks import Picks, picks_from_arrays
from picker.core.tomogram import index_from_position
from picker.formats.picks.bounds import inside
from picker.formats.tables.tomograms import (
    completed_rows,
    project_rows,
    read_table,
)
from picker.formats.text import listed
from picker.jobs.known_picks import read_picks_of_row
from picker.jobs.review_rounds import newest_rows
from picker.project.json_files import read_json
from picker.project.manifests import read_picked
from picker.project.plan import found_rows, simulated_rows
from picker.project.records import Failed, Picked
from picker.refining.answers import RIGHT, WRONG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from picker.config import TomogramRow
    from picker.formats.tables.review import Answer, Review
    from picker.project.layout import Results, Run

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """What is known of the run that was reviewed.

    Attributes
    ----------
    config
        Its settings.
    run
        Its results.
    entries
        Its tomograms with their picks.
    table
        The table to add to; of a run without one, where its tomograms come from.
    rows
        Its rows, by name of the tomogram.
    """

    config: Config
    run: Run
    entries: Mapping[str, Picked | Failed]
    table: Path
    rows: dict[str, TomogramRow]

    @property
    def radius(self) -> dict[str, float]:
        """Radius of each class [Å]."""
        return {particle.name: particle.radius for particle in self.config.particles}

    def picked(self, row: TomogramRow) -> Picked:
        """Return what the run made of a tomogram that it did not fail at."""
        entry = self.entries[row.tomogram]
        assert isinstance(entry, Picked)
        return entry

    def completed(self, row: TomogramRow) -> TomogramRow:
        """Return a row with what the settings say of all rows."""
        (whole,) = completed_rows([row], self.config)
        return whole

    def known_picks(self, row: TomogramRow) -> Picks:
        """Return the picks of a row's files, read as the next run will read them.

        Raises
        ------
        ValueError
            If a file cannot be used.
        """
        before = self.picked(row).preprocessed
        picks, _ = read_picks_of_row(
            self.completed(row),
            self.config.particles,
            before.source_voxel_size,
            before.source_shape_zyx,
        )
        return picks


def read_reviewed(method: str, results: Results, table: Path | None) -> Reviewed:
    """Return what is known of the run whose candidates were judged."""
    run = results.run(method)
    if not Path(run.picked).is_file():
        raise ValueError(
            f"{run.picked} does not exist, but the answers are about candidates of"
            f" {method}; expected the results of that run, start this in the project's"
            " folder"
        )
    sections = Path(results.settings("particles")).parent.glob("*.json")
    try:
        config = Config.model_validate({f.stem: read_json(f) for f in sections})
    except ValidationError as error:
        raise ValueError(
            f"the settings of the last run, {results.settings('particles')} and beside"
            f" it, cannot be used; run snakemake again:\n{explained(error)}"
        ) from error
    if table:
        rows: Sequence[TomogramRow] = read_table(table)
    else:
        table, rows = newest_rows(*_tomograms(config, results))
    return Reviewed(
        config=config,
        run=run,
        table=table,
        entries={e.tomogram: e for e in read_picked([Path(run.picked)])},
        rows={row.tomogram: row for row in rows},
    )


def _tomograms(config: Config, results: Results) -> tuple[Path, Sequence[TomogramRow]]:
    """Return the table of a run's tomograms, or where they come from, and the rows."""
    settings = config.tomograms
    if settings.source == "simulate":
        return Path(settings.source), simulated_rows(config, results)
    if settings.source in LISTED:
        return Path(settings.source), found_rows(results)
    is_table = settings.source == "table"
    return settings.table if is_table else Path(settings.source), project_rows(config)


def warn_of_other_runs(reviews: Mapping[Path, Review], results: Results) -> None:
    """Warn of answers that were given on pages of another run than those there are."""
    for path, review in reviews.items():
        shown_now = _run_of_pages(review.method, results)
        if shown_now and review.run != shown_now:
            logger.warning(
                "warning: %s was saved on pages of another run of %s, or of another"
                " project, than those in %s. What it says of places is used as it is;"
                " picks beside them, which nobody judged, are those of the last run",
                *(path, review.method, results.pages),
            )


def _run_of_pages(method: str, results: Results) -> str | None:
    """Return which run of a method the report's pages show; None if they do not say."""
    for page in sorted(Path(results.pages).glob("*/*.html")):
        text = page.read_text("utf-8", errors="replace")
        _, told, rest = text.partition("window.pickerRun = ")
        if not told:
            continue
        try:
            said, _ = json.JSONDecoder().raw_decode(rest)
        except (ValueError, RecursionError):
            return None
        if not isinstance(said, dict) or said.get("method") != method:
            return None
        return said["run"] if isinstance(said.get("run"), str) else None
    return None


def answers_by_tomogram(
    reviews: Mapping[Path, Review], reviewed: Reviewed
) -> dict[str, Picks]:
    """Return each tomogram's answers, the earliest first, with the score 1 or 0."""
    found: dict[str, list[Answer]] = {}
    for path, review in reviews.items():
        for number, answer in enumerate(review.answers, 1):
            _check(f"{path}, answer {number}", answer, reviewed)
            found.setdefault(answer.tomogram, []).append(answer)
    return {
        name: picks_from_arrays(
            [list(answer.position[::-1]) for answer in answers],
            [answer.class_there for answer in answers],
            [WRONG if answer.answer == "wrong" else RIGHT for answer in answers],
        )
        for name, answers in sorted(found.items())
    }


def _check(where: str, answer: Answer, reviewed: Reviewed) -> None:
    """Refuse an answer about something that the run does not have."""
    name, entry = answer.tomogram, reviewed.entries.get(answer.tomogram)
    if entry is None or name not in reviewed.rows:
        known = listed(sorted(reviewed.rows.keys() & reviewed.entries.keys()))
        raise ValueError(
            f"{where} is about tomogram {shown(name)}, which the table or"
            f" {reviewed.run.picked} does not have; expected one of both, such as"
            f" {known}: give the table that was reviewed as --table"
        )
    if isinstance(entry, Failed):
        raise ValueError(
            f"{where} is about tomogram {name}, which has no picks: {entry.error}; run"
            " snakemake again"
        )
    for particle in (answer.particle, answer.class_there):
        if particle not in reviewed.radius:
            raise ValueError(
                f"{where} names the particle {shown(particle)}; expected one of"
                f" {listed(reviewed.radius)}: correct it, or config.yaml and run again"
            )
    before = entry.preprocessed
    index = index_from_position(
        np.array([answer.position[::-1]]), before.source_voxel_size
    )
    if not inside(index, before.source_shape_zyx).all():
        size = [n * before.source_voxel_size for n in before.source_shape_zyx[::-1]]
        raise ValueError(
            f"{where} lies at x, y, z {list(answer.position)} Å, outside of {name}, of"
            f" {' × '.join(f'{length:.0f}' for length in size)} Å; expected a position"
            " in it, review the pages of this run"
        )
