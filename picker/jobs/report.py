"""The report: files that stages wrote, read and shown on one page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import numpy as np

from picker.config import PickSettings
from picker.core.files import write_text
from picker.core.picks import score_histogram
from picker.core.tomogram import Tomogram
from picker.formats.picks.star import read_picks
from picker.formats.tables.thresholds import Thresholds, read_thresholds
from picker.formats.tables.tsv import read_rows
from picker.jobs.class_pages import write_pages_of_classes
from picker.jobs.failures import cannot_be_used
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
from picker.report.costs import StageCost, stage_cost
from picker.report.data import ReportData, TomogramRecord
from picker.report.page import render_report
from picker.report.pictures import Picture, make_picture
from picker.report.slab import side_view
from picker.report.tables import (
    counts_by_tomogram,
    curve_columns,
    reproducibility_columns,
    training_columns,
)
from picker.scoring.reliability import held_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle

BEFORE = ("preprocess",)
AFTER = (
    *("predict", "predict_noisy", "predict_halves", "calibrate", "pick", "evaluate"),
    "reproducibility",
)
"""Stages whose costs are shown, before and after training, in the order they run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFiles:
    """What the page is made from; what is missing is left out of it.

    Attributes
    ----------
    picked, predicted
        Manifests of picks, and of the candidates that histograms are made from.
    thresholds
        JSON of the calibration; needs `predicted`, whose scores they are of.
    training
        Logs of training, one a stage.
    evaluation
        `metrics.json`, `curves.tsv` and `by_tomogram.tsv`.
    estimate, label_next
        Tables that picking wrote: precision and recall to expect, and tomograms
        without labels.
    regions
        Table of regions to label next.
    reproducibility
        Table of what is found again in the other half.
    halves
        Manifests of the candidates of halves, for pages of classes.
    costs
        Folder of Snakemake's benchmark files.
    settings
        JSON, one a section.
    """

    picked: Sequence[Path]
    predicted: Sequence[Path] = ()
    thresholds: Path | None = None
    training: Sequence[Path] = ()
    evaluation: Sequence[Path] = ()
    estimate: Path | None = None
    label_next: Path | None = None
    regions: Path | None = None
    reproducibility: Path | None = None
    halves: Sequence[Path] = ()
    costs: Path | None = None
    settings: Sequence[Path] = ()


def write_report(
    files: ReportFiles,
    output: Path,
    method: str,
    particles: tuple[Particle, ...],
    *,
    max_pictures: int,
    notes: Sequence[str] = (),
    failed: Path | None = None,
    pages: Path | None = None,
    picking: PickSettings | None = None,
) -> None:
    """Write the page, and those that it links to.

    A tomogram whose picks, labels or volume cannot be read is recorded, and the page
    is made without what is missing.

    Parameters
    ----------
    files
        What it is made from.
    output
        HTML to write.
    method
        Name of the method.
    particles
        The classes.
    max_pictures
        At most this many tomograms are drawn.
    notes
        Lines under the headline.
    failed
        Manifest to write of the tomograms that could not be read.
    pages
        Folder of the pages of classes; needs `files.predicted` and thresholds. None:
        there are none.
    picking
        Edge margin, and thresholds that take precedence.

    Raises
    ------
    ValueError
        If a manifest or table cannot be used, or thresholds and candidates are of
        different models.
    """
    entries = read_picked(files.picked)
    predictions = read_predicted(files.predicted)
    thresholds = (
        read_thresholds(
            files.thresholds, predictions.model, [p.name for p in particles]
        )
        if files.thresholds
        else Thresholds(model=predictions.model, particles={})
    )
    failures: list[Failed] = []
    records = [
        _record(entry, particles, failures)
        for entry in tracked(entries, "report", len(entries), "tomograms")
    ]
    classes = (
        write_pages_of_classes(
            _drawn(entries, failures)[:max_pictures],
            predictions,
            read_predicted(files.halves),
            pages,
            method=method,
            particles=particles,
            thresholds=thresholds.lowest,
            picking=picking or PickSettings(),
            failures=failures,
        )
        if pages
        else []
    )
    evaluation = {path.stem: path for path in files.evaluation}
    metrics = evaluation.get("metrics")
    label_next = _rows(files.label_next)
    data = ReportData(
        method=method,
        particles=particles,
        tomograms=records,
        settings={path.stem: _section(path) for path in files.settings},
        training={p.stem: training_columns(read_rows(p)) for p in files.training},
        histograms=_histograms(predictions, particles),
        thresholds=thresholds.lowest,
        rules={n: value.model_dump() for n, value in thresholds.particles.items()},
        metrics=read_json(metrics) if metrics else None,
        curves=curve_columns(_rows(evaluation.get("curves"))),
        by_tomogram=counts_by_tomogram(_rows(evaluation.get("by_tomogram"))),
        reliability=held_out(thresholds.model_dump()["particles"]),
        estimate=_rows(files.estimate),
        reproducibility=reproducibility_columns(_rows(files.reproducibility)),
        label_next=[row["tomogram"] for row in label_next],
        regions=_rows(files.regions),
        costs=_costs(files, method),
        classes={
            p.stem: quote(p.relative_to(output.parent).as_posix()) for p in classes
        },
        pictures=_pictures(entries, failures),
        max_pictures=max_pictures,
        notes=notes,
    )
    write_text(output, render_report(data))
    if failed:
        write_manifest(failed, failures)


