"""Planning: CPU-seconds and memory against the number of tomograms.

Projects of small placeholder files, which Snakemake marks as finished: a dry run that
finds nothing to do, and one of a fresh project.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from on_cpu.table import Row
from programs import ROOT, cost_of

from picker.config import Config
from picker.core.stamps import file_stamp
from picker.formats.tables.tomograms import read_table
from picker.project.layout import Results, picks_file, volume_file
from picker.project.manifests import write_manifest
from picker.project.plan import planned
from picker.project.records import Picked, Predicted, Preprocessed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from on_cpu.part import Job
    from programs import Cost

CONFIG = {
    "particles": [{"name": "ribosome", "radius": 120}],
    "tomograms": {"source": "table", "shard_size": 32},
    "export": {"targets": ["relion5"]},
}


def rows(job: Job) -> Iterator[Row]:
    """Yield what planning costs, for each number of tomograms."""
    for number in job.tomograms:
        folder = job.folder / f"{number}"
        folder.mkdir()
        yield from planned_cost(folder, number)
        shutil.rmtree(folder)


def snakemake(folder: Path, *arguments: str) -> Cost:
    """Return what Snakemake costs in a project."""
    return cost_of(
        *("snakemake", "--cores", "1"),
        *("--snakefile", ROOT / "Snakefile", "--directory", folder),
        *("--rerun-triggers", "mtime", "params", "input", *arguments),
    )


def make_finished(folder: Path, number: int) -> None:
    """Write what a finished project would hold."""
    splits = ["labeled"] * 5 + ["test"] * 8
    lines = ["tomogram\tpath\tsplit\tpicks"]
    (folder / "raw").mkdir()
    (folder / "raw" / "picks.star").touch()
    for i in range(number):
        split = splits[i] if i < len(splits) else "predict"
        (folder / "raw" / f"TS_{i}.mrc").touch()
        picks = "raw/picks.star" if i < len(splits) else ""
        lines.append(f"TS_{i}\traw/TS_{i}.mrc\t{split}\t{picks}")
    (folder / "tomograms.tsv").write_text("\n".join(lines) + "\n")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    settings = Config.model_validate(CONFIG)
    rows = read_table(folder / "tomograms.tsv", check_files=False)
    layout = Results(str(folder / "results"))
    plan = planned(settings, rows, layout)
    run = layout.run(settings.method)

    def put(path, text=""):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def made(path):
        """Put a file of a tomogram, and return how a manifest names it."""
        put(path)
        return path.relative_to(folder)

    preprocessed, predicted, picked = {}, {}, {}
    for row in rows:
        name = row.tomogram
        before = preprocessed[name] = Preprocessed(
            tomogram=name,
            split=row.split,
            stamps={str(row.path): file_stamp(folder / row.path)},
            volume=made(volume_file(Path(layout.volumes), name)),
            fingerprint="0" * 32,
            voxel_size=10.0,
            shape_zyx=(184, 630, 630),
            source_voxel_size=10.0,
            source_shape_zyx=(184, 630, 630),
        )
        predicted[name] = Predicted(
            preprocessed=before,
            candidates=made(picks_file(Path(run.candidates), name)),
            fingerprint="1" * 32,
        )
        picked[name] = Picked(
            preprocessed=before,
            picks=made(picks_file(Path(run.picks), name)),
            fingerprint="2" * 32,
            counts={"ribosome": 100},
            mean_score=0.5,
        )
    for section in settings.model_dump():
        put(layout.settings(section))
    for shard, members in plan.shards.items():
        names = [row.tomogram for row in members]
        put(layout.rows(shard), plan.rows_text(shard) + "\n")
        entries = [preprocessed[name] for name in names]
        write_manifest(Path(layout.preprocessed(shard)), entries)
        entries = [predicted[name] for name in names]
        write_manifest(Path(run.predicted(shard)), entries, model="m")
    write_manifest(Path(run.noisy), [], model="m")
    write_manifest(Path(run.picked), picked.values())
    for stage in ("evaluate", "label_next", "report", "export/relion5"):
        write_manifest(Path(run.failed(stage)), [])
    for path in (
        *(run.model("burn_in"), run.table("burn_in"), run.model("co_train")),
        *(run.table("co_train"), run.thresholds, run.ranking, run.estimate),
        *(run.metrics, run.curves, run.by_tomogram, layout.report, layout.summary),
    ):
        put(path)
    for path in (run.regions, run.export("relion5")):
        Path(path).mkdir(parents=True)


def planned_cost(folder: Path, number: int) -> Iterator[Row]:
    """Yield what planning so many tomograms costs, in an empty folder."""
    make_finished(folder, number)
    snakemake(folder, "--touch", "--quiet", "all")
    nothing = snakemake(folder, "--dry-run", "--quiet", "host")
    if "Nothing to be done" not in nothing.text:
        raise RuntimeError(f"there is something to do: {nothing.text[-3000:]}")
    results = folder / "results"
    names = [p.stem for p in results.glob("settings/tomograms/*.json")]
    plan = {"method": "semietpicker", "tomograms": number, "noisy": True}
    plan["shards"] = dict.fromkeys(names, 32)
    (results / "run.json").write_text(json.dumps(plan))
    status = cost_of("picker", "status", "--results", results)
    shutil.rmtree(results)
    shutil.rmtree(folder / ".snakemake")
    fresh = snakemake(folder, "--dry-run", "--quiet", "rules")
    # The table of jobs is in the output twice; local ones cost no queue.
    counts = dict(re.findall(r"(?m)^([a-z_]+) +(\d+)$", fresh.text))
    local = ("total", "all", "finish", "peak", "write_settings", "write_shard")
    jobs = sum(int(n) for rule, n in counts.items() if rule not in local)
    for what, value in {
        "submitted jobs": jobs,
        "plan all [CPU-seconds]": fresh.cpu,
        "plan all, peak memory [MB]": fresh.peak,
        "nothing to do [CPU-seconds]": nothing.cpu,
        "nothing to do, peak memory [MB]": nothing.peak,
        "`picker status` [CPU-seconds]": status.cpu,
    }.items():
        yield Row(name=f"{number:,} tomograms: {what}", rounds=(float(value),))
