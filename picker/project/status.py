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
from picker.project.run_record import read_run_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from picker.project.layout import Run
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job of a stage, with the paths of its result, its claim and its log."""

    result: Path
    log: Path
    name: str = ""
    claims: str | None = None
    """The file that it claims, if that is not the result."""

    @property
    def claimed(self) -> Path:
        """The file that it claims."""
        return Path(self.claims) if self.claims else self.result


@dataclass(kw_only=True, slots=True)
class Tally:
    """The jobs of a stage, counted by state."""

    done: int = 0
    running: list[str] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    gone: list[Job] = field(default_factory=list)
    """Jobs whose result was made and has been deleted since."""


def status_lines(folder: Path) -> Iterator[str]:
    """Yield the state of a project, line by line.

    Raises
    ------
    ValueError
        If nothing has run there.
    """
    results = Results(str(folder))
    record_path = Path(results.record)
    if not record_path.is_file():
        raise ValueError(
            f"no run.json in {folder}: nothing has run there yet; name the folder"
            " with --results"
        )
    record = read_run_record(record_path)
    begun = record_path.stat().st_mtime
    run = results.run(record.method)
    stages = planned_jobs(results, run, record)
    over = record.is_over
    tallies = {stage: _tally(jobs, begun, over=over) for stage, jobs in stages.items()}
    num_shards = len(record.shards)
    yield f"{record.tomograms} tomograms in {num_shards} shards, method {run.name}"
    yield f"{'stage':16}{'done':>14}{'running':>9}{'failed':>8}"
    for stage, tally in tallies.items():
        done = f"{tally.done} of {len(stages[stage])}"
        yield f"{stage:16}{done:>14}{len(tally.running):>9}{len(tally.failed):>8}"
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
    yield from _unusable(stages, run)


def planned_jobs(results: Results, run: Run, record: RunRecord) -> dict[str, list[Job]]:
    """Return the jobs of each stage of a run, in the order of the stages."""

    def single(result: str, stage: str) -> list[Job]:
        return [Job(result=Path(result), log=Path(run.log(stage)))]

    def training(stage: str) -> list[Job]:
        return [
            Job(
                result=Path(run.model(stage)),
                log=Path(run.log(stage)),
                claims=run.checkpoint(stage),
            )
        ]

    stages = {
        "preprocess": [
            Job(
                name=shard,
                result=Path(results.preprocessed(shard)),
                log=Path(results.log("preprocess", shard)),
            )
            for shard in record.shards
        ],
        **{stage: training(stage) for stage in record.stages},
        "predict": [
            Job(
                name=shard,
                result=Path(run.predicted(shard)),
                log=Path(run.log("predict", shard)),
            )
            for shard in record.shards
        ],
        "predict_noisy": single(run.noisy, "predict_noisy") if record.noisy else [],
        "predict_halves": [
            Job(
                name=shard,
                result=Path(run.halves(shard)),
                log=Path(run.log("predict_halves", shard)),
            )
            for shard in record.halves
        ],
        "calibrate": single(run.thresholds, "calibrate"),
        "pick": single(run.picked, "pick"),
        "evaluate": single(run.metrics, "evaluate") if record.evaluated else [],
        "reproducibility": (
            single(run.reproducibility, "reproducibility")
            if record.reproducibility
            else []
        ),
        "export": [
            Job(
                name=target,
                result=Path(run.export(target)),
                log=Path(run.log("export", target)),
            )
            for target in record.targets
        ],
        "report": single(results.report, "report"),
        "finish": single(results.summary, "finish"),
    }
    return {
        stage: jobs
        for stage, jobs in stages.items()
        if jobs or stage in ("preprocess", "predict")
    }


def _more(items: Sequence[object]) -> Iterator[str]:
    if len(items) > SHOWN:
        yield f"           and {len(items) - SHOWN} more"


def _unusable(stages: dict[str, list[Job]], run: Run) -> Iterator[str]:
    """Yield the tomograms that failed, with the stage and its reason."""
    seen = set()
    exports = Path(run.failed("export/*"))
    paths = {
        **{s: [job.result for job in stages[s]] for s in ("preprocess", "predict")},
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
