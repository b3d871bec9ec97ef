"""Speed of the full-size network: shards of tomograms, training, MONAI's window.

Each ratio is of two things that were measured in turns in one run.
"""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import psutil
import torch
from on_gpu.section import GIB, SkippedError, begin_peak, peak, synchronise
from predict import PARTICLES, VOXEL, Ways, trained_looking
from train import Resident, rate, source

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    ModelSettings,
    PickSettings,
    PredictSettings,
    PreprocessSettings,
    TrainSettings,
)
from picker.encodings.heatmap import Gaussians
from picker.finding.window_finder import heatmap_finder
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.ome_zarr import read_volume
from picker.jobs.loaded import read_loaded
from picker.jobs.model_card import ModelCard, write_model
from picker.jobs.predict_files import Reading, predict_files
from picker.jobs.predict_shard import predict_shard
from picker.jobs.preprocess import preprocess_shard
from picker.networks import build_model
from picker.project.manifests import read_preprocessed
from picker.training.patches import PatchDataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from on_gpu.section import Section

    from picker.core.picks import Picks
    from picker.finding.finder import Volume
    from picker.jobs.loaded import Loaded
    from picker.project.records import Preprocessed

MEMORY_A_PROCESS = 3e9
"""Of preprocessing one tomogram [bytes]."""
VIEWS = {"one view": False, "four views": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How large everything is."""

    preset: str = "full"
    shape: tuple[int, int, int] = (184, 630, 630)
    shard: int = 32
    files: int = 8
    """Different ones on disk; the shard has each several times, by hard links."""
    alone: int = 4
    """Files that are predicted without the pipeline."""
    rounds: int = 2
    patch: tuple[int, int, int] = (90, 90, 90)
    batches: tuple[int, ...] = (2, 4, 8)
    steps: int = 75
    workers: int | None = None


TOY = Size(
    preset="small",
    shape=(48, 96, 96),
    shard=2,
    files=1,
    alone=1,
    rounds=1,
    patch=(32, 32, 32),
    batches=(1,),
    steps=26,
    workers=0,
)


def run(section: Section) -> None:
    """Measure prediction, then training, which makes torch compute reproducibly."""
    size = TOY if section.toy else Size()
    loaded = full_model(section, size)
    manifests: list[Path] = []
    section.measure(
        "data", "raw MRC files to volumes", lambda: shard(section, size, manifests)
    )
    prediction(section, size, loaded, manifests)
    training(section, size)


def full_model(section: Section, size: Size) -> Loaded:
    """Return an untrained network with peaks in noise: its work is the same."""
    torch.manual_seed(0)
    settings = ModelSettings(preset=size.preset)
    model = build_model(settings, len(PARTICLES)).to(section.device)
    z, y, x = size.shape
    rng = torch.Generator().manual_seed(0)
    model = trained_looking(model, (z, y // 2, x // 2), rng)
    card = ModelCard(
        stage="burn_in",
        method="supervised",
        particles=PARTICLES,
        model=settings,
        preprocess=PreprocessSettings(),
        training_voxel_size=VOXEL,
    )
    path = section.folder / "model.safetensors"
    write_model(path, model, card)
    return read_loaded([path], None, [])


def finding(loaded: Loaded, *, flips: bool) -> Loaded:
    """Return it with one view or four."""
    finder = heatmap_finder(
        loaded.finder.model,
        PARTICLES,
        PredictSettings(flips=flips),
        loaded.finder.device,
    )
    return replace(loaded, finder=finder)


def write_raw(path: Path, shape: tuple[int, int, int], seed: int) -> None:
    """Write noise as a program for reconstruction writes a tomogram."""
    rng = np.random.default_rng(seed)
    write_volume(path, rng.standard_normal(shape, np.float32), VOXEL)


def prepare(folder: Path, table: Path) -> float:
    """Preprocess the tomograms of a table; return the seconds that it took."""
    begin = time.monotonic()
    preprocess_shard(
        table,
        PARTICLES,
        PreprocessSettings(),
        volumes=folder / "volumes",
        labels=folder / "labels",
        masks=folder / "masks",
        manifest=table.with_suffix(".json"),
    )
    return time.monotonic() - begin


def shard(section: Section, size: Size, manifests: list[Path]) -> dict:
    """Write the shard's raw files and preprocess them, on all cores."""
    raw = section.folder / "raw"
    raw.mkdir()
    first = [raw / f"TS_{i}.mrc" for i in range(size.files)]
    fits = psutil.virtual_memory().available // MEMORY_A_PROCESS
    number = int(max(1, min(len(os.sched_getaffinity(0)), size.shard, fits)))
    with ProcessPoolExecutor(number, get_context("spawn")) as pool:
        list(pool.map(write_raw, first, [size.shape] * size.files, range(size.files)))
        rows = []
        for i in range(size.shard):
            path = raw / f"TS_{i}.mrc"
            if i >= size.files:
                path.hardlink_to(first[i % size.files])
            rows.append(f"TS_{i}\t{path}\tpredict")
        tables = []
        for part in range(number):
            tables.append(raw / f"{part}.tsv")
            lines = ["tomogram\tpath\tsplit", *rows[part::number]]
            tables[-1].write_text("\n".join(lines) + "\n")
        begin = time.monotonic()
        each = sum(pool.map(prepare, [section.folder] * number, tables))
        wall = time.monotonic() - begin
    manifests += [table.with_suffix(".json") for table in tables]
    return {
        "tomograms": size.shard,
        "different files": size.files,
        "file [GiB]": first[0].stat().st_size / GIB,
        "processes": number,
        "wall a tomogram [s]": wall / size.shard,
        "core a tomogram [s]": each / size.shard,
    }


def prediction(
    section: Section, size: Size, loaded: Loaded, manifests: list[Path]
) -> None:
    """Predict the shard with one and with four views, in turns; then single files."""
    first = "the first tomograms of a process"
    whole = "a shard of stored volumes to candidates on disk"
    tables = [(first, "", 2)]
    tables += [(whole, f", round {i + 1}", size.shard) for i in range(size.rounds)]
    for table, turn, number in tables:
        for views, flips in VIEWS.items():
            section.measure(
                table,
                views + turn,
                lambda flips=flips, name=views + turn, number=number: predicted(
                    finding(loaded, flips=flips),
                    read_preprocessed(manifests)[:number],
                    section.folder / f"{number} {name}",
                ),
            )
    one = "one tomogram, one view"
    section.measure(
        one,
        "raw MRC file to picks by `picker predict`",
        lambda: alone(section, size, loaded),
    )
    for views, flips in VIEWS.items():
        section.measure(
            "the GPU's time for one tomogram",
            views,
            lambda flips=flips: busy(finding(loaded, flips=flips), manifests),
        )
    section.measure(
        one,
        "stored volume to heatmap, and to candidates on disk",
        lambda: against_monai(section, size, loaded, manifests),
    )


def predicted(loaded: Loaded, entries: list[Preprocessed], folder: Path) -> dict:
    """Return what predicting these tomograms as one shard costs."""
    finder = loaded.finder
    marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
    candidates = finder.candidates

    def timed(volume: Volume, voxel_size: float) -> Picks:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        found = candidates(volume, voxel_size)
        end.record()
        marks.append((begin, end))
        return found

    if finder.device.type == "cuda":
        finder.candidates = timed
    begin_peak(finder.device)
    begin = time.monotonic()
    done = predict_shard(entries, folder, loaded)
    synchronise(finder.device)
    wall = time.monotonic() - begin
    on_gpu = sum(begin.elapsed_time(end) for begin, end in marks) / 1000
    number = len(entries)
    return {
        "tomograms": number,
        "wall a tomogram [s]": wall / number,
        "GPU a tomogram [s]": on_gpu / number if marks else None,
        "peak GPU memory [GiB]": peak(finder.device),
        "candidates a tomogram": sum(map(sum, done.histograms.values())) / number,
    }


def alone(section: Section, size: Size, loaded: Loaded) -> dict:
    """Predict raw files as `picker predict` does, one after the other."""
    files = [section.folder / "raw" / f"TS_{i}.mrc" for i in range(size.alone)]
    begin = time.monotonic()
    predict_files(
        files,
        section.folder / "alone",
        finding(loaded, flips=False),
        {p.name: 0.0 for p in PARTICLES},
        PickSettings(),
        Reading(),
    )
    wall = time.monotonic() - begin
    return {"tomograms": len(files), "ours [s]": wall / len(files)}


def busy(loaded: Loaded, manifests: list[Path]) -> dict:
    """Return how long kernels and copies of one tomogram take, by torch's profiler."""
    finder = loaded.finder
    if finder.device.type != "cuda":
        raise SkippedError("needs a GPU")
    volume = read_volume(read_preprocessed(manifests)[0].volume)[0]
    finder.candidates(volume, VOXEL)
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        finder.candidates(volume, VOXEL)
        synchronise(finder.device)
    events = profile.key_averages()
    copies = sum(e.self_device_time_total for e in events if "Memcpy" in e.key)
    total = sum(e.self_device_time_total for e in events)
    if not total:
        raise SkippedError("torch's profiler sees no kernel on this machine")
    return {"kernels [s]": (total - copies) / 1e6, "copies [s]": copies / 1e6}


def against_monai(
    section: Section, size: Size, loaded: Loaded, manifests: list[Path]
) -> dict:
    """Return seconds of ours and of MONAI's sliding window, and their ratios."""
    stored = read_preprocessed(manifests)[0].volume
    (section.folder / "volume.zarr").symlink_to(stored)
    settings, model = PredictSettings(flips=False), loaded.finder.model
    try:
        ways = Ways(section.folder, model, settings, section.device)
    except ImportError as error:
        raise SkippedError(f"MONAI is not installed: {error}") from error
    volume = read_volume(stored)[0]

    def seconds(function: Callable[[], object]) -> float:
        begin = time.monotonic()
        function()
        synchronise(section.device)
        return time.monotonic() - begin

    named = {
        "ours, heatmap [s]": lambda: ways.finder.heatmap(volume),
        "MONAI, heatmap [s]": ways.sliding,
        "ours [s]": ways.ours,
        "MONAI [s]": ways.monai,
        "model alone [s]": ways.bare,
    }
    # The first round starts the kernels.
    rounds = [
        {name: seconds(function) for name, function in named.items()}
        for _ in range(size.rounds + 1)
    ][1:]

    def ratio(one: str, other: str) -> float:
        return statistics.median(found[one] / found[other] for found in rounds)

    median = {name: statistics.median(f[name] for f in rounds) for name in named}
    return median | {
        "heatmap, MONAI / ours": ratio("MONAI, heatmap [s]", "ours, heatmap [s]"),
        "to disk, MONAI / ours": ratio("MONAI [s]", "ours [s]"),
        "ours, heatmap / model alone": ratio("ours, heatmap [s]", "model alone [s]"),
    }


def training(section: Section, size: Size) -> None:
    """Compare training with the same steps on batches that lie on the GPU."""
    shape = None if not section.toy else (48, 64, 64)
    folder = section.folder / "patches"
    folder.mkdir()
    labeled = [source(folder, i, labeled=True, shape=shape) for i in range(2)]
    unlabeled = [source(folder, i, labeled=False, shape=shape) for i in range(2, 6)]
    stages = {
        "burn_in": (BurnInSettings(steps=size.steps), []),
        "co_train": (CoTrainSettings(steps=size.steps), unlabeled),
    }

    def compared(stage: str, batch: int) -> dict:
        settings, without = stages[stage]
        shared = TrainSettings(
            patch_zyx=size.patch,
            batch_size=batch,
            num_workers=size.workers,
            checkpoint_every=10**6,
        )
        real = PatchDataset(labeled, without, shared, stage, Gaussians())
        ways = {"real": real, "resident": Resident(real, section.device)}
        found: dict[str, list[float]] = {way: [] for way in ways}
        begin_peak(section.device)
        for _ in range(size.rounds):
            for way, dataset in ways.items():
                given = (settings, shared, size.preset, dataset, section.device)
                found[way].append(rate(*given))
        pairs = zip(found["real"], found["resident"], strict=True)
        ratios = [real / resident for real, resident in pairs]
        return {
            "real [steps/s]": statistics.median(found["real"]),
            "resident [steps/s]": statistics.median(found["resident"]),
            "real / resident": statistics.median(ratios),
            "each round": " ".join(f"{ratio:.3f}" for ratio in ratios),
            "peak GPU memory [GiB]": peak(section.device),
        }

    for batch in size.batches:
        for stage in stages:
            section.measure(
                f"training, patches of {'×'.join(map(str, size.patch))}",
                f"{stage}, {batch} labeled patches",
                lambda stage=stage, batch=batch: compared(stage, batch),
                seconds=25,
            )
