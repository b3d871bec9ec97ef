"""Turn candidates into picks: thresholds, distances, masks and edges.

Quick, and without the model: changing a threshold runs this stage and those behind it.
One job picks all tomograms, in several processes.
"""

from __future__ import annotations

import logging
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from picker.claim import claimed
from picker.config import Particle, PickSettings
from picker.formats.star import read_comments, read_picks, write_picks
from picker.formats.thresholds import read_thresholds
from picker.formats.volume import read_mask
from picker.machine.progress import tracked
from picker.reliability import expected, held_out
from picker.select import select_picks
from picker.verbs.common import (
    Entry,
    add_settings,
    fingerprint,
    read_particles,
    read_predicted,
    read_section,
    told_failure,
    write_manifest,
    write_text,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from picker.picks import Picks
    from picker.reliability import Reliability

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
    manifests, model = read_predicted(arguments.manifests)
    names = [particle.name for particle in particles]
    saved = read_thresholds(arguments.thresholds, model, names)
    given = [entry for manifest in manifests for entry in manifest.tomograms]
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
        if entry.error:
            logger.error("%s has no picks: %s", entry.tomogram, entry.error)
        elif not any(entry.counts.values()):
            logger.warning("warning: no picks in %s", entry.tomogram)
        else:
            count = sum(entry.counts.values())
            logger.info(
                "%s: %d picks (%d of %d)", entry.tomogram, count, number, len(given)
            )
    if arguments.label_next:
        write_text(arguments.label_next, label_next(entries))
    if arguments.estimate:
        write_text(arguments.estimate, estimate(entries))
    write_manifest(arguments.output, entries)


def _mapped(
    pick: Callable[[Entry], Entry], entries: list[Entry], processes: int
) -> Iterator[Entry]:
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
    entry: Entry,
    folder: Path,
    particles: tuple[Particle, ...],
    thresholds: dict[str, float],
    settings: PickSettings,
    known: dict[str, Reliability],
) -> Entry:
    """Write one tomogram's picks unless they are there and valid."""
    path = folder / f"{entry.tomogram}.star"
    if entry.error:
        return entry.model_copy(update={"path": path})
    try:
        key = fingerprint(
            read_comments(entry.path).get("fingerprint"),
            [particle.key() for particle in particles],
            sorted(thresholds.items()),
            settings.key(),
            entry.mask.stat().st_mtime_ns if entry.mask else None,
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
        told = told_failure(entry.tomogram, entry.path, error)
        return entry.failed(path, ValueError(told))
    counts = {p.name: int((picks.particle == p.name).sum()) for p in particles}
    return entry.model_copy(
        update={
            "path": path,
            "fingerprint": key,
            "counts": counts,
            "expected": to_expect,
            "mean_score": round(float(picks.score.mean()), 4) if len(picks) else None,
        }
    )


def _selected(
    entry: Entry,
    particles: tuple[Particle, ...],
    thresholds: dict[str, float],
    settings: PickSettings,
) -> Picks:
    """Return the picks among one tomogram's candidates."""
    return select_picks(
        read_picks(entry.path),
        particles,
        thresholds,
        settings,
        entry.voxel_size,
        entry.shape_zyx,
        read_mask(entry.mask) if entry.mask else None,
    )


def label_next(entries: list[Entry]) -> str:
    """Return a table of the tomograms without labels, the most picks first.

    Clear and full ones teach the most. The least sure ones, by the mean score of their
    picks, are those to distrust; to label them did not pay (docs/accuracy.md).
    """
    chosen = [
        entry
        for entry in entries
        if entry.split in ("unlabeled", "predict") and not entry.error
    ]
    chosen.sort(key=lambda entry: -sum(entry.counts.values()))
    lines = [("tomogram", "split", "mean_score", "picks")]
    lines += [
        (
            entry.tomogram,
            entry.split,
            "" if entry.mean_score is None else str(entry.mean_score),
            str(sum(entry.counts.values())),
        )
        for entry in chosen
    ]
    return "".join("\t".join(line) + "\n" for line in lines)


def estimate(entries: list[Entry]) -> str:
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
