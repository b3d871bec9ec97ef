"""Hold picks against the truth of the test tomograms.

Writes F1 at each match radius, precision, recall and the Kaggle score as JSON, and
precision-recall curves as TSV; the file says which split it is about.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import SPLITS, EvaluateSettings, PickSettings
from picker.core.files import write_json, write_text
from picker.core.picks import concatenate
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import read_thresholds
from picker.jobs.failures import cannot_be_used
from picker.jobs.region import where_picks_may_be
from picker.jobs.settings import read_particles, read_section
from picker.machine.progress import tracked
from picker.project.manifests import read_picked, read_predicted, write_manifest
from picker.project.records import Picked, Predicted
from picker.refining.select import picks_apart
from picker.scoring.evaluate import curve_rows, curves, metrics, tomogram_rows
from picker.verbs.common import add_failed, add_settings, logger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from picker.config import Particle
    from picker.core.picks import Picks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--picks", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    parser.add_argument(
        "--candidates",
        nargs="+",
        type=Path,
        required=True,
        help="manifests of candidates, for the curves",
    )
    parser.add_argument("--thresholds", type=Path, required=True, help="JSON")
    parser.add_argument("--split", choices=SPLITS, default="test")
    add_settings(parser, "particles, evaluate, pick")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    parser.add_argument("--curves", type=Path, required=True, help="TSV to write")
    parser.add_argument(
        "--by-tomogram",
        type=Path,
        required=True,
        help="TSV to write: right, wrong and missed picks of each tomogram",
    )
    add_failed(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate."""
    particles = read_particles(arguments.settings)
    settings = read_section(arguments.settings, "evaluate", EvaluateSettings)
    split = arguments.split
    given = read_predicted(arguments.candidates)
    names = [particle.name for particle in particles]
    thresholds = read_thresholds(arguments.thresholds, given.model, names)
    known = [
        (entry, labels)
        for entry in read_picked(arguments.picks)
        if isinstance(entry, Picked)
        and entry.split == split
        and (labels := entry.preprocessed.labels)
    ]
    pick = read_section(arguments.settings, "pick", PickSettings)
    predicted = {e.tomogram: e for e in given.tomograms if isinstance(e, Predicted)}
    truth, picks, candidates = {}, {}, {}
    failed = []
    for entry, labels in tracked(known, "evaluate", len(known), "tomograms"):
        name = entry.tomogram
        try:
            right, found = read_picks(labels), read_picks(entry.picks)
            peaks = predicted.get(name)
            if peaks is not None:
                candidates[name] = _apart(
                    where_picks_may_be(
                        read_picks(peaks.candidates),
                        peaks.preprocessed,
                        pick.edge_margin,
                    ),
                    particles,
                    pick.min_distance_per_radius,
                )
        except Exception as error:
            failed.append(cannot_be_used(entry, entry.picks, error))
            continue
        truth[name], picks[name] = right, found
    if not truth:
        raise ValueError(
            f"no {split} tomogram with picks could be used; see the errors before"
        )
    result = metrics(
        picks,
        truth,
        particles,
        settings,
        thresholds.lowest,
        split=split,
    )
    write_json(arguments.output, result)
    distance = settings.distances_per_radius[0]
    by_particle = curves(candidates, truth, particles, distance)
    write_text(arguments.curves, _tsv(curve_rows(by_particle)))
    by_tomogram = tomogram_rows(picks, truth, particles, distance)
    write_text(arguments.by_tomogram, _tsv(by_tomogram))
    if arguments.failed:
        write_manifest(arguments.failed, failed)
    for key, values in result.items():
        if key.startswith("f1@"):
            logger.info("%s on %s: %s", key, split, values)


def _apart(
    candidates: Picks, particles: tuple[Particle, ...], distance_per_radius: float
) -> Picks:
    return concatenate(
        picks_apart(candidates.of(p.name), distance_per_radius * p.radius)
        for p in particles
    )


def _tsv(rows: Sequence[Mapping[str, object]]) -> str:
    lines = ["\t".join(rows[0])] if rows else []
    lines += [
        "\t".join("" if value is None else str(value) for value in row.values())
        for row in rows
    ]
    return "\n".join(lines) + "\n"
