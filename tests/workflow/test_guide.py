"""Every command of the README and the guide, run in a small project of one's own."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial import cKDTree

from picker.config import Config, Particle, SimulateSettings
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.volumes import mrc, ome_zarr
from picker.volumes.phantoms.simulate import simulate_tomogram
from tests.workflow.project import ONE_THREAD, ROOT, SMALL

GUIDE = ROOT / "docs" / "guide"
PAGES = [ROOT / "README.md", *sorted(GUIDE.glob("*.md"))]
BLOCK = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
VOXEL_SIZE = 10.012
TARGETS = ["copick", "kaggle", "relion3", "relion4", "relion5", "warp"]
"""What is exported where nobody says otherwise."""
RELION = "RELION is no package of Python"


@dataclass(frozen=True)
class Instead:
    """Why a command is not run here, and what is run in its place.

    Where nothing is, its files below results/ must be there all the same.
    """

    reason: str
    command: str = ""


NOT_RUN = {
    "make setup": Instead("it makes the environment of the tests", "make -n setup"),
    "make demo": Instead("test_pipeline.py runs a smaller one", "make -n demo"),
    "make test": Instead("this is one of them", "make -n test"),
    "source .venv/bin/activate": Instead("the tests' environment is active"),
    "python3 -m venv .venv": Instead("as make setup"),
    "pip install -r envs/cuda.txt": Instead(
        "gigabytes", "ls envs/cuda.txt envs/slurm.txt"
    ),
    "snakemake --profile slurm": Instead(
        "needs a cluster; tests/slurm has one", "snakemake --profile slurm --dry-run"
    ),
    "relion_tomo_subtomo": Instead(RELION),
    "relion_tomo_import_particles": Instead(RELION),
    "relion_preprocess": Instead(f"{RELION}; tests/relion runs it"),
    "relion_reconstruct": Instead(f"{RELION}; tests/relion runs it"),
    "WarpTools": Instead("runs on a GPU under Linux, from conda"),
    "MTools": Instead("as WarpTools"),
    "3dmod": Instead("opens a window"),
    "python -c 'import copick": Instead("not installed; tests/relion runs it"),
}
"""What the beginning of a command says; the longest that fits counts."""


def blocks(kind):
    """Return the fenced blocks of a kind, as (page, text)."""
    return [
        pytest.param(text, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, (language, text) in enumerate(BLOCK.findall(page.read_text()), 1)
        if language == kind
    ]


def commands(text):
    """Return the commands of a block of bash, one string each."""
    lines = text.replace("\\\n", " ").splitlines()
    parts = (part.strip() for line in lines for part in line.split(" && "))
    return [" ".join(part.split()) for part in parts if part]


def not_run(command):
    """Return the key of NOT_RUN that a command begins with, or None."""
    keys = [key for key in NOT_RUN if command.startswith(key)]
    return max(keys, key=len, default=None)


def table(page):
    """Return the rows of the first table of tomograms on a page."""
    text = page.read_text()
    lines = text[text.index("| tomogram | path |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose my_project has what the page your-data.md tells to put there.

    Table and YAML are those of the page; all else is as small as can be.
    """
    folder = tmp_path_factory.mktemp("home")
    project = folder / "my_project"
    new_project(folder, "my_project")
    page = GUIDE / "your-data.md"
    header, _, *rows = table(page)
    lines = ["\t".join(cells) for cells in (header, *rows)]
    (project / "tomograms.tsv").write_text("\n".join(lines) + "\n")
    (shown,) = (
        text for kind, text in BLOCK.findall(page.read_text()) if kind == "yaml"
    )
    targets = ["copick", "dynamo", "imod", "kaggle", "relion3", "relion4", "relion5"]
    config = {
        **yaml.safe_load(shown),
        **{key: SMALL[key] for key in ("model", "train", "burn_in", "predict")},
        "co_train": SMALL["co_train"],
        "pretrain": {"proposals": "blobs", "steps": 5},
        "tomograms": {"source": "table"},
        "export": {"targets": [*targets, "warp"]},
    }
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    names = [particle["name"] for particle in config["particles"]]
    for number, cells in enumerate(rows):
        row = dict(zip(header, cells, strict=True))
        write_tomogram(folder, project, row, names, number)
    (project / "clicks.coords").write_text("100 200 150\n300 310 140\n")
    run(folder, project, "snakemake --profile local")
    (project / "review.json").write_text(json.dumps(answered(project, "TS_02")))
    return folder


def new_project(home, name):
    """Make a project as a user does; its jobs have a thread each."""
    run(home, ROOT, f"picker init ~/{name}")
    profile = home / name / "local" / "config.yaml"
    threads = dict(one.split("=") for one in ONE_THREAD[1:])
    with profile.open("a") as file:
        file.write(yaml.safe_dump({"set-threads": threads}))


def answered(project, tomogram):
    """Return what a page saves when its best candidate was called wrong."""
    found = read_picks(project / f"results/semietpicker/candidates/{tomogram}.star")
    answer = {
        "tomogram": tomogram,
        "particle": str(found.particle[0]),
        "position": found.position_zyx[0][::-1].tolist(),
        "score": float(found.score[0]),
        "answer": "wrong",
    }
    return {
        "picker_review": 1,
        "method": "semietpicker",
        "run": "1",
        "answers": [answer],
    }


