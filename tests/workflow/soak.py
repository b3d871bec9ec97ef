"""Kill one tiny pipeline on this machine again and again, and compare what it makes.

    python -m tests.workflow.soak 100 --seed 0 --record soak.jsonl

The users' command is started, and at a random moment Snakemake alone, it with all its
jobs, or one verb gets SIGKILL, SIGTERM or SIGINT; then the same command continues.
After every so many kills one undisturbed command must bring the pipeline to its end:
each file is then the reference's byte for byte, none is there that the reference has
not, and no lock, claim or half-written file is left. A folder that fails is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import psutil
import yaml

from tests.workflow.project import ROOT, SMALL

if TYPE_CHECKING:
    from collections.abc import Iterable

SPLITS = ("labeled", "unlabeled", "unlabeled", "test")
CONFIG = SMALL | {
    "tomograms": {"source": "table", "shard_size": 1},
    "simulate": SMALL["simulate"] | {"shape_zyx": [16, 32, 32]},
    "model": {"preset": "small", "widths": [4, 4], "blocks": [1, 1]},
    "train": SMALL["train"] | {"patch_zyx": [16, 16, 16], "checkpoint_every": 2},
    "burn_in": {"steps": 8, "warmup_steps": 2, "learning_rate": 0.005},
    "co_train": {"steps": 4, "warmup_steps": 2, "ramp_up_steps": 2},
    "calibrate": {"noisy_copies": 1},
    # A model so little trained is sure of nothing; its picks are compared all the same.
    "pick": {"thresholds": {"ribosome": 0.005, "apo-ferritin": 0.005}},
    "export": {"targets": ["relion5", "copick"]},
    "label_next": {"tomograms": 1, "regions": 1},
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MARK = "PICKER_SOAK"
"""In the environment of all that is started here, by which it is found again."""
TIMED = ("logs/", "benchmarks/", "run.json", "report.html", "checkpoints/")
"""What has times in it, or is bytes in an order of its own."""
HUNG = 300.0
"""Seconds after which a command that was told to end or to finish hangs."""


class Soaked:
    """A project's folder and the command that runs in it."""

    def __init__(self, folder: Path, tomograms: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        lines = ["tomogram\tpath\tsplit\tpicks"]
        for number, split in enumerate(SPLITS):
            stem = tomograms / f"sim_{number:03d}"
            picks = "" if split == "unlabeled" else f"{stem}.star"
            lines.append(f"{stem.name}\t{stem}.mrc\t{split}\t{picks}")
        (folder / "tomograms.tsv").write_text("\n".join(lines) + "\n")
        self.main: psutil.Popen | None = None

    def start(self) -> None:
        """Run the users' command in a process group of its own."""
        one = [f"{rule}=1" for rule in ("train", "predict", "pick")]
        with (self.folder / "run.log").open("a") as log:
            self.main = psutil.Popen(
                [
                    *(sys.executable, "-m", "snakemake"),
                    *("--snakefile", ROOT / "Snakefile"),
                    *("--profile", ROOT / "profiles" / "local", "--cores", "2"),
                    *("--set-threads", *one, "predict_noisy=1"),
                ],
                cwd=self.folder,
                # Sums in one order, so that picks can be compared to the last digit.
                env=os.environ | {MARK: str(self.folder), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        return self.main is not None and self.main.poll() is None

    def status(self) -> int | None:
        """Wait for the command; None if it hangs, when all of it is killed."""
        assert self.main is not None
        try:
            return int(self.main.wait(HUNG))
        except psutil.TimeoutExpired:
            self.kill_everything()
            return None

    def processes(self) -> list[psutil.Process]:
        """Return all processes that were started in this folder, orphans too."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == str(self.folder):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]

    def verbs(self) -> list[tuple[psutil.Process, str]]:
        """Return the verbs that are at work, with their names."""
        found = []
        for process in self.processes():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if words[1:3] == ["-m", "picker"]:
                found.append((process, words[3]))
        return found

    def wait_for_orphans(self) -> bool:
        """Return whether all of these processes end by themselves."""
        _, alive = psutil.wait_procs(self.processes(), timeout=HUNG)
        return not alive

    def kill_everything(self) -> None:
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def files(self) -> set[str]:
        """Return all files but those that Snakemake keeps for itself."""
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and ".snakemake" not in path.parts
        }

    def left_behind(self) -> list[str]:
        """Return the locks, words and marks of unfinished jobs that are there."""
        own = self.folder / ".snakemake"
        return sorted(
            str(path.relative_to(self.folder))
            for name in ("locks", "started", "incomplete")
            for path in (own / name).rglob("*")
            if path.is_file()
        )


def kill(project: Soaked, rng: random.Random) -> dict[str, Any]:
    """Send one signal, and return what and to whom."""
    assert project.main is not None
    number = rng.choice(SIGNALS)
    verbs = project.verbs()
    whom = rng.choice(("main", "group", "verb") if verbs else ("main", "group"))
    done: dict[str, Any] = {"signal": number.name, "to": whom}
    done["verbs"] = sorted(name for _, name in verbs)
    try:
        if whom == "verb":
            process, done["verb"] = rng.choice(verbs)
            process.send_signal(number)
            return done
        if whom == "main":
            project.main.send_signal(number)
        else:
            os.killpg(project.main.pid, number)
    except (ProcessLookupError, psutil.NoSuchProcess):
        done["too late"] = True
    # One that tidies up first is waited for: beside it nothing may start.
    done["exit"] = project.status()
    return done


def same(mine: Path, theirs: Path, folders: tuple[Path, Path]) -> bool:
    """Return whether two files of two folders say the same, but for those and times."""
    if mine.suffix == ".tsv" and mine.parent.name == "models":
        return untimed(mine) == untimed(theirs)
    texts = [path.read_bytes() for path in (mine, theirs)]
    names = [str(folder).encode() for folder in folders]
    return texts[0].replace(names[0], names[1]) == texts[1]


def untimed(path: Path) -> list[list[str]]:
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    timed = [i for i, name in enumerate(rows[0]) if "second" in name or "time" in name]
    return [[c for i, c in enumerate(row) if i not in timed] for row in rows]


def compared(project: Soaked, reference: Soaked) -> dict[str, list[str]]:
    """Return what differs from the reference, each kind only if there is any."""
    mine, theirs = project.files(), reference.files()
    folders = (project.folder, reference.folder)
    shared = {
        name
        for name in mine & theirs
        if not any(part in name for part in TIMED) and name != "run.log"
    }
    found = {
        "missing": sorted(theirs - mine),
        "left": sorted(mine - theirs) + project.left_behind(),
        "differs": sorted(
            name
            for name in shared
            if not same(*(folder / name for folder in folders), folders)
        ),
    }
    return {kind: names for kind, names in found.items() if names}


def finish(project: Soaked, reference: Soaked) -> dict[str, Any]:
    """Let one command work undisturbed, and return what does not hold."""
    started = time.monotonic()
    project.start()
    status = project.status()
    done: dict[str, Any] = {"exit": status}
    if status != 0:
        done["said"] = (project.folder / "run.log").read_text()[-4000:]
    if not project.wait_for_orphans():
        done["hung"] = [" ".join(p.cmdline()) for p in project.processes()]
        project.kill_everything()
    done |= compared(project, reference)
    return done | {"seconds": round(time.monotonic() - started, 1)}


def make_tomograms(folder: Path) -> Path:
    """Fill a folder with phantoms and their truth, and return it."""
    folder.mkdir(parents=True)
    for section in ("particles", "simulate"):
        (folder / f"{section}.json").write_text(json.dumps(CONFIG[section]))
    for number in range(len(SPLITS)):
        stem = folder / f"sim_{number:03d}"
        words = ["--name", stem.name, "--index", str(number), "--settings"]
        words += [str(folder / f"{name}.json") for name in ("particles", "simulate")]
        words += ["--output", f"{stem}.mrc", "--truth", f"{stem}.star"]
        subprocess.run(
            [sys.executable, "-m", "picker", "simulate", *words],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    return folder


def soak(
    kills: int, every: int, rng: random.Random, folder: Path, record: TextIO
) -> int:
    """Kill so many times, and return how many of the pipelines did not hold."""

    def tell(**values: Any) -> None:
        print(json.dumps(values | {"said": "…"} if "said" in values else values))
        sys.stdout.flush()
        record.write(json.dumps(values) + "\n")
        record.flush()

    tomograms = make_tomograms(folder / "tomograms")
    reference = Soaked(folder / "reference", tomograms)
    started = time.monotonic()
    reference.start()
    if reference.status() != 0:
        raise RuntimeError((reference.folder / "run.log").read_text()[-4000:])
    whole = time.monotonic() - started
    tell(reference=reference.left_behind(), seconds=round(whole, 1))
    bad = pipelines = number = 0
    while number < kills:
        project = Soaked(folder / f"pipeline{pipelines}", tomograms)
        pipelines += 1
        before = number
        while number < min(kills, before + every):
            if not project.is_running():
                if project.main is not None and project.status() == 0:
                    break  # it is through
                project.start()
            wait = rng.uniform(0.0, whole / 6)
            time.sleep(wait)
            if project.is_running():
                number += 1
                done = kill(project, rng)
                tell(kill=number, pipeline=pipelines, after=round(wait, 2), **done)
        if project.is_running():
            project.status()
        end = finish(project, reference)
        holds = end.keys() == {"exit", "seconds"} and end["exit"] == 0
        tell(pipeline=pipelines, kills=number - before, holds=holds, **end)
        bad += not holds
        if holds:
            shutil.rmtree(project.folder)
    tell(kills=kills, pipelines=pipelines, bad=bad)
    return bad


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int)
    parser.add_argument("--every", type=int, default=10, help="kills in one pipeline")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path, default=Path("soak.jsonl"))
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    rng = random.Random(given.seed)
    # A shell's background jobs ignore SIGINT, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with given.record.open("a") as record:
        bad = soak(given.kills, given.every, rng, folder, record)
    if bad:
        print(f"{bad} pipelines did not hold; they are kept in {folder}")
    else:
        shutil.rmtree(folder)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
