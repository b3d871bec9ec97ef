"""A shard costs one start of the model: seconds a tomogram against the shard's size.

python tests/benchmarks/shard.py 16 32 64
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from picker.config import ModelSettings, Particle, PredictSettings, PreprocessSettings
from picker.formats.ome_zarr import write_volume
from picker.models import build_model
from picker.verbs.common import Entry, write_manifest
from picker.verbs.model_card import ModelCard, write_model

ROOT = Path(__file__).parents[2]
SHAPE = (72, 288, 288)


def make_model(path):
    """Write the small preset, untrained: its work is the same."""
    particles = (Particle(name="ribosome", radius=120),)
    settings = ModelSettings(preset="small")
    card = ModelCard(
        stage="burn_in",
        method="supervised",
        particles=particles,
        model=settings,
        preprocess=PreprocessSettings(),
        training_voxel_size=10.0,
    )
    write_model(path, build_model(settings, len(particles)), card)


def seconds(folder, entries, number):
    """Return how long one job takes to predict the first `number` tomograms."""
    write_manifest(folder / "shard.json", entries[:number])
    begin = time.monotonic()
    subprocess.run(
        [
            *(sys.executable, "-m", "picker", "predict"),
            *("--manifests", folder / "shard.json", "--output", folder / "out.json"),
            *("--model", folder / "m.safetensors", "--settings"),
            *(folder / "predict.json", "--candidates", folder / f"c{number}"),
        ],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    return time.monotonic() - begin


def main(numbers):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder / "m.safetensors")
        predict = PredictSettings(window_zyx=(72, 160, 160)).model_dump(mode="json")
        (folder / "predict.json").write_text(json.dumps(predict))
        data = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float16)
        entries = []
        for i in range(max(numbers)):
            volume = folder / f"TS_{i}.zarr"
            write_volume(volume, data, 10.0, {"fingerprint": str(i)})
            entries.append(
                Entry(tomogram=f"TS_{i}", split="predict", path=volume, volume=volume)
            )
        print("tomograms  seconds  a tomogram  / marginal")
        taken = {n: seconds(folder, entries, n) for n in sorted(numbers)}
        (a, first), *_, (b, last) = taken.items()
        marginal = (last - first) / (b - a)
        for n, time_taken in taken.items():
            each = time_taken / n
            print(f"{n:9}{time_taken:9.1f}{each:12.3f}{each / marginal:12.3f}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [8, 16])
