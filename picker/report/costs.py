"""What the jobs of a stage took: wall time and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCost:
    """What the jobs of one stage took.

    Attributes
    ----------
    num_jobs
        Number of jobs, each counted once, by its last run.
    seconds, longest
        Wall time of all jobs together and of the longest one [s].
    memory
        Largest resident memory of a job [MB]; None if none ran long enough to tell.
    """

    num_jobs: int
    seconds: float
    longest: float
    memory: float | None


def stage_cost(rows: Iterable[Mapping[str, str | None]]) -> StageCost | None:
    """Return what jobs took; None if no row is complete.

    Parameters
    ----------
    rows
        One of each job, from its Snakemake benchmark file: `s` is its wall time [s],
        `max_rss` its memory [MB]. Rows that are cut short are left out.
    """
    known = [row for row in rows if row.get("s") and row.get("max_rss")]
    if not known:
        return None
    seconds = [float(row["s"] or 0) for row in known]
    # Snakemake does not measure the memory of jobs that end within seconds.
    memory = [m for row in known if (m := row["max_rss"]) not in ("-", "NA", None)]
    return StageCost(
        num_jobs=len(known),
        seconds=sum(seconds),
        longest=max(seconds),
        memory=max(map(float, memory)) if memory else None,
    )
