import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from picker.__main__ import main
from picker.formats.picks.star import read_picks
from tests.slurm.cluster import Cluster, until
from tests.workflow.project import ONE_THREAD, SMALL

SPLITS = ["labeled", "labeled", *["unlabeled"] * 8, "test", "test"]
CONFIG = SMALL | {
    "tomograms": {"source": "table", "shard_size": 4},
    # Many small windows: a shard takes long enough to be hit in the middle of it.
    "predict": {
        "window_zyx": [24, 16, 16],
        "halo": 0,
        "precision": "float32",
        "min_score": 0.0,
    },
    # A model so little trained is sure of nothing; what it says must be compared all
    # the same.
    "pick": {"thresholds": {"ribosome": 0.005, "apo-ferritin": 0.005}},
    "export": {"targets": ["relion5"]},
}
QUICK = [
    *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"),
    # Sums in one order, so that picks can be compared to the last digit.
    *ONE_THREAD,
]
METHOD = "semietpicker"


class Project:
    """A folder made by `picker init`, in which the users' command is run."""

    def __init__(self, folder, until=()):
        self.folder = folder
        self.until = until
        self.process = None

    def command(self, *arguments):
        words = ("-m", "snakemake", "--profile", "slurm", *QUICK, *arguments)
        return [sys.executable, *words, *self.until]

    def run(self, *arguments):
        """Return the finished process and its whole output."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        done.stdout += done.stderr
        return done

    def succeed(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def start(self, *arguments):
        """Start the command and return at once."""
        with (self.folder / "run.log").open("a") as log:
            self.process = subprocess.Popen(
                self.command(*arguments), cwd=self.folder, stdout=log, stderr=log
            )

    def finish(self, seconds=300):
        """Wait for what was started and return its exit status."""
        return self.process.wait(seconds)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def path(self, *parts):
        return self.folder.joinpath("results", *parts)

    def change(self, section, **values):
        path = self.folder / "config.yaml"
        config = yaml.safe_load(path.read_text())
        config[section] = config.get(section, {}) | values
        path.write_text(yaml.safe_dump(config))

    def picks(self):
        """Return each tomogram's picks as plain values."""
        found = {}
        for path in sorted(self.path(METHOD, "picks").glob("*.star")):
            picks = read_picks(path)
            found[path.stem] = (
                picks.position_zyx.tolist(),
                picks.particle.tolist(),
                picks.score.tolist(),
            )
        return found

    def candidate_times(self):
        """Return when each tomogram's candidates were written [ns]."""
        paths = self.path(METHOD, "candidates").glob("*.star")
        return {path.stem: path.stat().st_mtime_ns for path in paths}

    def forget_predictions(self):
        """Go back to where the model is trained and nothing but noise is predicted."""
        for part in ("candidates", "picks", "evaluation", "export"):
            shutil.rmtree(self.path(METHOD, part))
        manifests = self.path(METHOD, "manifests")
        noisy = (manifests / "noisy.json").rename(manifests.with_name("noisy.json"))
        shutil.rmtree(manifests)
        manifests.mkdir()
        noisy.rename(manifests / "noisy.json")
        self.path(METHOD, "models", "thresholds.json").unlink()
        for name in ("report.html", "summary.txt"):
            self.path(name).unlink()

    def wait_for_candidates(self, number):
        until(
            lambda: len(self.candidate_times()) >= number,
            120,
            f"{number} tomograms predicted\n"
            + (self.folder / "run.log").read_text()[-3000:],
        )


def make_tomograms(folder):
    """Fill a folder with simulated MRC tomograms and their truth, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for section in ("particles", "simulate"):
        (folder / f"{section}.json").write_text(json.dumps(SMALL[section]))
    for number in range(len(SPLITS)):
        name = f"sim_{number:03d}"
        words = [
            *("simulate", "--name", name, "--index", number, "--settings"),
            *(folder / "particles.json", folder / "simulate.json"),
            *("--output", folder / f"{name}.mrc", "--truth", folder / f"{name}.star"),
        ]
        assert main([str(word) for word in words]) == 0
    return folder


def new_project(folder, tomograms):
    assert main(["init", str(folder)]) == 0
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    lines = ["tomogram\tpath\tsplit\tpicks"]
    for number, split in enumerate(SPLITS):
        name = f"sim_{number:03d}"
        picks = tomograms / f"{name}.star" if split != "unlabeled" else ""
        lines.append(f"{name}\t{tomograms / name}.mrc\t{split}\t{picks}")
    (folder / "tomograms.tsv").write_text("\n".join(lines) + "\n")
    return Project(folder)


@pytest.fixture(scope="session")
def cluster():
    # Not below pytest's folder, which munge's own user may not enter.
    slurm = Cluster(Path(tempfile.mkdtemp(prefix="slurm-")))
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        shutil.rmtree(slurm.base, ignore_errors=True)


@pytest.fixture(scope="session")
def tomograms(tmp_path_factory):
    return make_tomograms(tmp_path_factory.mktemp("tomograms"))


@pytest.fixture(scope="session")
def undisturbed(cluster, tomograms, tmp_path_factory):
    """A project that ran to its end on the cluster with nothing in its way."""
    project = new_project(tmp_path_factory.mktemp("whole") / "project", tomograms)
    started = time.monotonic()
    project.output = project.succeed()
    project.seconds = time.monotonic() - started
    return project


@pytest.fixture
def copy(undisturbed, cluster, tmp_path):
    """A finished project of one's own; no job is left behind."""
    shutil.copytree(undisturbed.folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    yield project
    if project.process and project.process.poll() is None:
        project.kill()
    cluster.cancel_all()


@pytest.fixture
def trained(copy):
    """A project with its model trained, and its tomograms not predicted.

    It runs until there are picks, which are what is compared: the four jobs after that
    would take a third of these tests' time.
    """
    copy.until = ("--until", "pick")
    copy.forget_predictions()
    return copy


@pytest.fixture
def fresh(cluster, tomograms, tmp_path):
    """A project in which nothing has run, with tomograms of its own."""
    own = tmp_path / "tomograms"
    shutil.copytree(tomograms, own)
    project = new_project(tmp_path / "project", own)
    yield project
    if project.process and project.process.poll() is None:
        project.kill()
    cluster.cancel_all()
