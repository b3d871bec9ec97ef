"""A shard costs one start of the model: seconds a tomogram against the shard's size.

python tests/benchmarks/shard.py 16 32 64
python tests/benchmarks/shard.py 8 40 --preset full --shape 184 630 630

`marginal` is what one more tomogram costs in the largest shard.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from picker.config import ModelSettings, Particle, PredictSettings, PreprocessSettings
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.model_card import ModelCard, write_model
from picker.networks import build_model
from picker.project.manifests import write_manifest
from picker.project.records import Preprocessed

ROOT = Path(__file__).parents[2]
STORED = 4
"""Tomograms on disk; larger shards have them several times, under other names."""


def make_model(path, preset):
    """Write an untrained model: its work is the same."""
    particles = (Particle(name="ribosome", radius=120),)
    settings = ModelSettings(preset=preset)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, default=[8, 16])
    parser.add_argument("--preset", default="small")
    parser.add_argument("--shape", nargs=3, type=int, default=(72, 288, 288))
    parser.add_argument("--window", nargs=3, type=int, help="default: the program's")
    parser.add_argument("--flips", action="store_true", help="four views, not one")
    arguments = parser.parse_args()
    numbers = sorted(arguments.numbers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder / "m.safetensors", arguments.preset)
        predict = PredictSettings(window_zyx=arguments.window, flips=arguments.flips)
        (folder / "predict.json").write_text(predict.model_dump_json())
        rng = np.random.default_rng(0)
        for i in range(STORED):
            data = rng.standard_normal(arguments.shape, np.float32).astype(np.float16)
            write_volume(folder / f"{i}.zarr", data, 10.0, {"fingerprint": str(i)})
        entries = []
        for i in range(numbers[-1]):
            volume = folder / f"{i % STORED}.zarr"
            entries.append(
                Preprocessed(
                    tomogram=f"TS_{i}",
                    split="predict",
                    volume=volume,
                    fingerprint=str(i % STORED),
                    voxel_size=10.0,
                    shape_zyx=arguments.shape,
                    source_voxel_size=10.0,
                    source_shape_zyx=arguments.shape,
                )
            )
        print("tomograms  seconds  a tomogram  / marginal")
        taken = {n: seconds(folder, entries, n) for n in numbers}
        (a, first), *_, (b, last) = taken.items()
        marginal = (last - first) / (b - a)
        for n, time_taken in taken.items():
            each = time_taken / n
            print(f"{n:9}{time_taken:9.1f}{each:12.3f}{each / marginal:12.3f}")
        print(f"marginal: {marginal:.4f} s")


if __name__ == "__main__":
    main()
