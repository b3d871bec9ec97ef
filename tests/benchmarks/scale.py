"""Planning: CPU-seconds and memory against the number of tomograms.

Makes projects of small placeholder files, lets Snakemake mark them as finished, and
measures a dry run that finds nothing to do, and one of a fresh project.

    python tests/benchmarks/scale.py 500 5000 50000
    python tests/benchmarks/scale.py 500000 --shard-size 256
    python tests/benchmarks/scale.py 500000 --fresh
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

# The repository need not be installed.
sys.path.insert(0, str(Path(__file__).parents[2]))

from programs import ROOT, Cost, cost_of

from picker.config import Config
from picker.core.stamps import file_stamp
from picker.formats.tables.tomograms import read_table
from picker.project.layout import Results, picks_file, volume_file
from picker.project.manifests import write_manifest
from picker.project.plan import planned
from picker.project.records import Picked, Predicted, Preprocessed

CONFIG = {
    "particles": [{"name": "ribosome", "radius": 120}],
    "export": {"targets": ["relion5"]},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plans:
    """What planning a project costs.

    Attributes
    ----------
    shards, jobs
        Their numbers; jobs are those that are submitted.
    fresh, nothing, status
        Of planning all, of finding nothing to do, and of `picker status`.
    """

    shards: int
    jobs: int
    fresh: Cost
    nothing: Cost | None
    status: Cost | None


def snakemake(folder: Path, *arguments: str) -> Cost:
    """Return what Snakemake costs in a project."""
    return cost_of(
        *("snakemake", "--cores", "1"),
        *("--snakefile", ROOT / "Snakefile", "--directory", folder),
        *("--rerun-triggers", "mtime", "params", "input", *arguments),
    )


def make_project(folder, number, shard_size):
    """Write so many tomograms, their table and settings; return settings and rows."""
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
    config = CONFIG | {"tomograms": {"source": "table", "shard_size": shard_size}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rows = read_table(folder / "tomograms.tsv", check_files=False)
    return Config.model_validate(config), rows


def make_results(folder, settings, rows):
    """Write what the project would hold if it were finished."""
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
    for path in (run.regions, run.export("relion5"), layout.pages):
        Path(path).mkdir(parents=True)


def plan_nothing(folder: Path, number: int) -> tuple[Cost, Cost]:
    """Return what planning and status cost where all is done; then nothing is."""
    snakemake(folder, "--touch", "--quiet", "all")
    nothing = snakemake(folder, "--dry-run", "--quiet", "host")
    if "Nothing to be done" not in nothing.text:
        raise RuntimeError(f"there is something to do: {nothing.text[-3000:]}")
    results = folder / "results"
    names = [p.stem for p in (results / "settings/tomograms").glob("*.json")]
    plan = {"method": "semietpicker", "tomograms": number, "noisy": True}
    record = json.dumps(plan | {"shards": dict.fromkeys(names, 32)})
    (results / "run.json").write_text(record)
    status = cost_of("picker", "status", "--results", results)
    shutil.rmtree(results)
    shutil.rmtree(folder / ".snakemake")
    return nothing, status


def plans_of(
    folder: Path, number: int, shard_size: int = 32, *, finished: bool = True
) -> Plans:
    """Return what planning so many tomograms costs, in an empty folder.

    Parameters
    ----------
    folder, number, shard_size
        Where the project is made, its tomograms, and those of a shard.
    finished
        Whether the finished project is measured too.
    """
    settings, rows = make_project(folder, number, shard_size)
    nothing = status = None
    if finished:
        make_results(folder, settings, rows)
        nothing, status = plan_nothing(folder, number)
    fresh = snakemake(folder, "--dry-run", "--quiet", "rules")
    # The table of jobs is in the output twice; local ones cost no queue.
    counts = dict(re.findall(r"(?m)^([a-z_]+) +(\d+)$", fresh.text))
    local = ("total", "all", "finish", "peak", "write_settings", "write_shard")
    jobs = sum(int(n) for rule, n in counts.items() if rule not in local)
    return Plans(
        shards=int(counts["preprocess"]),
        jobs=jobs,
        fresh=fresh,
        nothing=nothing,
        status=status,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("numbers", nargs="*", type=int, default=[500, 5000], help="of tomograms")
    add("--shard-size", type=int, default=32, help="tomograms.shard_size")
    add("--fresh", action="store_true", help="measure no finished project")
    arguments = parser.parse_args()
    print("                         plan all      nothing to do  status")
    print("tomograms  shards  jobs  [s]    [MB]     [s]    [MB]     [s]")
    for number in arguments.numbers:
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            finished = not arguments.fresh
            plans = plans_of(
                Path(name), number, arguments.shard_size, finished=finished
            )
        line = f"{number:9}{plans.shards:8}{plans.jobs:6}"
        line += f"{plans.fresh.cpu:6.1f}{plans.fresh.peak:8.0f}"
        if plans.nothing and plans.status:
            line += f"{plans.nothing.cpu:8.1f}{plans.nothing.peak:8.0f}"
            line += f"{plans.status.cpu:8.1f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
