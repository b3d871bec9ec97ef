"""Turn candidates into picks: thresholds, distances, masks and edges.

Quick, and without the model: changing a threshold runs this stage and those behind it.
One job picks all tomograms, in several processes.
"""

from __future__ import annotations

import logging
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import Particle, PickSettings
from picker.core.files import write_text
from picker.core.fingerprint import fingerprint
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.star_table import read_comments
from picker.formats.tables.thresholds import read_thresholds
from picker.formats.volumes.read import read_mask
from picker.jobs.failures import told_failure
from picker.jobs.settings import read_particles, read_section
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.layout import picks_file
from picker.project.manifests import read_predicted, write_manifest
from picker.project.records import Failed, Picked, Predicted, failed
from picker.refining.select import select_picks
from picker.scoring.reliability import expected, held_out
from picker.verbs.common import add_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from picker.core.picks import Picks
    from picker.scoring.reliability import Reliability

logger = logging.getLogger("picker")

MANY = 200
"""Tomograms from which on processes are worth their start."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="predicted shards"
    )
    parser.add_argument("--thresholds", type=Path, required=True, help="JSON")
    add_settings(parser, "particles, pick")
    parser.add_argument("--picks", type=Path, required=True, help="folder to fill")
    parser.add_argument(
        "--processes", type=int, default=1, help="how many tomograms at a time"
    )
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")
    parser.add_argument(
        "--label-next",
        type=Path,
        help="TSV to write: tomograms without labels, the most picks first",
    )
    parser.add_argument(
        "--estimate",
        type=Path,
        help="TSV to write: precision and recall to expect in each split, where"
        " thresholds come from validation tomograms",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the picks of all predicted tomograms."""
    with claimed(arguments.output, arguments.picks):
        _pick_all(arguments)


def _pick_all(arguments: argparse.Namespace) -> None:
    settings = read_section(arguments.settings, "pick", PickSettings)
    particles = read_particles(arguments.settings)
    predicted = read_predicted(arguments.manifests)
    names = [particle.name for particle in particles]
    saved = read_thresholds(arguments.thresholds, predicted.model, names)
    given = predicted.tomograms
    pick = partial(
        _pick,
        folder=arguments.picks,
        particles=particles,
        thresholds=saved.lowest,
        settings=settings,
        known=held_out(saved.model_dump()["particles"]),
    )
    entries = []
    picked = _mapped(pick, given, arguments.processes)
    progress = tracked(picked, "pick", len(given), "tomograms")
    for number, entry in enumerate(progress, 1):
        entries.append(entry)
        name = entry.tomogram
        if isinstance(entry, Failed):
            logger.error("%s has no picks: %s", name, entry.error)
        elif not entry.num_picks:
            logger.warning("warning: no picks in %s", name)
        else:
            logger.info(
                "%s: %d picks (%d of %d)", name, entry.num_picks, number, len(given)
            )
    picks = [entry for entry in entries if isinstance(entry, Picked)]
    if arguments.label_next:
        write_text(arguments.label_next, label_next(picks))
    if arguments.estimate:
        write_text(arguments.estimate, estimate(picks))
    write_manifest(arguments.output, entries)


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
        # Ctrl-C is ours alone to hear.
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        yield from pool.map(pick, entries, chunksize=16)


def _pick(
    entry: Predicted | Failed,
    folder: Path,
    particles: tuple[Particle, ...],
    thresholds: dict[str, float],
    settings: PickSettings,
    known: dict[str, Reliability],
) -> Picked | Failed:
    """Write one tomogram's picks unless they are there and valid."""
    path = picks_file(folder, entry.tomogram)
    if isinstance(entry, Failed):
        return replace(entry, path=path)
    mask = entry.preprocessed.mask
    try:
        key = fingerprint(
            read_comments(entry.candidates).get("fingerprint"),
            [particle.key() for particle in particles],
            sorted(thresholds.items()),
            settings.key(),
            mask.stat().st_mtime_ns if mask else None,
        )
        if path.exists() and read_comments(path).get("fingerprint") == key:
            picks = read_picks(path)
        else:
            picks = _selected(entry, particles, thresholds, settings)
            write_picks(path, picks, {"fingerprint": key, "tomogram": entry.tomogram})
        to_expect = {}
        if known:
            uncut = settings.model_copy(
                update={"thresholds": dict.fromkeys(known, 0.0)}
            )
            candidates = _selected(entry, particles, thresholds, uncut)
            for name, of in known.items():
                score = picks.of(name).score
                to_expect[name] = expected(of, candidates.of(name).score, score)
    except Exception as error:
        told = told_failure(entry.tomogram, entry.candidates, error)
        return failed(entry, path, told)
    return Picked(
        preprocessed=entry.preprocessed,
        picks=path,
        fingerprint=key,
        counts={p.name: int((picks.particle == p.name).sum()) for p in particles},
        expected=to_expect,
        mean_score=round(float(picks.score.mean()), 4) if len(picks) else None,
    )


def _selected(
    entry: Predicted,
    particles: tuple[Particle, ...],
    thresholds: dict[str, float],
    settings: PickSettings,
) -> Picks:
    """Return the picks among one tomogram's candidates."""
    before = entry.preprocessed
    return select_picks(
        read_picks(entry.candidates),
        particles,
        thresholds,
        settings,
        before.voxel_size,
        before.shape_zyx,
        read_mask(before.mask) if before.mask else None,
    )


def label_next(entries: Sequence[Picked]) -> str:
    """Return a table of the tomograms without labels, the most picks first.

    Clear and full ones teach the most. The least sure ones, by the mean score of their
    picks, are those to distrust; to label them did not pay (docs/accuracy.md).
    """
    chosen = [entry for entry in entries if entry.split in ("unlabeled", "predict")]
    chosen.sort(key=lambda entry: -entry.num_picks)
    lines = [("tomogram", "split", "mean_score", "picks")]
    lines += [
        (
            entry.tomogram,
            entry.split,
            "" if entry.mean_score is None else str(entry.mean_score),
            str(entry.num_picks),
        )
        for entry in chosen
    ]
    return "".join("\t".join(line) + "\n" for line in lines)


def estimate(entries: Sequence[Picked]) -> str:
    """Return a table of what to expect of the picks in tomograms that nobody picked.

    Those of the test split are there too: their truth, of which nothing is used here,
    tells how far to trust it.
    """
    lines = ["split\tparticle\ttomograms\tpicks\tprecision\trecall\n"]
    for split in ("unlabeled", "predict", "test"):
        chosen = [e for e in entries if e.split == split and e.expected]
        for name in chosen[0].expected if chosen else ():
            picks = sum(e.counts[name] for e in chosen)
            right = sum(e.expected[name][0] for e in chosen)
            particles = sum(e.expected[name][1] for e in chosen)
            precision = f"{right / picks:.3f}" if picks else ""
            recall = f"{right / particles:.3f}" if particles else ""
            row = (split, name, str(len(chosen)), str(picks), precision, recall)
            lines.append("\t".join(row) + "\n")
    return "".join(lines)
