"""What a program costs, from its start to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from picker.machine.memory import VARIABLE

if TYPE_CHECKING:
    from pydantic import JsonValue

ROOT = Path(__file__).parents[2]
WATCHED = """
import json, resource, subprocess, sys, time
begin = time.monotonic()
status = subprocess.run(sys.argv[1:]).returncode
wall = time.monotonic() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("used", wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)
sys.exit(status)
"""
"""A process counts the memory of the one that started it too: this is small."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a program took.

    Attributes
    ----------
    wall, cpu
        Seconds that went by, and those of all its threads and processes.
    peak
        Most memory that one of its processes had [MB, 10⁶ bytes].
    text
        What it printed.
    """

    wall: float
    cpu: float
    peak: float
    text: str


def cost_of(*words: object) -> Cost:
    """Run a module of Python in this repository, which must succeed."""
    command = [sys.executable, "-m", *map(str, words)]
    # Verbs choose how malloc works: what this process has chosen is not theirs.
    environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    text = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed: {text[-3000:]}")
    (used,) = [line.split()[1:] for line in text.splitlines() if line[:5] == "used "]
    wall, cpu, peak = map(float, used)
    return Cost(wall=wall, cpu=cpu, peak=peak, text=text)


def write_settings(folder: Path, **sections: JsonValue) -> list[Path]:
    """Write sections of settings, and return the files for `--settings`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, values in sections.items():
        files.append(folder / f"{name}.json")
        files[-1].write_text(json.dumps(values))
    return files
