"""Candidates to picks: one job picks all tomograms, in several processes."""

from __future__ import annotations

import logging
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.core.fingerprint import fingerprint
from picker.formats.picks.star import write_picks
from picker.formats.tables.star_table import read_comments
from picker.formats.tables.thresholds import read_thresholds
from picker.formats.text import listed
from picker.formats.volumes.read import read_mask
from picker.jobs.context import (
    context_key,
    filters_of_the_unknown,
    may_be_by_context,
    surroundings_of,
    with_context,
)
from picker.jobs.failures import told_failure
from picker.jobs.pick_files import OFFSETS, picks_alone
from picker.jobs.picked_tables import expected_table, ranking_table
from picker.jobs.refined import refined_candidates
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.layout import picks_file
from picker.project.manifests import read_predicted, write_manifest
from picker.project.records import Failed, Picked, Predicted, failed
from picker.refining.offsets import WARNING, with_offsets
from picker.refining.select import select_picks
from picker.scoring.reliability import expected, held_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from picker.config import Particle, PickSettings
    from picker.core.picks import Picks
    from picker.project.records import Preprocessed
    from picker.scoring.reliability import Reliability

logger = logging.getLogger("picker")

MANY = 200
"""Number of tomograms from which starting processes takes less time than it saves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Criteria:
    """What decides which candidates are picks.

    Attributes
    ----------
    particles
        The classes.
    thresholds
        Lowest score of each.
    settings
        Distances, masks and edges.
    """

    particles: tuple[Particle, ...]
    thresholds: dict[str, float]
    settings: PickSettings


def pick_tomograms(
    manifests: Sequence[Path],
    thresholds: Path,
    particles: tuple[Particle, ...],
    settings: PickSettings,
    *,
    folder: Path,
    output: Path,
    processes: int = 1,
    ranking: Path | None = None,
    estimate: Path | None = None,
) -> None:
    """Write the picks of all predicted tomograms, and their manifest.

    Picks that are there and made from the same are kept. A tomogram that cannot be
    picked is recorded and its picks of an earlier run are deleted; the others continue.

    Parameters
    ----------
    manifests
        Of the predicted shards.
    thresholds
        JSON of the calibration.
    particles, settings
        The classes, and which candidates count as picks.
    folder
        Where `<tomogram>.star` are written.
    output
        Manifest to write.
    processes
        Number of tomograms that are picked at a time.
    ranking, estimate
        Tables to write, see `picked_tables`.

    Raises
    ------
    ValueError
        If the thresholds or a manifest cannot be used, or are of different models.
    OSError
        If the disk takes nothing.
    """
    with claimed(output, folder):
        predicted = read_predicted(manifests)
        saved = read_thresholds(
            thresholds, predicted.model, [p.name for p in particles]
        )
        criteria = Criteria(
            particles=particles, thresholds=saved.lowest, settings=settings
        )
        known = held_out(saved.model_dump()["particles"])
        pick = partial(_pick, folder=folder, criteria=criteria, known=known)
        number = len(predicted.tomograms)
        entries = []
        results = _mapped(pick, predicted.tomograms, processes)
        for done, entry in enumerate(tracked(results, "pick", number, "tomograms"), 1):
            entries.append(entry)
            _log(entry, f"{done} of {number}")
        picked = [entry for entry in entries if isinstance(entry, Picked)]
        _warn(picked)
        if ranking:
            write_text(ranking, ranking_table(picked))
        if estimate:
            write_text(estimate, expected_table(picked))
        write_manifest(output, entries)


def _warn(picked: Sequence[Picked]) -> None:
    """Log each warning of picking once, with the tomograms that have it."""
    names: dict[str, list[str]] = {}
    for entry in picked:
        for text in entry.picking_warnings:
            names.setdefault(text, []).append(entry.tomogram)
    for text, where in names.items():
        logger.warning("warning: %s (%s)", text, listed(where))


def _warnings(entry: Preprocessed, settings: PickSettings) -> tuple[str, ...]:
    """Return the warnings of picking a tomogram; its name is not in them."""
    offsets = settings.offsets.particles
    return (
        *((WARNING.format(", ".join(offsets)),) if offsets else ()),
        *filters_of_the_unknown(surroundings_of(entry), settings.context),
    )


def _log(entry: Picked | Failed, progress: str) -> None:
    name = entry.tomogram
    if isinstance(entry, Failed):
        logger.error("%s has no picks: %s", name, entry.error)
    elif not entry.num_picks:
        logger.warning("warning: no picks in %s", name)
    else:
        logger.info("%s: %d picks (%s)", name, entry.num_picks, progress)


def _mapped(
    pick: Callable[[Predicted | Failed], Picked | Failed],
    entries: Sequence[Predicted | Failed],
    processes: int,
) -> Iterator[Picked | Failed]:
    """Yield what `pick` makes of each entry, in order."""
    if processes == 1 or len(entries) < MANY:
        yield from map(pick, entries)
        return
    with ProcessPoolExecutor(
        processes,
        mp_context=get_context("forkserver"),
        # Ctrl-C goes to every process; this one alone answers it.
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        yield from pool.map(pick, entries, chunksize=16)


def _pick(
    entry: Predicted | Failed,
    folder: Path,
    criteria: Criteria,
    known: dict[str, Reliability],
) -> Picked | Failed:
    """Write one tomogram's picks, unless they are there and valid.

    Of one that fails nothing stays: an earlier run's picks would pass for this one's.
    """
    path = picks_file(folder, entry.tomogram)
    if isinstance(entry, Failed):
        path.unlink(missing_ok=True)
        return replace(entry, path=path)
    try:
        key = _key(entry, criteria)
        if path.exists() and read_comments(path).get("fingerprint") == key:
            picks = picks_alone(path)
        else:
            picks = with_context(
                _selected(entry, criteria),
                entry.preprocessed,
                criteria.settings.context,
            )
            _write(path, entry.tomogram, key, picks, criteria)
        to_expect = _expected(entry, criteria, picks, known) if known else {}
    except Exception as error:
        reason = told_failure(entry.tomogram, entry.candidates, error)
        path.unlink(missing_ok=True)
        return failed(entry, path, reason)
    names = [particle.name for particle in criteria.particles]
    return Picked(
        preprocessed=entry.preprocessed,
        picks=path,
        fingerprint=key,
        counts={name: int((picks.particle == name).sum()) for name in names},
        expected=to_expect,
        mean_score=round(float(picks.score.mean()), 4) if len(picks) else None,
        picking_warnings=_warnings(entry.preprocessed, criteria.settings),
    )


def _write(
    path: Path, tomogram: str, key: str, picks: Picks, criteria: Criteria
) -> None:
    """Write one tomogram's picks, with entries around them where settings say so."""
    notes = {"fingerprint": key, "tomogram": tomogram}
    offsets = criteria.settings.offsets
    if offsets.particles:
        names = ", ".join(offsets.particles)
        notes |= {OFFSETS: names, "warning": WARNING.format(names)}
        picks = with_offsets(picks, criteria.particles, offsets)
    write_picks(path, picks, notes)


