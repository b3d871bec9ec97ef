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
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from picker.config import Config
from picker.core.stamps import file_stamp
from picker.formats.tables.tomograms import read_table
from picker.project.layout import Results, picks_file, volume_file
from picker.project.manifests import write_manifest
from picker.project.plan import planned
from picker.project.records import Picked, Predicted, Preprocessed

ROOT = Path(__file__).parents[2]
CONFIG = {
    "particles": [{"name": "ribosome", "radius": 120}],
    "export": {"targets": ["relion5"]},
}


def snakemake(folder, *arguments):
    """Return CPU-seconds, peak memory [MB] and output of Snakemake."""
    return measured(
        *("snakemake", "--cores", "1"),
        *("--snakefile", ROOT / "Snakefile", "--directory", folder),
        *("--rerun-triggers", "mtime", "params", "input", *arguments),
    )


def measured(*command):
    """Return CPU-seconds, peak memory [MB] and output of a module of Python."""
    watched = [
        sys.executable,
        "-c",
        "import resource, subprocess, sys;"
        "done = subprocess.run(sys.argv[1:]);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print('used', used.ru_utime + used.ru_stime, used.ru_maxrss // 1024);"
        "sys.exit(done.returncode)",
        *(sys.executable, "-m", *map(str, command)),
    ]
    done = subprocess.run(
        watched, capture_output=True, text=True, check=False, cwd=ROOT
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    (used,) = [line.split()[1:] for line in text.splitlines() if line[:5] == "used "]
    return float(used[0]), int(used[1]), text


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
    for path in (run.regions, run.export("relion5")):
        Path(path).mkdir(parents=True)


def plan_nothing(folder, number):
    """Return what `snakemake` returns where all is done, and seconds of the status."""
    snakemake(folder, "--touch", "--quiet", "all")
    seconds, peak, text = snakemake(folder, "--dry-run", "--quiet", "host")
    assert "Nothing to be done" in text, text[-3000:]
    results = folder / "results"
    names = [p.stem for p in (results / "settings/tomograms").glob("*.json")]
    plan = {"method": "semietpicker", "tomograms": number, "noisy": True}
    record = json.dumps(plan | {"shards": dict.fromkeys(names, 32)})
    (results / "run.json").write_text(record)
    status, _, _ = measured("picker", "status", "--results", results)
    shutil.rmtree(results)
    shutil.rmtree(folder / ".snakemake")
    return f"{seconds:8.1f}{peak:8}{status:8.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("numbers", nargs="*", type=int, default=[500, 5000], help="of tomograms")
    add("--shard-size", type=int, default=32, help="tomograms.shard_size")
    add("--fresh", action="store_true", help="measure no finished project")
    arguments = parser.parse_args()
    print("                         plan all      nothing to do  status")
    print("tomograms  shards  jobs  [s]    [MB]     [s]    [MB]     [s]")
    for number in arguments.numbers:
        folder = Path(tempfile.mkdtemp(prefix="scale-"))
        try:
            settings, rows = make_project(folder, number, arguments.shard_size)
            nothing = ""
            if not arguments.fresh:
                make_results(folder, settings, rows)
                nothing = plan_nothing(folder, number)
            again, fresh, text = snakemake(folder, "--dry-run", "--quiet", "rules")
            # The table of jobs is in the output twice; local ones cost no queue.
            counts = dict(re.findall(r"(?m)^([a-z_]+) +(\d+)$", text))
            local = ("total", "all", "finish", "peak", "write_settings", "write_shard")
            jobs = sum(int(n) for rule, n in counts.items() if rule not in local)
            shards = counts["preprocess"]
            print(
                f"{number:9}{shards:>8}{jobs:6}{again:6.1f}{fresh:8}{nothing}",
                flush=True,
            )
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
