"""CPU seconds and peak memory of reading one file with the picks of many tomograms.

python tests/benchmarks/many_picks.py 100000 1000000

Each file holds the picks of 500 tomograms; all are asked for in turn, as a shard does.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
NUM_TOMOGRAMS = 500
SHAPE = (184, 630, 630)
COLUMNS = [
    "rlnTomoName",
    *(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"),
    *("rlnAutopickFigureOfMerit", "rlnClassNumber", "rlnOpticsGroup"),
    *("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnImageName", "rlnGroupName"),
]
READ = """
import json, os, resource, sys, time
from pathlib import Path
from picker.config import Particle
from picker.formats.picks.known import read_known_picks

path, num = Path(sys.argv[1]), int(sys.argv[2])
particles = [Particle(name="ribosome", radius=120)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seconds, total = [], 0
for i in range(num):
    start = time.process_time()
    picks, _ = read_known_picks([path], f"TS_{i:03d}", particles, 10.0, (184, 630, 630))
    seconds.append(time.process_time() - start)
    total += len(picks)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([total, seconds[0], sum(seconds), before // 1024, peak // 1024]))
"""


def write(path, num):
    """Write a STAR of RELION 5 or a CSV with so many rows."""
    rng = np.random.default_rng(0)
    place = (rng.random((num, 3)) - 0.5) * np.array(SHAPE[::-1]) * 9.9
    with path.open("w") as file:
        if path.suffix == ".star":
            names = [f"_{name} #{i}\n" for i, name in enumerate(COLUMNS, 1)]
            file.write("data_particles\n\nloop_\n" + "".join(names))
        else:
            file.write("run_name,object,x,y,z,score\n")
            place += np.array(SHAPE[::-1]) * 4.95
        for i, (x, y, z) in enumerate(place):
            name, xyz = f"TS_{i % NUM_TOMOGRAMS:03d}", [f"{v:.4f}" for v in (x, y, z)]
            if path.suffix == ".star":
                more = "0.5123 1 1 12.3456 45.6789 -12.3456"
                row = f"{name} {' '.join(xyz)} {more} {i}@a/{name}.mrcs <NA>"
            else:
                row = f"{name},ribosome,{','.join(xyz)},0.5123"
            file.write(row + "\n")


def measure(path):
    """Return rows, seconds of the first and of all tomograms, MB before and at peak."""
    done = subprocess.run(
        [sys.executable, "-c", READ, path, str(NUM_TOMOGRAMS)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(done.stdout)


def main(numbers):
    print("file     rows      MB  first [s]  all 500 [s]  memory before, peak [MB]")
    for number in numbers:
        for suffix in (".star", ".csv"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"ribosome{suffix}")
                write(path, number)
                os.utime(path, (0, 0))  # no file of a pipeline is seconds old
                size = path.stat().st_size / 1e6
                total, first, seconds, before, peak = measure(path)
            assert total == number
            print(
                f"{suffix[1:]:5}{number:9}{size:8.1f}{first:11.2f}{seconds:13.2f}"
                f"{before:15}{peak:6}",
                flush=True,
            )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [100_000])
