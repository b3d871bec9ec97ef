"""Show on one page what ran, how training went, what was found and how good it is.

The page holds its pictures and loads nothing from anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from picker.config import ReportSettings, TomogramsSettings
from picker.draw import Picture, make_picture
from picker.formats.ome_zarr import open_volume
from picker.formats.star import read_picks
from picker.formats.thresholds import Thresholds, read_thresholds
from picker.formats.tsv import read_rows
from picker.machine.progress import tracked
from picker.picks import score_histogram
from picker.reliability import held_out
from picker.report import (
    ReportData,
    StageCost,
    TomogramRecord,
    counts_by_tomogram,
    curve_columns,
    render_report,
    stage_cost,
    training_columns,
)
from picker.tomogram import Tomogram
from picker.verbs.common import (
    Entry,
    Manifest,
    add_failed,
    add_settings,
    cannot_be_used,
    read_json,
    read_manifests,
    read_particles,
    read_predicted,
    read_section,
    write_manifest,
    write_text,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle


STAGES = (
    *("preprocess", "burn_in", "co_train", "predict", "predict_noisy"),
    *("calibrate", "pick", "evaluate"),
)
"""Those that cost something, in their order."""


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
    entries = read_manifests(arguments.picks)
    if arguments.thresholds and not arguments.candidates:
        raise ValueError(
            "--thresholds needs --candidates, which say whose scores they cut"
        )
    manifests, model = read_predicted(arguments.candidates)
    names = [particle.name for particle in particles]
    thresholds = (
        read_thresholds(arguments.thresholds, model, names)
        if arguments.thresholds
        else Thresholds(model=model, particles={})
    )
    failed: list[Entry] = []
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
        histograms=_histograms(manifests, particles),
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
    entry: Entry, particles: Sequence[Particle], failed: list[Entry]
) -> TomogramRecord:
    """Return what the page says of a tomogram; one that fails here joins `failed`."""
    truth = None
    if entry.labels and not entry.error:
        try:
            known = read_picks(entry.labels)
            truth = {p.name: len(known.of(p.name)) for p in particles}
        except Exception as error:
            entry = cannot_be_used(entry, error)
            failed.append(entry)
    return TomogramRecord(
        tomogram=entry.tomogram,
        split=entry.split,
        num_picks=entry.counts,
        num_truth=truth,
        mean_score=entry.mean_score,
        warnings=entry.warnings,
        error=entry.error,
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
    folder: Path | None, method: str, shards: Sequence[str]
) -> dict[str, StageCost]:
    """Return what each stage took whose jobs left benchmark files.

    Of the sharded stages today's shards count: an earlier table's may lie there still.
    """
    if folder is None:
        return {}
    paths = {stage: [folder / method / f"{stage}.tsv"] for stage in STAGES}
    for stage, of in (("preprocess", folder), ("predict", folder / method)):
        paths[stage] = [of / stage / f"{shard}.tsv" for shard in shards]
    costs = {
        stage: stage_cost(
            row for path in paths[stage] if path.is_file() for row in read_rows(path)
        )
        for stage in STAGES
    }
    return {stage: cost for stage, cost in costs.items() if cost}


def _histograms(
    manifests: Iterable[Manifest], particles: Sequence[Particle]
) -> dict[str, NDArray[np.int64]]:
    """Return each class's score histogram, summed over shards."""
    total = {p.name: score_histogram(np.zeros(0)) for p in particles}
    for manifest in manifests:
        for name, counts in manifest.histograms.items():
            total[name] += np.array(counts, np.int64)
    return total


def _pictures(entries: Sequence[Entry], failed: list[Entry]) -> Iterator[Picture]:
    """Yield one tomogram's slab and picks at a time, those with truth first.

    Of those that fail here, which join `failed`, there is none.
    """
    for entry in sorted(entries, key=lambda e: (e.split != "test", e.labels is None)):
        if entry.error or entry.tomogram in [e.tomogram for e in failed]:
            continue
        try:
            picture = _picture(entry)
        except Exception as error:
            failed.append(cannot_be_used(entry, error))
        else:
            yield picture


def _picture(entry: Entry) -> Picture:
    volume, voxel_size, _ = open_volume(entry.volume)
    lazy = cast("NDArray[np.float32]", volume)  # only the slab is read
    tomogram = Tomogram(name=entry.tomogram, volume=lazy, voxel_size=voxel_size)
    truth = read_picks(entry.labels) if entry.labels else None
    return make_picture(tomogram, read_picks(entry.path), truth)
