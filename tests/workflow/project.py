import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

SMALL = {
    "particles": [
        {"name": "ribosome", "radius": 60},
        {"name": "apo-ferritin", "radius": 40},
    ],
    "tomograms": {"source": "simulate", "shard_size": 2},
    "simulate": {
        "labeled": 2,
        "unlabeled": 2,
        "test": 1,
        "shape_zyx": [24, 48, 56],
        "particles_per_class": 5,
        "snr": [4.0, 6.0],
    },
    "model": {"preset": "small", "widths": [8, 8], "blocks": [1, 1]},
    "train": {"patch_zyx": [16, 32, 32], "num_workers": 0, "precision": "float32"},
    "burn_in": {"steps": 25, "warmup_steps": 5, "learning_rate": 0.005},
    "co_train": {"steps": 5, "warmup_steps": 2, "ramp_up_steps": 2},
    "predict": {
        "window_zyx": [24, 48, 48],
        "flips": False,
        "precision": "float32",
        # What is hardly trained at all has candidates too.
        "min_score": 0.0,
    },
    "export": {"targets": ["relion5", "warp"]},
    # Averages of so many candidates would take as long as all the rest; test_guide.py
    # has every page.
    "report": {"max_pictures": 0},
}
ONE_THREAD = (
    *("--set-threads", "train=1", "predict=1", "predict_noisy=1", "predict_halves=1"),
    *("detect=1", "detect_noisy=1", "detect_halves=1", "measure=1", "pick=1"),
)
"""Networks as small as these take three times the CPU on two threads."""


class Project:
    """A folder in which the real command is run."""

    def __init__(self, folder, config):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.configure(config)

    def configure(self, config):
        self.config = config
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def change(self, section, **values):
        self.configure(self.config | {section: self.config.get(section, {}) | values})

    def command(self, *arguments):
        return [
            *(sys.executable, "-m", "snakemake"),
            *("--snakefile", ROOT / "Snakefile", "--directory", self.folder),
            *("--profile", ROOT / "profiles" / "local", *ONE_THREAD, "--cores", "2"),
            *arguments,
        ]

    def start(self, *arguments):
        """Return the process, whose output is dropped, at once."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments):
        """Return the finished process and its whole output."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False
        )
        done.stdout += done.stderr
        return done

    def succeed(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def jobs(self):
        """Return the rules that another run would execute, from a dry run.

        Of the rule that trains, the stages.
        """
        text = self.succeed("--dry-run", "--quiet", "host")
        rules = re.findall(r"^(?:local)?rule (\w+):", text, re.MULTILINE)
        return {*rules, *re.findall(r"\bstage=(\w+)", text)} - {"all", "train"}

    def path(self, *parts):
        return self.folder.joinpath("results", *parts)
