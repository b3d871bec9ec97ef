"""The report: files that stages wrote, shown on a page that links to others."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from picker.core.files import write_text
from picker.core.fingerprint import fingerprint
from picker.core.picks import score_histogram
from picker.formats.tables.thresholds import Thresholds, read_thresholds
from picker.formats.tables.tsv import read_rows
from picker.jobs.class_pages import ClassPages
from picker.jobs.costs import stage_costs
from picker.jobs.failures import cannot_be_used
from picker.jobs.known_particles import known_particles
from picker.jobs.other_methods import other_methods
from picker.jobs.proposals_shown import shown_proposals
from picker.jobs.report_pages import write_pages
from picker.jobs.rounds_shown import rounds_shown
from picker.jobs.run_figure import figure_of
from picker.machine.progress import tracked
from picker.project.json_files import read_json
from picker.project.manifests import (
    Predictions,
    read_picked,
    read_predicted,
    write_manifest,
)
from picker.project.records import Failed, Picked
from picker.report.class_page import CLASSES
from picker.report.data import ReportData, TomogramRecord
from picker.report.page import render_report
from picker.report.run_pages import RunPages
from picker.report.tables import (
    counts_by_tomogram,
    curve_columns,
    reproducibility_columns,
    training_columns,
)
from picker.scoring.reliability import held_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import EvaluateSettings, Particle, PickSettings
    from picker.project.layout import Results


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
    rounds
        Table of rounds of answers.
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
    rounds: Path | None = None
    costs: Path | None = None
    settings: Sequence[Path] = ()


def write_report(
    files: ReportFiles,
    output: Path,
    method: str,
    particles: tuple[Particle, ...],
    *,
    pages: Path,
    pick: PickSettings,
    evaluate: EvaluateSettings,
    max_pictures: int,
    table: Path | None = None,
    results: Results | None = None,
    notes: Sequence[str] = (),
    failed: Path | None = None,
) -> None:
    """Write the page, and the folder of pages that it links to.

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
    pages
        Folder to write, with a page for each tomogram that is drawn and, where there
        are thresholds, for each class.
    pick, evaluate
        Which candidates are picks, and which picks are right.
    max_pictures
        At most this many tomograms are drawn.
    table
        The run's tomograms, which tells its rounds of answers from others; None: it
        has none.
    results
        The project's, whose other methods are compared on the pages of classes, as
        they are at the moment; None: no method is.
    notes
        Lines under the headline.
    failed
        Manifest to write of the tomograms that could not be read.

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
    evaluation = {path.stem: path for path in files.evaluation}
    metrics = evaluation.get("metrics")
    label_next = _rows(files.label_next)
    now = figure_of(files.evaluation, files.reproducibility, files.halves)
    run = RunPages(
        method=method,
        run=_run_id(predictions.model, output),
        particles=particles,
        thresholds={**thresholds.lowest, **pick.thresholds},
        set_thresholds=pick.thresholds,
        distance_per_radius=evaluate.distances_per_radius[0],
        report=_address(output, pages),
    )
    # Without thresholds a candidate cannot be told from a pick.
    candidates = predictions.tomograms if files.thresholds else ()
    classes = []
    if files.thresholds and max_pictures:
        halves = read_predicted(files.halves).tomograms
        others = other_methods(results, method, particles) if results else []
        classes.append(ClassPages(run, candidates, halves, others, pick))
    thumbnails = write_pages(
        *(pages, run, entries, candidates, pick, failures),
        most=max_pictures,
        collectors=classes,
    )
    proposals = shown_proposals(
        *(files.training, entries, particles),
        evaluate.distances_per_radius[0],
        failures,
    )
    data = ReportData(
        method=method,
        particles=particles,
        tomograms=records,
        settings={path.stem: _section(path) for path in files.settings},
        training={p.stem: training_columns(read_rows(p)) for p in files.training},
        histograms=_histograms(predictions, particles),
        thresholds=run.thresholds,
        rules={n: value.model_dump() for n, value in thresholds.particles.items()},
        metrics=read_json(metrics) if metrics else None,
        curves=curve_columns(_rows(evaluation.get("curves"))),
        by_tomogram=counts_by_tomogram(_rows(evaluation.get("by_tomogram"))),
        reliability=held_out(thresholds.model_dump()["particles"]),
        estimate=_rows(files.estimate),
        reproducibility=reproducibility_columns(_rows(files.reproducibility)),
        label_next=[row["tomogram"] for row in label_next],
        regions=_rows(files.regions),
        rounds=rounds_shown(files.rounds, table, method, now)
        if files.rounds and table
        else (),
        measured=now.text if now else "",
        costs=stage_costs(files.costs, method, files.predicted, files.training),
        thumbnails=thumbnails,
        proposals=proposals,
        pages=_address(pages, output.parent),
        classes={
            p.name: _address(pages / CLASSES / f"{p.name}.html", output.parent)
            for p in particles
            if classes
        },
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
    if isinstance(entry, Picked) and entry.preprocessed.labels:
        try:
            truth = known_particles(entry.preprocessed)
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
        is_partial=entry.split in ("partial", "reviewed"),
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


def _histograms(
    predictions: Predictions, particles: Sequence[Particle]
) -> dict[str, NDArray[np.int64]]:
    """Return each class's score histogram, summed over shards."""
    total = {p.name: score_histogram(np.zeros(0)) for p in particles}
    for histograms in predictions.histograms:
        for name, counts in histograms.items():
            total[name] += np.array(counts, np.int64)
    return total


def _address(path: Path, folder: Path) -> str:
    """Return the address of a file on a page that lies in a folder."""
    return quote(os.path.relpath(path, folder))


def _run_id(model: str, output: Path) -> str:
    """Return what tells one project's run from others.

    Browsers keep answers under it, and may show pages of several projects.
    """
    return fingerprint(model, output.parent.resolve())[:16]
