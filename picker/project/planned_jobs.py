"""The jobs of a run, stage by stage: what each makes, claims and logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from picker.project.layout import Results, Run
    from picker.project.run_record import RunRecord


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


def planned_jobs(results: Results, run: Run, record: RunRecord) -> dict[str, list[Job]]:
    """Return the jobs of each stage of a run, in the order of the stages."""

    def single(result: str, stage: str) -> list[Job]:
        return _single(run, result, stage)

    members = {
        f"{name} {stage}": jobs
        for name, trained in record.members.items()
        for stage, jobs in _finding_jobs(results.run(name), record, trained).items()
    }
    stages = {
        "preprocess": [
            Job(
                name=shard,
                result=Path(results.preprocessed(shard)),
                log=Path(results.log("preprocess", shard)),
            )
            for shard in record.shards
        ],
        **members,
        **_finding_jobs(run, record, record.stages),
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


def _finding_jobs(
    run: Run, record: RunRecord, trained: Iterable[str]
) -> dict[str, list[Job]]:
    """Return a run's jobs from training to thresholds, stage by stage."""
    training = {
        stage: [
            Job(
                result=Path(run.model(stage)),
                log=Path(run.log(stage)),
                claims=run.checkpoint(stage),
            )
        ]
        for stage in trained
    }
    found = {
        "": {shard: run.predicted(shard) for shard in record.shards},
        "_noisy": {"": run.noisy} if record.noisy else {},
        "_halves": {shard: run.halves(shard) for shard in record.halves},
    }

    def jobs(stage: str, results: Mapping[str, str]) -> list[Job]:
        return [
            Job(
                name=name,
                result=Path(result),
                log=Path(run.log(stage, name) if name else run.log(stage)),
            )
            for name, result in results.items()
        ]

    finding = {f"predict{of}": jobs(f"predict{of}", m) for of, m in found.items()}
    if run.name in record.linked:
        # What predicts only detects.
        linking = {f"link{of}": jobs(f"link{of}", m) for of, m in found.items()}
        finding = {
            f"predict{of}": jobs(
                f"predict{of}", {name: run.detected(path) for name, path in m.items()}
            )
            for of, m in found.items()
        } | linking
    return {
        **training,
        **finding,
        "calibrate": _single(run, run.thresholds, "calibrate"),
    }


def _single(run: Run, result: str, stage: str) -> list[Job]:
    """Return the one job of a stage."""
    return [Job(result=Path(result), log=Path(run.log(stage)))]
