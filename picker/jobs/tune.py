"""Tuning: the settings of picking, voting and linking that find known ones best."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from picker.config.tune import LEAST_CONTRAST, WEIGHT, check_limits, keys_of
from picker.core.files import write_text
from picker.formats.picks.detections import read_detections
from picker.formats.picks.star import read_picks
from picker.formats.tables.tsv import text_of_rows
from picker.jobs.allowed import where_picks_may_be
from picker.jobs.calibrate import labeled_entries
from picker.jobs.members import Voted
from picker.jobs.search import Known, Search, at_edges_too
from picker.project.manifests import read_predicted
from picker.report.tune import draw_trials
from picker.scoring.bayesian import evenly_spread, highest
from picker.scoring.tune import Field, held_out_f

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from picker.config import (
        CalibrateSettings,
        LinkSettings,
        Particle,
        PickSettings,
        Settings,
        TuneSettings,
    )
    from picker.jobs.election import Election
    from picker.project.records import Predicted

logger = logging.getLogger("picker")

FEWEST = 2
"""Tomograms with fewer known ones than this tell noise from settings no better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneFiles:
    """What tuning writes.

    Attributes
    ----------
    settings
        YAML for `--configfile`.
    trials
        TSV of all trials.
    picture
        SVG of them.
    """

    settings: Path
    trials: Path
    picture: Path


def tune(
    manifests: Sequence[Path],
    files: TuneFiles,
    *,
    particles: tuple[Particle, ...],
    picking: PickSettings,
    calibration: CalibrateSettings,
    tuned: TuneSettings,
    election: Election | None = None,
    linking: LinkSettings | None = None,
) -> dict[str, Any]:
    """Write the best settings that were found, and all that were tried.

    Parameters
    ----------
    manifests
        Of candidates that thresholds are chosen on, copies among them.
    files
        What to write.
    particles
        The classes.
    picking, calibration, linking
        Settings as they are; without the last one nothing is linked.
    tuned
        What is searched, and how.
    election
        Who votes, if the method does.

    Returns
    -------
    `settings` by section, `f` with them and `f_before`, as on the tomograms that chose
    them, and the number of `tomograms`.

    Raises
    ------
    ValueError
        If fewer than two tomograms have known particles, or a part of them alone is
        known; if a setting cannot be tuned; if candidates cannot be used.
    """
    labeled = labeled_entries(read_predicted(manifests).tomograms)
    _check_enough([entry for entry, _ in labeled])
    sections: dict[str, Settings] = {"pick": picking}
    if election:
        sections["vote"] = election.settings
    elif linking and all(entry.detections for entry, _ in labeled):
        sections["link"] = linking
    links = "link" in sections and any(n.startswith("link.") for n in tuned.settings)
    search = Search(
        tuned=tuned,
        sections=sections,
        members=tuple(m.name for m in election.members) if election else (),
        known=[
            _known(entry, path, picking, election, links) for entry, path in labeled
        ],
        particles=particles,
        calibration=calibration,
    )
    check_limits(tuned, sections)
    _check_particles(search)
    now = {name: search.number(sections, name) for name in search.names}
    _search(search, now)
    return _write(search, files)


def _known(
    entry: Predicted,
    labels: Path,
    picking: PickSettings,
    election: Election | None,
    links: bool,
) -> Known:
    """Return a tomogram with all that trials read of it."""
    anywhere = at_edges_too(picking)
    before = entry.preprocessed
    if election:
        voted = Voted(file=entry.candidates.name, preprocessed=before, half=entry.half)
        found = [member.found(voted) for member in election.members]
    else:
        found = [read_picks(entry.candidates)]
    # A mask is read once: joined candidates lie between those that it allows.
    return Known(
        entry=entry,
        field=Field(
            tomogram=entry.tomogram,
            voxel_size=before.voxel_size,
            shape_zyx=before.shape_zyx,
            truth=where_picks_may_be(read_picks(labels), before),
        ),
        found=tuple(where_picks_may_be(one, before, anywhere) for one in found),
        detections=(
            read_detections(entry.detections) if links and entry.detections else None
        ),
    )


