"""Peak memory of training and predicting against the number of tomograms.

python tests/benchmarks/memory.py 5 500
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    ModelSettings,
    Particle,
    PredictSettings,
    TrainSettings,
)
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.project.manifests import write_manifest
from picker.project.records import Preprocessed

ROOT = Path(__file__).parents[2]
SHAPE = (64, 256, 256)
SETTINGS = {
    "particles": [Particle(name="ribosome", radius=120).model_dump()],
    "model": ModelSettings(preset="small").model_dump(mode="json"),
    "train": TrainSettings(patch_zyx=(64, 96, 96)).model_dump(mode="json"),
    "burn_in": BurnInSettings(steps=5).model_dump(mode="json"),
    "co_train": CoTrainSettings(steps=20).model_dump(mode="json"),
    "predict": PredictSettings(window_zyx=(64, 128, 128)).model_dump(mode="json"),
}


def peak(*words):
    """Run a verb; return its peak memory [MB]."""
    program = (
        "import resource, subprocess, sys;"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True);"
        "sys.stderr.write(done.stderr if done.returncode else '');"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024);"
        "sys.exit(done.returncode)"
    )
    command = [sys.executable, "-m", "picker", *map(str, words)]
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return int(done.stdout)


def measure(folder, number):
    """Return peaks [MB] of co-training and of predicting so many tomograms."""
    rng = np.random.default_rng(0)
    entries = []
    for i in range(number + 1):
        volume = folder / f"TS_{i}.zarr"
        data = rng.standard_normal(SHAPE, np.float32).astype(np.float16)
        write_volume(volume, data, 10.0, {"fingerprint": str(i)})
        entries.append(
            Preprocessed(
                tomogram=f"TS_{i}",
                split="unlabeled" if i else "labeled",
                volume=volume,
                fingerprint=str(i),
                voxel_size=10.0,
                shape_zyx=SHAPE,
                source_voxel_size=10.0,
                source_shape_zyx=SHAPE,
                labels=None if i else folder / "labels.star",
            )
        )
    picks = picks_from_arrays([[300, 1000, 1000]], ["ribosome"])
    write_picks(folder / "labels.star", picks)
    write_manifest(folder / "labeled.json", entries[:1])
    write_manifest(folder / "unlabeled.json", entries[1:])
    files = []
    for section, values in SETTINGS.items():
        files.append(folder / f"{section}.json")
        files[-1].write_text(json.dumps(values))
    common = ("--settings", *files, "--log-table", folder / "log.tsv")
    peak(
        *("train", "--stage", "burn_in", *common),
        *("--manifests", folder / "labeled.json"),
        *("--checkpoint", folder / "a.pt", "--output", folder / "a.safetensors"),
    )
    training = peak(
        *("train", "--stage", "co_train", "--manifests", folder / "labeled.json"),
        *(folder / "unlabeled.json", "--before", folder / "a.safetensors", *common),
        *("--checkpoint", folder / "b.pt", "--output", folder / "b.safetensors"),
    )
    predicting = peak(
        *("predict", "--manifests", folder / "unlabeled.json"),
        *("--model", folder / "b.safetensors", "--settings", *files),
        *("--candidates", folder / "candidates", "--output", folder / "out.json"),
    )
    return training, predicting


def main(numbers):
    print("tomograms  co-training [MB]  predicting [MB]")
    for number in numbers:
        with tempfile.TemporaryDirectory() as folder:
            training, predicting = measure(Path(folder), number)
        print(f"{number:9}{training:18}{predicting:17}", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [5, 50])