def write_tomogram(home, project, row, names, index):
    """Write the volume, the picks and the mask that a row of the table names."""
    config = Config.model_validate(
        {
            "particles": [{"name": name, "radius": 50} for name in names],
            "simulate": SMALL["simulate"] | {"voxel_size": VOXEL_SIZE},
        }
    )
    tomogram, picks = simulate_tomogram(
        row["tomogram"], index, config.particles, config.simulate
    )
    volume, mask = project / row["path"], project / row["mask"]
    volume.parent.mkdir(exist_ok=True)
    if volume.suffix == ".zarr":
        ome_zarr.write_volume(volume, tomogram.volume, VOXEL_SIZE, {})
    else:
        mrc.write_volume(volume, tomogram.volume, VOXEL_SIZE)
    if row["mask"]:
        mask.parent.mkdir(exist_ok=True)
        mrc.write_volume(mask, np.ones(tomogram.volume.shape, np.int8), VOXEL_SIZE)
    files = [project / name for name in row["picks"].split(";") if name]
    for file, particle in zip(files, names, strict=False):
        file.parent.mkdir(exist_ok=True)
        if file.suffix == ".star":
            write_picks(file, picks)
            continue
        # One file for each class, as copick has it.
        apart = project / f"{file.stem}.star"
        write_picks(apart, picks.of(particle))
        name = row["tomogram"]
        to = f"--to copick --output {file} --name {name} --tomogram {volume}"
        run(home, project, f"picker convert {apart} {to}")


def run(home, folder, command):
    """Run a command as a user does, whose home this is, and return what it prints."""
    place = Path(sys.executable).parent
    environment = os.environ | {
        "HOME": str(home),
        "PATH": f"{place}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(home / ".cache"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (
        f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )
    return done.stdout


@pytest.mark.parametrize("text", blocks("bash"))
def test_commands_run(home, text):
    project = home / "my_project"
    script = []
    for command in commands(text):
        key = not_run(command)
        if key is None:
            script.append(command)
        elif instead := NOT_RUN[key].command:
            place = project if instead.startswith("snakemake") else ROOT
            script.append(f"(cd {shlex.quote(str(place))} && {instead})")
        for word in shlex.split(command):
            if word.startswith("results/") and "export" in word:
                assert list(project.glob(word.rstrip("/"))), word
    run(home, ROOT if text.startswith("make") else project, "\n".join(script) or "true")


def test_the_report_shows_what_became_of_proposals(home):
    page = (home / "my_project" / "results" / "report.html").read_text()
    assert "1. Proposals" in page
    assert "2. What the network finds after pretrain" in page
    assert re.search(r"3\. Final picks</b><br>\s+\d+ in the tomogram", page)
    assert "pretrain <span" in page


def test_the_settings_without_labels_make_picks(tmp_path):
    """The page's block is the whole of them, but for phantoms that are small."""
    project = tmp_path / "without_labels"
    new_project(tmp_path, "without_labels")
    page = (GUIDE / "labels.md").read_text()
    (shown,) = (text for kind, text in BLOCK.findall(page) if kind == "yaml")
    (project / "config.yaml").write_text(shown)
    particles = tuple(
        Particle.model_validate(p) for p in yaml.safe_load(shown)["particles"]
    )
    simulated = SimulateSettings(shape_zyx=(40, 96, 96), snr=(1.0, 1.0))
    tomogram, truth = simulate_tomogram("TS_01", 0, particles, simulated)
    mrc.write_volume(project / "TS_01.mrc", tomogram.volume, tomogram.voxel_size)
    (project / "tomograms.tsv").write_text(
        "tomogram\tpath\tsplit\nTS_01\tTS_01.mrc\tpredict\n"
    )
    section = page[page.index("## No labels at all") :]
    command = next(text for kind, text in BLOCK.findall(section) if kind == "bash")
    run(tmp_path, project, command)
    results = project / "results"
    picks = read_picks(results / "blobs" / "picks" / "TS_01.star")
    assert (picks.score >= 0.5).all()
    gap = cKDTree(picks.position_zyx).query(truth.position_zyx)[0]
    assert (gap < 60).mean() > 0.8
    assert (results / "report.html").is_file()
    exports = sorted((results / "blobs" / "export").iterdir())
    assert [path.name for path in exports] == TARGETS
    assert all(list(path.iterdir()) for path in exports)
    log = (results / "logs" / "blobs" / "calibrate.log").read_text()
    assert "blobs.threshold_sd" in log


def test_only_what_a_page_has_is_not_run():
    shown = [c for block in blocks("bash") for c in commands(block.values[0])]
    assert {key for c in shown if (key := not_run(c))} == set(NOT_RUN)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_settings_are_valid(text):
    shown = yaml.safe_load(text)
    Config.model_validate({"particles": SMALL["particles"], **shown})


ONLY_WITH = {
    "simulate": ("simulated/",),
    "halves": ("noise/", "<method>/halves/", "<method>/reproducibility.tsv"),
    "a method on slices": ("<method>/detections/", "<method>/noisy/detections/"),
    "the target benchmark": ("benchmark/**",),
    "the target tune": ("<method>/tuned/",),
}
"""Beginnings of what outputs.md lists that this project has not, by what makes it."""


def test_every_output_is_explained_and_there(home):
    page = (GUIDE / "outputs.md").read_text()
    cells = re.findall(r"(?m)^\| (`.+?) \|", page)
    listed = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    results = home / "my_project" / "results"
    files = [
        str(file.relative_to(results))
        for file in results.rglob("*")
        if file.is_file() and file.name != ".snakemake_timestamp"
    ]
    absent = tuple(start for starts in ONLY_WITH.values() for start in starts)
    missing, unexplained = [], set(files)
    for name in listed:
        pattern = re.escape(name).replace(r"\*\*", ".+").replace(r"\*", "[^/]*")
        pattern = re.sub("<[a-z]+>", "[^/]+", pattern)
        # Of a folder, everything in it.
        pattern = f"{pattern.removesuffix('/')}(/.+)?"
        found = {file for file in files if re.fullmatch(pattern, file)}
        unexplained -= found
        if bool(found) == name.startswith(absent):
            missing.append(name)
    assert not unexplained
    assert not missing