def _check_enough(entries: Sequence[Predicted]) -> None:
    """Refuse tomograms on which settings would be fitted to noise."""
    if entries[0].split == "partial":
        raise ValueError(
            "tuning needs tomograms all of whose particles are known, to tell wrong"
            " picks; expected some of split validation or labeled, got partial ones"
            " alone"
        )
    names = sorted({entry.tomogram for entry in entries})
    if len(names) < FEWEST:
        raise ValueError(
            f"{names[0]} is the only tomogram that thresholds are chosen on, and"
            " settings that are tuned on one fit its noise; expected"
            f" {FEWEST} at least, more is better. Label another one"
        )


def _check_particles(search: Search) -> None:
    """Refuse settings of classes that there are not, and members that do not vote."""
    particles = {particle.name for particle in search.particles}
    for name in search.names:
        for prefix, known in (
            (LEAST_CONTRAST, particles),
            (WEIGHT, set(search.members)),
        ):
            last = name.removeprefix(prefix)
            if last != name and last not in known:
                raise ValueError(
                    f"tune.settings names {name}; expected one of"
                    f" {', '.join(sorted(known)) or 'none'} at its end"
                )


def _search(search: Search, now: Mapping[str, float | None]) -> None:
    """Try settings one after the other, those as they are first."""
    tuned, count = search.tuned, len(search.names)
    low, high = np.array(list(tuned.settings.values())).T
    first = evenly_spread(tuned.initial, count, tuned.seed)
    known = np.array([np.nan if v is None else v for v in now.values()], np.float64)
    is_first = tuned.search == "bayesian" and ((known >= low) & (known <= high)).all()
    if is_first:
        first[0] = (known - low) / (high - low)
    else:
        search.with_values({k: v for k, v in now.items() if v is not None})
    if tuned.search == "grid":
        line = np.linspace(0, 1, tuned.grid)
        for point in itertools.product(line, repeat=count):
            search.at(np.array(point))
        return
    highest(search.at, first, tuned.steps, tuned.seed)


def _write(search: Search, files: TuneFiles) -> dict[str, Any]:
    """Write what was found, log how good it is, and return it."""
    values, trial = search.trials[search.best]
    first = search.trials[0][1]
    every = [trial for _, trial in search.trials]
    names = trial.tomograms
    figures = (
        f"F {trial.f():.4f} with these, {first.f():.4f} as they were; on tomograms that"
        f" chose neither settings nor thresholds {held_out_f(every):.4f} and"
        f" {held_out_f([first]):.4f}"
    )
    logger.info("tuned on %d tomograms: %s", len(names), figures)
    settings = _nested(search, values)
    head = (
        f"# Tuned on {len(names)} tomograms, {len(every)} trials, seed"
        f" {search.tuned.seed}, F-beta with beta {search.calibration.beta:g}:\n"
        f"# {figures}.\n"
        "# Thresholds are chosen anew with them: run again with this file behind your"
        " own, --configfile config.yaml tuned.yaml\n"
    )
    write_text(files.settings, head + yaml.safe_dump(settings, sort_keys=False))
    best = np.maximum.accumulate([one.f() for one in every]).tolist()
    rows = [
        {"trial": number, **used, "f": one.f(), "best": so_far}
        for number, ((used, one), so_far) in enumerate(
            zip(search.trials, best, strict=True), 1
        )
    ]
    write_text(files.trials, text_of_rows(rows, digits=6))
    points = [list(used.values()) for used, _ in search.trials]
    picture = draw_trials(search.names, points, [one.f() for one in every])
    write_text(files.picture, picture)
    return {
        "settings": settings,
        "f": trial.f(),
        "f_before": first.f(),
        "tomograms": len(names),
    }


def _nested(search: Search, values: Mapping[str, float | None]) -> dict[str, Any]:
    """Return tuned numbers by section, as a file of settings has them.

    Of a number of one member or class those of all others are there too: such a
    setting has its default in a file that does not name it.
    """
    nested: dict[str, Any] = {}
    for name, value in values.items():
        section, *outer, last = keys_of(name)
        there: Any = search.sections[section].model_dump(mode="json")
        inner = nested.setdefault(section, {})
        for key in outer:
            there = there[key]
            is_last = key == outer[-1]
            inner = inner.setdefault(key, dict(there) if is_last else {})
        inner[last] = value
    return nested