def _rows(path: Path | None) -> list[dict[str, str]]:
    """Return the rows of a table, none without one."""
    return read_rows(path) if path else []


def _record(
    entry: Picked | Failed, particles: Sequence[Particle], failures: list[Failed]
) -> TomogramRecord:
    """Return what the page's tables show of a tomogram; a failure joins `failures`."""
    num_truth = None
    if isinstance(entry, Picked) and (labels := entry.preprocessed.labels):
        try:
            truth = read_picks(labels)
            num_truth = {p.name: len(truth.of(p.name)) for p in particles}
        except Exception as error:
            entry = cannot_be_used(entry, entry.picks, error)
            failures.append(entry)
    picked = entry if isinstance(entry, Picked) else None
    return TomogramRecord(
        tomogram=entry.tomogram,
        split=entry.split,
        num_picks=picked.counts if picked else {},
        num_truth=num_truth,
        is_partial=entry.split == "partial",
        mean_score=picked.mean_score if picked else None,
        chance_right=_chance_right(picked) if picked else None,
        warnings=entry.warnings,
        error=entry.error if isinstance(entry, Failed) else None,
    )


def _chance_right(picked: Picked) -> float | None:
    """Return which fraction of picks should be right, of classes where one knows."""
    right = sum(number for number, _ in picked.expected.values())
    num_picks = sum(picked.counts[name] for name in picked.expected)
    return right / num_picks if num_picks else None


def _section(path: Path) -> Mapping[str, Any]:
    """Return one section's settings; members of a list by their names."""
    value = read_json(path)
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {member["name"]: member for member in value}
    return {path.stem: value}


def _costs(files: ReportFiles, method: str) -> dict[str, StageCost]:
    """Return what each stage took whose jobs left benchmark files.

    Of stages in shards only the shards of this run count: files of an earlier table's
    shards may still be there.
    """
    if files.costs is None:
        return {}
    shards = [path.stem for path in files.predicted]
    stages = (*BEFORE, *(path.stem for path in files.training), *AFTER)
    paths = {stage: [cost_file(files.costs, method, stage)] for stage in stages}
    for job in (("preprocess",), (method, "predict"), (method, "predict_halves")):
        paths[job[-1]] = [cost_file(files.costs, *job, shard) for shard in shards]
    costs = {
        stage: stage_cost(
            row for path in paths[stage] if path.is_file() for row in read_rows(path)
        )
        for stage in stages
    }
    return {stage: cost for stage, cost in costs.items() if cost}


def _histograms(
    predictions: Predictions, particles: Sequence[Particle]
) -> dict[str, NDArray[np.int64]]:
    """Return each class's score histogram, summed over shards."""
    total = {p.name: score_histogram(np.zeros(0)) for p in particles}
    for histograms in predictions.histograms:
        for name, counts in histograms.items():
            total[name] += np.array(counts, np.int64)
    return total


def _pictures(
    entries: Sequence[Picked | Failed], failures: list[Failed]
) -> Iterator[Picture]:
    """Yield one tomogram's picture at a time, those with known particles first.

    A tomogram whose picture cannot be made has none and joins `failures`.
    """
    for entry in _drawn(entries, failures):
        try:
            picture = _picture(entry)
        except Exception as error:
            failures.append(cannot_be_used(entry, entry.picks, error))
        else:
            yield picture


def _drawn(
    entries: Sequence[Picked | Failed], failures: Sequence[Failed]
) -> list[Picked]:
    """Return the tomograms that can be drawn, those with known particles first."""
    bad = {failure.tomogram for failure in failures}
    picked = [e for e in entries if isinstance(e, Picked) and e.tomogram not in bad]
    picked.sort(key=lambda e: (e.split != "test", e.preprocessed.labels is None))
    return picked


def _picture(entry: Picked) -> Picture:
    before = entry.preprocessed
    # A lazy array, of which only the slab is read.
    volume = cast("NDArray[np.float32]", stored_volume(before))
    tomogram = Tomogram(
        name=entry.tomogram, volume=volume, voxel_size=before.voxel_size
    )
    truth = read_picks(before.labels) if before.labels else None
    picks = read_picks(entry.picks)
    is_partial = entry.split == "partial"
    picture = make_picture(tomogram, picks, truth, is_partial=is_partial)
    side = side_view(tomogram, before.slab) if before.slab else None
    return replace(picture, side=side)
