"""Planning: CPU-seconds and memory against the number of tomograms."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from on_cpu.table import Row
from scale import plans_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from on_cpu.part import Job


def rows(job: Job) -> Iterator[Row]:
    """Yield what planning costs, for each number of tomograms."""
    for number in job.tomograms:
        folder = job.folder / f"{number}"
        folder.mkdir()
        plans = plans_of(folder, number)
        shutil.rmtree(folder)
        assert plans.nothing is not None
        assert plans.status is not None
        for what, value in {
            "submitted jobs": plans.jobs,
            "plan all [CPU-seconds]": plans.fresh.cpu,
            "plan all, peak memory [MB]": plans.fresh.peak,
            "nothing to do [CPU-seconds]": plans.nothing.cpu,
            "nothing to do, peak memory [MB]": plans.nothing.peak,
            "`picker status` [CPU-seconds]": plans.status.cpu,
        }.items():
            yield Row(name=f"{number:,} tomograms: {what}", rounds=(float(value),))
