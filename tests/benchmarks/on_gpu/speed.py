"""Speed of the full-size network: a shard of tomograms, one tomogram, training.

Each ratio is of two things that were measured in turns in one run.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from inputs import write_untrained
from on_gpu.section import SkippedError, begin_peak, peak, synchronise
from on_gpu.shard import Size, shard
from on_gpu.speed_of_training import training
from ways import PARTICLES, VOXEL, Ways

from picker.config import PickSettings, PredictSettings
from picker.finding.window_finder import heatmap_finder
from picker.formats.volumes.ome_zarr import read_volume
from picker.jobs.loaded import read_loaded
from picker.jobs.predict_files import Reading, predict_files
from picker.jobs.predict_shard import predict_shard
from picker.project.manifests import read_preprocessed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from on_gpu.section import Section

    from picker.core.picks import Picks
    from picker.finding.finder import Volume
    from picker.jobs.loaded import Loaded
    from picker.project.records import Preprocessed

VIEWS = {"one view": False, "four views": True}


TOY = Size(preset="small", shape=(48, 96, 96), shard=2, files=1, alone=1, rounds=1)


def run(section: Section) -> None:
    """Measure prediction, then training, which makes torch compute reproducibly."""
    size = TOY if section.toy else Size()
    loaded = full_model(section, size)
    manifests: list[Path] = []
    if section.measure(
        "data", "raw MRC files to volumes", lambda: shard(section, size, manifests)
    ):
        prediction(section, size, loaded, manifests)
    training(section)


def full_model(section: Section, size: Size) -> Loaded:
    """Return an untrained network with peaks in noise: its work is the same."""
    path = section.folder / "model.safetensors"
    write_untrained(path, size.preset, size.shape, section.device)
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