def _key(entry: Predicted, criteria: Criteria) -> str:
    """Return a digest of what one tomogram's picks are made from."""
    mask = entry.preprocessed.mask
    return fingerprint(
        read_comments(entry.candidates).get("fingerprint"),
        [particle.key() for particle in criteria.particles],
        sorted(criteria.thresholds.items()),
        criteria.settings.key(),
        mask.stat().st_mtime_ns if mask else None,
        *context_key(entry.preprocessed, criteria.settings.context),
    )


def _selected(entry: Predicted, criteria: Criteria) -> Picks:
    """Return the picks among one tomogram's candidates."""
    before = entry.preprocessed
    candidates = refined_candidates(entry, criteria.particles, criteria.settings)
    allowed = may_be_by_context(candidates, before, criteria.settings.context)
    return select_picks(
        candidates.select(allowed),
        criteria.particles,
        criteria.thresholds,
        criteria.settings,
        before.voxel_size,
        before.shape_zyx,
        read_mask(before.mask) if before.mask else None,
    )


def uncut_picks(
    entry: Predicted, particles: tuple[Particle, ...], settings: PickSettings
) -> Picks:
    """Return what would be one tomogram's picks without thresholds.

    A pick drops none of a higher score, so those of at least a threshold's score are
    the picks with that threshold.
    """
    no_cut = dict.fromkeys((particle.name for particle in particles), 0.0)
    criteria = Criteria(
        particles=particles,
        thresholds=no_cut,
        settings=settings.model_copy(update={"thresholds": {}}),
    )
    return _selected(entry, criteria)


def _expected(
    entry: Predicted, criteria: Criteria, picks: Picks, known: dict[str, Reliability]
) -> dict[str, tuple[float, float]]:
    """Return how many of each class's picks should be right, and of how many there."""
    unlimited = criteria.settings.model_copy(update={"top_k": None})
    candidates = uncut_picks(entry, criteria.particles, unlimited)
    return {
        name: expected(curve, candidates.of(name).score, picks.of(name).score)
        for name, curve in known.items()
    }
