"""Say what is done, what runs and what failed, with the reasons.

Reads what the jobs leave in the results folder: manifests of what is done, claims of
what is being worked at, logs. It asks no cluster and computes nothing.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from picker.claim import claim_path, is_alive, owner_of
from picker.config.said import printable
from picker.verbs.common import DONE, read_as, read_manifest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

LAST_LINES = 5
"""Lines of a failed job's log that are shown."""
BEGINS = 600
"""Time [s] that a job may take to load its libraries, its log empty until then."""
QUIET = 30
"""Time [s] after which a log that ends without an error is taken for a dead job's."""
LOGS = {
    "summary": "finish",
    "noisy": "predict_noisy",
    "thresholds": "calibrate",
    "metrics": "evaluate",
}
"""Result: name of its log where that is another."""
SHOWN = 20
"""Failures of one kind that are shown; the others are counted."""


class Plan(BaseModel):
    """What a run says of itself in run.json."""

    model_config = ConfigDict(frozen=True)

    method: str
    tomograms: int
    noisy: bool
    shards: dict[str, int]
    evaluated: bool = False
    targets: tuple[str, ...] = ()
    host: str | None = None
    pid: int | None = None
    started: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job of a stage: where its result, its claim and its log are."""

    name: str
    result: Path
    log: Path
    claimed: Path
    tomograms: int = 0


@dataclass(kw_only=True, slots=True)
class Tally:
    """How far a stage is."""

    done: int = 0
    tomograms: int = 0
    running: list[str] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    gone: list[Job] = field(default_factory=list)
    """Made, and deleted since."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="default: ./results"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the state of a project.

    Raises
    ------
    ValueError
        If nothing has run there.
    """
    results = arguments.results
    if not (results / "run.json").is_file():
        raise ValueError(
            f"no run.json in {results}: nothing has run there yet; name the folder"
            " with --results"
        )
    plan = read_as(results / "run.json", Plan, "what a run says of itself")
    try:
        sys.stdout.writelines(f"{printable(line)}\n" for line in _lines(results, plan))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough, as `head`; nor shall Python say so as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(results: Path, plan: Plan) -> Iterator[str]:
    shards, targets = plan.shards, plan.targets
    method = results / plan.method
    logs = results / "logs"
    stages = {
        "preprocess": [
            _shard_job(results / "manifests/preprocess", logs / "preprocess", name, num)
            for name, num in shards.items()
        ],
        "burn_in": [_training(method, logs / method.name, "burn_in")],
        "co_train": [_training(method, logs / method.name, "co_train")],
        "predict": [
            _shard_job(
                method / "manifests/predict", logs / method.name / "predict", name, num
            )
            for name, num in shards.items()
        ],
        "predict_noisy": [_single(method / "manifests/noisy.json", logs / method.name)],
        "calibrate": [_single(method / "models/thresholds.json", logs / method.name)],
        "pick": [_single(method / "manifests/pick.json", logs / method.name)],
        "evaluate": [_single(method / "evaluation/metrics.json", logs / method.name)],
        "export": [
            Job(
                name=target,
                result=method / "export" / target,
                log=logs / method.name / "export" / f"{target}.log",
                claimed=method / "export" / target,
            )
            for target in targets
        ],
        "report": [_single(results / "report.html", logs / method.name)],
        "finish": [_single(results / "summary.txt", logs / method.name)],
    }
    for stage, planned in (
        ("predict_noisy", plan.noisy),
        ("evaluate", plan.evaluated),
        ("export", targets),
    ):
        if not planned:
            del stages[stage]
    begun = (results / "run.json").stat().st_mtime
    over = _is_over(plan)
    tallies = {stage: _tally(jobs, begun, over=over) for stage, jobs in stages.items()}
    yield f"{plan.tomograms} tomograms in {len(shards)} shards, method {method.name}"
    yield f"{'stage':14}{'done':>14}{'running':>9}{'failed':>8}"
    for stage, tally in tallies.items():
        done = f"{tally.done} of {len(stages[stage])}"
        yield f"{stage:14}{done:>14}{len(tally.running):>9}{len(tally.failed):>8}"
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
    yield from _unusable(stages, method)


def _is_over(plan: Plan) -> bool:
    """Return whether the run is known to have ended; one on another host never is."""
    here = plan.host == socket.gethostname()
    if not here or plan.pid is None or plan.started is None:
        return False
    return not is_alive(plan.pid, plan.started)


def _more(items: list[object] | list[str] | list[Job]) -> Iterator[str]:
    if len(items) > SHOWN:
        yield f"           and {len(items) - SHOWN} more"


def _unusable(stages: dict[str, list[Job]], method: Path) -> Iterator[str]:
    """Yield the tomograms that failed, with the stage that says why."""
    seen = set()
    picked = method / "manifests/pick.json"
    paths = {
        **{s: [job.result for job in stages[s]] for s in ("preprocess", "predict")},
        "pick": [picked],
        **{s: [picked.with_name(f"{s}.json")] for s in ("evaluate", "label_next")},
        "export": sorted(picked.parent.glob("export/*.json")),
        "report": [picked.with_name("report.json")],
    }
    for stage, manifests in paths.items():
        for path in manifests:
            if not path.exists():
                continue
            try:
                entries = read_manifest(path).tomograms
            except ValueError as error:
                yield f"damaged  {stage}: {str(error).splitlines()[0]}"
                continue
            for entry in entries:
                if entry.error and entry.tomogram not in seen:
                    seen.add(entry.tomogram)
                    again = "; tried again by the next run" if entry.retry else ""
                    yield f"unusable {entry.tomogram} ({stage}): {entry.error}{again}"


def _shard_job(manifests: Path, logs: Path, name: str, tomograms: int) -> Job:
    result = manifests / f"{name}.json"
    return Job(
        name=name,
        result=result,
        log=logs / f"{name}.log",
        claimed=result,
        tomograms=tomograms,
    )


def _training(method: Path, logs: Path, stage: str) -> Job:
    model = "burn_in" if stage == "burn_in" else "model"
    return Job(
        name="",
        result=method / f"models/{model}.safetensors",
        log=logs / f"{stage}.log",
        claimed=method / f"checkpoints/{stage}.pt",
    )


def _single(result: Path, logs: Path) -> Job:
    log = LOGS.get(result.stem, result.stem)
    return Job(name="", result=result, log=logs / f"{log}.log", claimed=result)


def _tally(jobs: list[Job], begun: float, *, over: bool) -> Tally:
    """Count; a log without a result is a failure if it is of this run, begun [s].

    Once the run is over a job without a claim does not begin any more: it was
    cancelled before it could say a word.
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
            elif not (is_dead or over) and _goes_on(job.log, now - log.st_mtime):
                tally.running.append(f"{job.name} begins".lstrip())
            else:
                tally.failed.append(job)
    return tally


def _goes_on(log: Path, quiet: float) -> bool:
    """Return whether a job that has no claim yet may be alive, by its log's silence."""
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
