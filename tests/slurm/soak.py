"""Kill one small pipeline again and again, at random, and count what is lost.

    python -m tests.slurm.soak 100

Each round lets the users' command work for some seconds, then kills snakemake, a job or
a node's step, or puts a job back into the queue. Finished tomograms must stay as they
are, and each pipeline that comes to its end must have the undisturbed run's picks.
"""

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from picker.training.checkpoint import load_checkpoint
from tests.slurm.cluster import Cluster, kill_tree, output
from tests.slurm.conftest import CONFIG, METHOD, make_tomograms, new_project

STEPS = {stage: CONFIG[stage]["steps"] for stage in ("burn_in", "co_train")}


def kill_main(project, cluster, rng):
    project.kill()


def cancel_job(project, cluster, rng):
    subprocess.run(["scancel", rng.choice(list(cluster.jobs("running")))], check=False)


def kill_job(project, cluster, rng):
    number = rng.choice(list(cluster.jobs("running")))
    for step in output("pgrep", "-f", rf"slurmstepd: \[{number}\.").split():
        kill_tree(int(step))


def requeue_job(project, cluster, rng):
    number = rng.choice(list(cluster.jobs("running")))
    subprocess.run(["scontrol", "requeue", number], check=False)


FAULTS = (kill_main, cancel_job, kill_job, requeue_job)


def made(project):
    """Return when each file that costs computing was written [ns].

    A model is written again from its finished checkpoint if Snakemake was killed before
    it took note of it; that costs nothing, so the checkpoints are looked at.
    """
    volumes = project.path("tomograms").glob("*.zarr")
    times = {f"volumes/{p.name}": p.stat().st_mtime_ns for p in volumes}
    for path in project.path(METHOD, "checkpoints").glob("*.pt"):
        state = load_checkpoint(path)
        if state is not None and state["step"] == STEPS[path.stem]:
            times[f"checkpoints/{path.name}"] = path.stat().st_mtime_ns
    return times | {f"candidates/{k}": v for k, v in project.candidate_times().items()}


def soak(kills, seed, folder, cluster):
    rng = random.Random(seed)
    tomograms = make_tomograms(folder / "tomograms")
    whole = new_project(folder / "whole", tomograms)
    whole.succeed()
    expected = whole.picks()
    counts = Counter()
    project, valid = None, {}
    for number in range(1, kills + 1):
        if project is None:
            project = new_project(folder / f"run{counts['pipelines']}", tomograms)
            valid = {}
        if project.process is None or project.process.poll() is not None:
            project.start()
        time.sleep(rng.uniform(1, 20))
        if project.process.poll() is None:
            fault = rng.choice(FAULTS if cluster.jobs("running") else FAULTS[:1])
            fault(project, cluster, rng)
            counts[fault.__name__] += 1
        now = made(project)
        lost = sorted(valid.keys() - now.keys())
        again = sorted(k for k, v in valid.items() if now.get(k, v) != v)
        counts["lost"] += len(lost)
        counts["recomputed"] += len(again)
        valid |= now
        if project.path("summary.txt").exists() and project.process.poll() == 0:
            counts["pipelines"] += 1
            counts["wrong picks"] += project.picks() != expected
            shutil.rmtree(project.folder)
            project = None
        print(number, dict(counts), *lost, *again, flush=True)
    if project is not None:
        if project.process.poll() is None:
            project.finish(900)
        project.succeed()
        counts["pipelines"] += 1
        counts["wrong picks"] += project.picks() != expected
    print(f"{kills} rounds:", dict(counts))
    return counts


def main(kills, seed=0):
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    folder.chmod(0o755)
    cluster = Cluster(folder / "cluster")
    try:
        cluster.start()
        counts = soak(kills, seed, folder, cluster)
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return int(bool(counts["lost"] or counts["recomputed"] or counts["wrong picks"]))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
