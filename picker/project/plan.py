"""What a run is to make: its shards, its manifests and what is promised besides."""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISLNK
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from picker.config import TomogramRow
from picker.config.base import FEEDBACK, UNFINISHED
from picker.config.benchmark import variants_of
from picker.config.methods import METHODS
from picker.config.micrographs import refuse_method_of_tomograms
from picker.config.tomograms import LISTED
from picker.core.files import written_whole
from picker.project.halves import halved_shards, refuse_without_halves
from picker.project.imported import refuse_missing_imports
from picker.project.json_files import read_record
from picker.project.partial import refuse_unfit
from picker.project.planned_run import PlannedRun
from picker.project.rounds import rounds_beside
from picker.project.run_record import RunRecord
from picker.project.shards import shards_from_rows
from picker.project.surroundings import refuse_unknown_distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import Config, Split
    from picker.project.layout import Results, Run

SIMULATED: tuple[Split, ...] = ("labeled", "validation", "unlabeled", "test")
"""Splits of phantoms, in the order in which they are made."""
ROWS = TypeAdapter(list[TomogramRow])
FOUND = "found"
"""Name of the file of all rows, beside those of the shards."""


def simulated_rows(config: Config, results: Results) -> tuple[TomogramRow, ...]:
    """Return the rows of the phantoms that the simulator will make.

    Their truth is known; methods that learn without it do not read it.
    """
    counts = config.simulate.model_dump()

    def half(name: str, which: int) -> Path | None:
        is_there = config.simulate.halves
        return Path(results.simulated_halves(name)[which]) if is_there else None

    splits = [split for split in SIMULATED for _ in range(counts[split])]
    return tuple(
        TomogramRow(
            tomogram=name,
            path=Path(results.simulated(name)),
            split=split,
            picks=(Path(results.simulated_truth(name)),),
            even=half(name, 0),
            odd=half(name, 1),
            dimensions=config.tomograms.dimensions,
        )
        for name, split in ((f"sim_{i:03d}", split) for i, split in enumerate(splits))
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What follows from the settings and the tomograms."""

    config: Config
    rows: tuple[TomogramRow, ...]
    shards: dict[str, list[TomogramRow]]
    """Shard: its rows."""
    results: Results
    halved: dict[str, int]
    """Shard: of how many of its tomograms the halves are predicted to measure
    reproducibility; shards without any are left out."""
    variants: dict[str, Config]
    """Variant of a method: the settings with its changes."""

    @property
    def run(self) -> Run:
        """The run of the method that the settings name."""
        return self.results.run(self.config.method)

    @property
    def feedback(self) -> Split:
        """The split that thresholds are chosen on: where all particles are known.

        Without such tomograms it is the one where a part of them is.
        """
        splits = {row.split for row in self.rows}
        return next((split for split in FEEDBACK if split in splits), "labeled")

    @property
    def copies(self) -> Literal["noise", "halves"] | None:
        """What is predicted to calibrate on beside labeled tomograms, if these do."""
        labeled = [row for row in self.rows if row.split == "labeled"]
        if self.feedback != "labeled" or not labeled:
            return None
        copies = self.config.calibrate.copies
        if copies == "auto":
            return "halves" if all(row.halves for row in labeled) else "noise"
        return copies

    @property
    def evaluated(self) -> Split:
        """The split whose known particles the picks are compared with."""
        known = {row.split for row in self.rows if row.picks}
        order: tuple[Split, ...] = ("test", "validation", "partial")
        return next((split for split in order if split in known), "validation")

    @property
    def truth_is_known(self) -> bool:
        """Whether there are known particles to compare picks with."""
        split = self.evaluated
        return any(row.split == split and row.picks for row in self.rows)

    @property
    def regions_are_left(self) -> bool:
        """Whether there is a tomogram that nobody labeled, or not to the end."""
        return any(row.split in UNFINISHED for row in self.rows)

    def of(self, name: str) -> PlannedRun:
        """Return a run of a name: the settings' method, or a cell of the benchmark."""
        return PlannedRun(plan=self, run=self.results.run(name))

    def cells(self) -> list[Run]:
        """Return the benchmark's runs: each method, number of labels and seed.

        Variants are further methods, but for those that are tuned and else the same.
        """
        benchmark = self.config.benchmark
        others = [v for v, made in benchmark.variants.items() if set(made) != {"tune"}]
        return self._cells((*benchmark.methods, *others))

    def tuned_cells(self) -> list[Run]:
        """Return the runs of the benchmark whose settings are tuned."""
        variants = self.config.benchmark.variants
        return self._cells([name for name, made in variants.items() if "tune" in made])

    def _cells(self, names: Sequence[str]) -> list[Run]:
        """Return runs of methods or variants, with each number of labels and seed."""
        benchmark = self.config.benchmark
        return [
            self.results.cell(labeled, seed, name)
            for name in names
            for labeled in benchmark.labeled
            for seed in benchmark.seeds
        ]

    def shard_names(self, *splits: Split) -> list[str]:
        """Return the shards of some splits, or of all."""
        return [s for s in self.shards if not splits or s.split("-")[0] in splits]

    def failed(self) -> list[str]:
        """Return the manifests of what failed behind the picks."""
        stages = ["report", *(f"export/{name}" for name in self.config.targets)]
        stages += ["evaluate"] if self.truth_is_known else []
        stages += ["label_next"] if self.regions_are_left else []
        stages += ["reproducibility"] if self.halved else []
        return [self.run.failed(stage) for stage in stages]

    def every_manifest(self) -> list[str]:
        """Return the manifests of all stages."""
        ours = self.of(self.run.name)
        preprocessed = map(self.results.preprocessed, self.shard_names())
        return [*preprocessed, *ours.manifests(), *self.failed()]

    def compared(self) -> list[Run]:
        """Return the benchmark's runs, whose methods can all be compared here.

        Raises
        ------
        ValueError
            If one cannot find in these tomograms, see `refuse_method_of_tomograms`.
        """
        cells = self.cells()
        for cell in cells:
            section = "variants" if cell.variant else "methods"
            refuse_method_of_tomograms(
                self.of(cell.name).config,
                cell.method,  # type: ignore[arg-type]
                f"benchmark.{section}",
            )
        return cells

    def cells_manifests(self) -> list[str]:
        """Return the manifests of the benchmark's cells."""
        cells = dict.fromkeys([*self.cells(), *self.tuned_cells()])
        return [m for cell in cells for m in self.of(cell.name).manifests()]

    def evaluation(self) -> list[str]:
        """Return the files of the comparison with known particles, if there are any."""
        run = self.run
        files = [run.metrics, run.curves, run.by_tomogram]
        return files if self.truth_is_known else []

    def regions(self) -> list[str]:
        """Return the folder that says what to label next, if anything is left."""
        return [self.run.regions] if self.regions_are_left else []

    def reproducibility(self) -> list[str]:
        """Return the table of what is found again in the other half, if there are."""
        return [self.run.reproducibility] if self.halved else []

    def rounds(self) -> list[str]:
        """Return the table of rounds of answers, if the run's table is of one."""
        return rounds_beside(self.config.tomograms)

    def every_result(self) -> list[str]:
        """Return what is promised besides, so that each is missed if deleted alone.

        But for the models, which are made again when something needs them.
        """
        run = self.run
        return [
            *(run.thresholds, run.ranking, run.estimate),
            *(run.export(target) for target in self.config.targets),
            *self.evaluation(),
            *self.regions(),
            *self.reproducibility(),
        ]

    def files(self, shard: str) -> list[str]:
        """Return every file that one shard's tomograms are read from."""
        return [str(path) for row in self.shards.get(shard, []) for path in row.files]

    def newer_files(self, shard: str) -> list[str]:
        """Return those of a shard's files that its manifest may be older than.

        Of a file that is older than the shard's rows and its manifest the workflow need
        not know. As inputs, 50,000 files take Snakemake 3 s and 90 MB. Phantoms are
        made by jobs, so they are all named. Rows that are about to be written again
        will be newer than all files; with some of these the next run would see other
        inputs, and run the shard once more.
        """
        files = self.files(shard)
        if not files or self.config.tomograms.source == "simulate":
            return files
        rows = Path(self.results.rows(shard))
        if not rows.is_file() or rows.read_text() != self.rows_text(shard) + "\n":
            return []
        written = rows.stat().st_mtime_ns
        manifest = Path(self.results.preprocessed(shard))
        if manifest.is_file():
            # Rows of the same content may have been written after it, to Snakemake
            # unchanged: by a run that was stopped before it came to the manifest.
            written = min(written, manifest.stat().st_mtime_ns)
        return [file for file in files if _changed(file) > written]

    def rows_text(self, shard: str) -> str:
        """Return one shard's rows as JSON, without what is left at its default."""
        return ROWS.dump_json(self.shards[shard], exclude_defaults=True).decode()

    def write_found(self) -> None:
        """Write the tomograms down for this run's jobs: more may arrive meanwhile."""
        if self.config.tomograms.source in LISTED:
            with written_whole(Path(self.results.rows(FOUND))) as temporary:
                temporary.write_bytes(ROWS.dump_json(list(self.rows)))

    def place(self, tomogram: str) -> int:
        """Return which of all tomograms one is, from 0."""
        return [row.tomogram for row in self.rows].index(tomogram)

    def names_digest(self, split: Split) -> str:
        """Return a short text that changes when a split's list of tomograms does."""
        names = sorted(row.tomogram for row in self.rows if row.split == split)
        return f"{zlib.crc32(' '.join(names).encode()):08x}"

    def record(self) -> RunRecord:
        """Return what is planned, for a `picker status` beside the run."""
        ours = self.of(self.run.name)
        return RunRecord(
            method=self.run.name,
            stages=ours.trained(),
            members={one.run.name: one.trained() for one in ours.members},
            linked=tuple(r.run.name for r in (ours, *ours.members) if r.row.links),
            tomograms=len(self.rows),
            noisy=self.copies == "noise",
            halves=tuple(self.of(self.run.name).halved()),
            reproducibility=bool(self.halved),
            evaluated=self.truth_is_known,
            targets=self.config.targets,
            shards={shard: len(rows) for shard, rows in self.shards.items()},
        )


def _changed(file: str) -> float:
    """Return when a file was written, or a link to it made [ns]; inf: it is missing."""
    try:
        stat = os.lstat(file)  # a third of the time that a Path of each would take
        target = Path(file).stat() if S_ISLNK(stat.st_mode) else stat
    except OSError:
        return math.inf
    return max(stat.st_mtime_ns, target.st_mtime_ns)


def found_rows(results: Results) -> tuple[TomogramRow, ...]:
    """Return the tomograms that the run at work, or the last one, found in a project.

    Raises
    ------
    FileNotFoundError
        If none has run.
    ValueError
        If the file is damaged.
    """
    rows = read_record(Path(results.rows(FOUND)), ROWS, "the tomograms of a run")
    return tuple(rows)


def planned(config: Config, rows: Sequence[TomogramRow], results: Results) -> Plan:
    """Return what a run is to make of the tomograms.

    Raises
    ------
    ValueError
        If the method cannot be trained on them, or thresholds cannot be chosen, see
        `refuse_unfit`, `refuse_without_halves` and `refuse_unknown_distances`.
    """
    for name in config.finding(config.method):
        refuse_unfit(name, rows)
    if METHODS[config.method].votes:
        refuse_missing_imports(config)
    shards = shards_from_rows(rows, config.tomograms.shard_size)
    plan = Plan(
        config=config,
        rows=tuple(rows),
        shards=shards,
        results=results,
        halved=halved_shards(config, shards),
        variants=variants_of(config),
    )
    if plan.copies == "halves":
        refuse_without_halves(rows)
    for one in (config, *plan.variants.values()):
        refuse_unknown_distances(one, rows, plan.feedback)
    return plan
