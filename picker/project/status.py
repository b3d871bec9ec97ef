"""How far a project is: what is done, what runs and what failed, with the reasons.

Reads only what jobs leave in the results folder: manifests of what is done, claims of
what is being computed, logs. It asks no cluster and computes nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from picker.project.claims import claim_path, owner_of
from picker.project.layout import DONE, Results
from picker.project.manifests import read_failed
from picker.project.planned_jobs import planned_jobs
from picker.project.run_record import read_run_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picker.project.layout import Run
    from picker.project.planned_jobs import Job
    from picker.project.run_record import RunRecord

LAST_LINES = 5
"""Lines of a failed job's log that are shown."""
BEGINS = 600
"""Time [s] that a job may take to load its libraries, with an empty log."""
QUIET = 30
"""Time [s] without a new line in its log after which a job without a claim is dead."""
FAILED_LATER = ("evaluate", "label_next", "reproducibility")
"""Stages behind the picks that write a manifest of what they could not use."""
SHOWN = 20
"""Jobs of one stage and state that are shown; the others are counted."""


@dataclass(kw_only=True, slots=True)
class Tally:
    """The jobs of a stage, counted by state."""

    done: int = 0
    running: list[str] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    gone: list[Job] = field(default_factory=list)
    """Jobs whose result was made and has been deleted since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """How many jobs of a stage are planned, and how many are in each state."""

    stage: str
    planned: int
    done: int
    running: int
    failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How far a project is.

    Attributes
    ----------
    record
        What its last run is.
    counts
        One for each stage, in their order.
    lines
        What runs, what failed and why, and tomograms that cannot be used.
    """

    record: RunRecord
    counts: tuple[Count, ...]
    lines: tuple[str, ...]

    @property
    def head(self) -> str:
        """What the run is, in words."""
        record = self.record
        return (
            f"{record.tomograms} tomograms in {len(record.shards)} shards, method"
            f" {record.method}"
        )


def read_begun_run(folder: Path) -> RunRecord:
    """Return the record of a project's last run.

    Raises
    ------
    ValueError
        If nothing has run there, or it is damaged.
    """
    path = Path(Results(str(folder)).record)
    if not path.is_file():
        raise ValueError(
            f"no run.json in {folder}: nothing has run there yet; name the folder"
            " with --results"
        )
    return read_run_record(path)


def read_status(folder: Path, *, is_over: bool | None = None) -> Status:
    """Return the state of a project.

    Parameters
    ----------
    folder
        Its results.
    is_over
        Whether the run is known to have ended; None: what its record says.

    Raises
    ------
    ValueError
        If nothing has run there, or its record is damaged.
    """
    results = Results(str(folder))
    record_path = Path(results.record)
    record = read_begun_run(folder)
    begun = record_path.stat().st_mtime
    run = results.run(record.method)
    stages = planned_jobs(results, run, record)
    over = record.is_over if is_over is None else is_over
    tallies = {stage: _tally(jobs, begun, over=over) for stage, jobs in stages.items()}
    return Status(
        record=record,
        counts=tuple(
            Count(
                stage=stage,
                planned=len(stages[stage]),
                done=tally.done,
                running=len(tally.running),
                failed=len(tally.failed),
            )
            for stage, tally in tallies.items()
        ),
        lines=(*_told(tallies), *_unusable(stages, run)),
    )


def status_lines(folder: Path) -> Iterator[str]:
    """Yield the state of a project, line by line; errors as `read_status`."""
    status = read_status(folder)
    yield status.head
    wide = max(16, *(len(one.stage) for one in status.counts))
    yield f"{'stage':{wide}}{'done':>14}{'running':>9}{'failed':>8}"
    for one in status.counts:
        done = f"{one.done} of {one.planned}"
        yield f"{one.stage:{wide}}{done:>14}{one.running:>9}{one.failed:>8}"
    yield from status.lines


def _told(tallies: dict[str, Tally]) -> Iterator[str]:
    """Yield what runs, and what failed with the end of its log."""
    for stage, tally in tallies.items():
        for line in tally.running[:SHOWN]:
            yield f"running  {stage} {line}"
        yield from _more(tally.running)
        for job in tally.failed[:SHOWN]:
            yield f"failed   {stage} {job.name}".rstrip() + f", log {job.log}:"
            yield from (f"           {line}" for line in _last_lines(job.log))
        yield from _more(tally.failed)
        for job in tally.gone[:SHOWN]:
            yield f"deleted  {stage} {job.name}".rstrip() + f": {job.result} was made"
        yield from _more(tally.gone)


def _more(items: Sequence[object]) -> Iterator[str]:
    if len(items) > SHOWN:
        yield f"           and {len(items) - SHOWN} more"


def _unusable(stages: dict[str, list[Job]], run: Run) -> Iterator[str]:
    """Yield the tomograms that failed, with the stage and its reason."""
    seen = set()
    exports = Path(run.failed("export/*"))
    paths = {
        **{
            s: [job.result for job in stages[s]]
            for s in ("preprocess", "predict", "link")
            if s in stages
        },
        "pick": [Path(run.picked)],
        **{stage: [Path(run.failed(stage))] for stage in FAILED_LATER},
        "export": sorted(exports.parent.glob(exports.name)),
        "report": [Path(run.failed("report"))],
    }
    for stage, manifests in paths.items():
        for path in manifests:
            if not path.exists():
                continue
            try:
                entries = read_failed(path)
            except ValueError as error:
                yield f"damaged  {stage}: {str(error).splitlines()[0]}"
                continue
            for entry in entries:
                if entry.tomogram not in seen:
                    seen.add(entry.tomogram)
                    again = "; tried again by the next run" if entry.retry else ""
                    yield f"unusable {entry.tomogram} ({stage}): {entry.error}{again}"


def _tally(jobs: list[Job], begun: float, *, over: bool) -> Tally:
    """Return the jobs' states, in a run that began at a time [s] and may be over.

    A log without a result is a failure if this run wrote it. Once the run is over, a
    job without a claim does not begin any more: it was cancelled before it could log
    anything.
    """
    tally = Tally()
    now = time.time()
    for job in jobs:
        owner = owner_of(job.claimed)
        if owner is not None:
            last = _last_lines(job.log)[-1:] or ["begins"]
            tally.running.append(f"{job.name} ({owner}): {last[0]}".lstrip())
        elif job.result.exists():
            tally.done += 1
        elif job.log.exists() and (log := job.log.stat()).st_mtime >= begun:
            is_dead = claim_path(job.claimed).exists()
            if any(DONE in line for line in _last_lines(job.log)[-1:]):
                tally.gone.append(job)
            elif not (is_dead or over) and _may_be_alive(job.log, now - log.st_mtime):
                tally.running.append(f"{job.name} begins".lstrip())
            else:
                tally.failed.append(job)
    return tally


def _may_be_alive(log: Path, quiet: float) -> bool:
    """Return whether a job without a claim may be alive; its log is quiet for [s]."""
    last = _last_lines(log)
    if not last:
        return quiet < BEGINS
    return quiet < QUIET and not any(word in last[-1] for word in ("rror: ", "stopped"))


def _last_lines(log: Path) -> list[str]:
    """Return the last lines of a log; only its end is read."""
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        text = file.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()][-LAST_LINES:]
