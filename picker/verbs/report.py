"""Show on one page what ran, how training went, what was found and how good it is.

The page holds its pictures and loads nothing from anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from picker.config import ReportSettings, TomogramsSettings
from picker.core.files import write_text
from picker.core.picks import score_histogram
from picker.core.tomogram import Tomogram
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import Thresholds, read_thresholds
from picker.formats.tables.tsv import read_rows
from picker.jobs.failures import cannot_be_used
from picker.jobs.settings import read_particles, read_section
from picker.jobs.stored import stored_volume
from picker.machine.progress import tracked
from picker.project.json_files import read_json
from picker.project.layout import cost_file
from picker.project.manifests import (
    Predictions,
    read_picked,
    read_predicted,
    write_manifest,
)
from picker.project.records import Failed, Picked
from picker.report.draw import Picture, make_picture
from picker.report.page import (
    ReportData,
    StageCost,
    TomogramRecord,
    counts_by_tomogram,
    curve_columns,
    render_report,
    stage_cost,
    training_columns,
)
from picker.scoring.reliability import held_out
from picker.verbs.common import add_failed, add_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle


BEFORE = ("preprocess",)
AFTER = ("predict", "predict_noisy", "calibrate", "pick", "evaluate")
"""Stages that cost something, before and after training, in their order."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--method", required=True)
    parser.add_argument(
        "--picks", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    parser.add_argument(
        "--candidates",
        nargs="+",
        type=Path,
        default=[],
        help="manifests of candidates, for the histograms",
    )
    parser.add_argument("--thresholds", type=Path, help="JSON")
    parser.add_argument(
        "--tables", nargs="*", type=Path, default=[], help="training logs (TSV)"
    )
    parser.add_argument(
        "--evaluation",
        nargs="*",
        type=Path,
        default=[],
        help="metrics.json, curves.tsv and by_tomogram.tsv, where there is truth",
    )
    parser.add_argument(
        "--estimate", type=Path, help="TSV of what to expect of picks without truth"
    )
    parser.add_argument(
        "--label-next", type=Path, help="TSV of tomograms without labels"
    )
    parser.add_argument(
        "--regions", type=Path, help="regions.tsv of the verb label-next, if any"
    )
    parser.add_argument(
        "--benchmarks",
        type=Path,
        help="folder of Snakemake's benchmark files, for times and memory",
    )
    add_settings(parser, "all sections; shown on the page")
    parser.add_argument("--output", type=Path, required=True, help="HTML to write")
    add_failed(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the report."""
    particles = read_particles(arguments.settings)
    settings = read_section(arguments.settings, "report", ReportSettings)
    tomograms = read_section(arguments.settings, "tomograms", TomogramsSettings)
    simulated = tomograms.source == "simulate"
    entries = read_picked(arguments.picks)
    if arguments.thresholds and not arguments.candidates:
        raise ValueError(
            "--thresholds needs --candidates, which say whose scores they cut"
        )
    predicted = read_predicted(arguments.candidates)
    names = [particle.name for particle in particles]
    thresholds = (
        read_thresholds(arguments.thresholds, predicted.model, names)
        if arguments.thresholds
        else Thresholds(model=predicted.model, particles={})
    )
    failed: list[Failed] = []
    records = [
        _record(entry, particles, failed)
        for entry in tracked(entries, "report", len(entries), "tomograms")
    ]
    evaluation = {path.stem: path for path in arguments.evaluation}
    data = ReportData(
        method=arguments.method,
        particles=particles,
        tomograms=records,
        settings={p.stem: _section(p) for p in arguments.settings},
        training={p.stem: training_columns(read_rows(p)) for p in arguments.tables},
        histograms=_histograms(predicted, particles),
        thresholds=thresholds.lowest,
        metrics=(read_json(evaluation["metrics"]) if "metrics" in evaluation else None),
        curves=(
            curve_columns(read_rows(evaluation["curves"]))
            if "curves" in evaluation
            else {}
        ),
        by_tomogram=(
            counts_by_tomogram(read_rows(evaluation["by_tomogram"]))
            if "by_tomogram" in evaluation
            else {}
        ),
        reliability=held_out(thresholds.model_dump()["particles"]),
        estimate=read_rows(arguments.estimate) if arguments.estimate else [],
        label_next=(
            [row["tomogram"] for row in read_rows(arguments.label_next)]
            if arguments.label_next
            else []
        ),
        regions=read_rows(arguments.regions) if arguments.regions else [],
        costs=_costs(
            arguments.benchmarks,
            arguments.method,
            [path.stem for path in arguments.tables],
            [path.stem for path in arguments.candidates],
        ),
        pictures=_pictures(entries, failed),
        max_pictures=settings.max_pictures,
        notes=["Simulated phantom tomograms, not real data."] if simulated else [],
    )
    write_text(arguments.output, render_report(data))
    if arguments.failed:
        write_manifest(arguments.failed, failed)


def _record(
    entry: Picked | Failed, particles: Sequence[Particle], failed: list[Failed]
) -> TomogramRecord:
    """Return what the page says of a tomogram; one that fails here joins `failed`."""
    truth = None
    if isinstance(entry, Picked) and (labels := entry.preprocessed.labels):
        try:
            known = read_picks(labels)
            truth = {p.name: len(known.of(p.name)) for p in particles}
        except Exception as error:
            entry = cannot_be_used(entry, entry.picks, error)
            failed.append(entry)
    picked = entry if isinstance(entry, Picked) else None
    return TomogramRecord(
        tomogram=entry.tomogram,
        split=entry.split,
        num_picks=picked.counts if picked else {},
        num_truth=truth,
        mean_score=picked.mean_score if picked else None,
        warnings=entry.warnings,
        error=entry.error if isinstance(entry, Failed) else None,
    )


def _section(path: Path) -> dict[str, Any]:
    """Return one section's settings; a list is shown by its members' names."""
    value = read_json(path)
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {member["name"]: member for member in value}
    return {path.stem: value}


def _costs(
    folder: Path | None, method: str, trained: Sequence[str], shards: Sequence[str]
) -> dict[str, StageCost]:
    """Return what each stage took whose jobs left benchmark files.

    Of the sharded stages today's shards count: an earlier table's may lie there still.
    """
    if folder is None:
        return {}
    stages = (*BEFORE, *trained, *AFTER)
    paths = {stage: [cost_file(folder, method, stage)] for stage in stages}
    for stage, of in (("preprocess", ()), ("predict", (method,))):
        paths[stage] = [cost_file(folder, *of, stage, shard) for shard in shards]
    costs = {
        stage: stage_cost(
            row for path in paths[stage] if path.is_file() for row in read_rows(path)
        )
        for stage in stages
    }
    return {stage: cost for stage, cost in costs.items() if cost}


def _histograms(
    predicted: Predictions, particles: Sequence[Particle]
) -> dict[str, NDArray[np.int64]]:
    """Return each class's score histogram, summed over shards."""
    total = {p.name: score_histogram(np.zeros(0)) for p in particles}
    for histograms in predicted.histograms:
        for name, counts in histograms.items():
            total[name] += np.array(counts, np.int64)
    return total


def _pictures(
    entries: Sequence[Picked | Failed], failed: list[Failed]
) -> Iterator[Picture]:
    """Yield one tomogram's slab and picks at a time, those with truth first.

    Of those that fail here, which join `failed`, there is none.
    """
    picked = [entry for entry in entries if isinstance(entry, Picked)]
    picked.sort(key=lambda e: (e.split != "test", e.preprocessed.labels is None))
    for entry in picked:
        if entry.tomogram in [e.tomogram for e in failed]:
            continue
        try:
            picture = _picture(entry)
        except Exception as error:
            failed.append(cannot_be_used(entry, entry.picks, error))
        else:
            yield picture


def _picture(entry: Picked) -> Picture:
    before = entry.preprocessed
    # Lazy: only the slab is read.
    lazy = cast("NDArray[np.float32]", stored_volume(before))
    tomogram = Tomogram(name=entry.tomogram, volume=lazy, voxel_size=before.voxel_size)
    truth = read_picks(before.labels) if before.labels else None
    return make_picture(tomogram, read_picks(entry.picks), truth)
