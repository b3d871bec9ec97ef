"""Whether a GPU finds what it should: precision, memory, two processes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from few_labels import PARTICLES
from on_gpu.section import GIB, begin_peak, peak
from on_gpu.trials import agreement, learned, phantom, trials

from picker.config import ModelSettings, PredictSettings, PreprocessSettings
from picker.encodings.heatmap import Gaussians
from picker.finding.candidates import candidates_from_heatmap
from picker.finding.window_finder import heatmap_finder
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.model_card import ModelCard, write_model
from picker.project.manifests import write_manifest
from picker.project.records import Preprocessed

if TYPE_CHECKING:
    from on_gpu.section import Found, Section

    from picker.finding.window_finder import WindowFinder
    from picker.networks.network import Network

ROOT = Path(__file__).parents[3]
VOXEL = 10.0
MIN_SCORE = 0.3
"""Of candidates that are compared: below there are many, which little moves."""
GIVEN = 0.4
"""Fraction of the memory that prediction takes, where it is to do with less."""


class FindingChecks:
    """Each returns whether it holds, and what a small trained network found."""

    def __init__(self, section: Section) -> None:
        self.section, self.device = section, section.device
        self.trial, _ = trials(toy=section.toy)
        self.volume = phantom(self.trial.shape, 2)[0].volume.astype(np.float16)

    @property
    def model(self) -> Network:
        """A small network that has learned the particles."""
        return learned(self.trial, self.device)[0]

    def finder(self, device: torch.device | None = None, **values: object):
        """Return what finds with that network."""
        device = device or self.device
        settings = {"flips": False, "min_score": MIN_SCORE, **values}
        if self.section.toy:
            settings["min_score"] = 0.0  # it has learned nothing
        model = self.model.to(device)
        return heatmap_finder(model, PARTICLES, PredictSettings(**settings), device)

    def same(self, one: WindowFinder, other: WindowFinder, least: float) -> Found:
        """Return whether two ways find about the same candidates."""
        a = one.candidates(self.volume, VOXEL)
        b = other.candidates(self.volume, VOXEL)
        heatmaps = [f.heatmap(self.volume).cpu() for f in (one, other)]
        agree = agreement(a, b)
        values = {
            "candidates": len(a),
            "agreement (F1)": agree,
            "heatmaps differ by at most": float(
                (heatmaps[0] - heatmaps[1]).abs().max()
            ),
        }
        return len(a) > 0 and agree >= least, values

    def candidates(self) -> Found:
        """Find with one network in both precisions."""
        return self.same(
            self.finder(precision="bfloat16"), self.finder(precision="float32"), 0.95
        )

    def cpu(self) -> Found:
        """Find on the GPU, without the shorter TF32, and on a CPU."""
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        try:
            there = self.finder(precision="float32")
            a = there.candidates(self.volume, VOXEL)
            heatmap = there.heatmap(self.volume).cpu()
            here = self.finder(torch.device("cpu"), precision="float32")
            b = here.candidates(self.volume, VOXEL)
            expected = here.heatmap(self.volume)
        finally:
            torch.backends.cudnn.allow_tf32 = before
            self.model.to(self.device)
        agree = agreement(a, b)
        differ = float((heatmap - expected).abs().max())
        values = {"candidates": len(a), "agreement (F1)": agree}
        return (
            len(a) > 0 and agree >= 0.99 and differ < 1e-3,
            values | {"heatmaps differ by at most": differ},
        )

    def peaks(self) -> Found:
        """Find the peaks of one heatmap where it is, and on a CPU."""
        finder = self.finder()
        heatmap = finder.heatmap(self.volume)
        one, other = (
            candidates_from_heatmap(
                *(values, PARTICLES, VOXEL, self.volume.shape),
                *(Gaussians(), finder.settings.min_score, finder.model.stride),
            )
            for values in (heatmap, heatmap.cpu())
        )
        same = len(one) == len(other) and np.array_equal(one.particle, other.particle)
        apart = float("nan")
        if same and len(one):
            apart = float(np.abs(one.position_zyx - other.position_zyx).max())
        return apart < 0.01, {"candidates": len(one), "apart by at most [Å]": apart}

    def twice(self) -> Found:
        """Predict twice."""
        finder = self.finder()
        one, other = finder.heatmap(self.volume), finder.heatmap(self.volume)
        return torch.equal(one, other), {
            "voxels that differ": int((one != other).sum())
        }

    def short(self) -> Found:
        """Predict with a part of the memory that it took before."""
        data = phantom((24, 48, 48) if self.section.toy else (96, 512, 512), 3)[0]
        volume = data.volume.astype(np.float16)
        begin_peak(self.device)
        expected = self.finder().candidates(volume, VOXEL)
        needed = peak(self.device)
        if needed is None:  # smaller windows give the same on any device
            half = self.finder(window_zyx=(24, 24, 48))
            return agreement(half.candidates(volume, VOXEL), expected) > 0, {}
        finder = self.finder()
        before = finder.window_zyx
        total = torch.cuda.get_device_properties(self.device).total_memory / GIB
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(GIVEN * needed / total)
        try:
            found = finder.candidates(volume, VOXEL)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        agree = agreement(found, expected)
        return (
            finder.window_zyx != before and len(found) > 0 and agree >= 0.95,
            {
                "needed [GiB]": needed,
                "given [GiB]": GIVEN * needed,
                "window [voxels]": "×".join(map(str, finder.window_zyx)),
                "agreement (F1)": agree,
            },
        )

    def both(self) -> Found:
        """Predict two shards in two processes at once, and in one, in turn."""
        folder = self.section.folder / "two shards"
        folder.mkdir()
        card = ModelCard(
            stage="burn_in",
            method="supervised",
            particles=PARTICLES,
            model=ModelSettings(preset="small"),
            preprocess=PreprocessSettings(),
            training_voxel_size=VOXEL,
        )
        write_model(folder / "model.safetensors", self.model, card)
        each = 1 if self.section.toy else 6
        shards = [folder / "first.json", folder / "second.json"]
        for shard in shards:
            names = [f"{shard.stem}_{i}" for i in range(each)]
            write_manifest(shard, [self.stored(folder, name) for name in names])

        def begun(way: str, *manifests: Path) -> subprocess.Popen[str]:
            output = folder / way / manifests[-1].name
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "picker", "predict"),
                    *("--manifests", *manifests, "--output", output),
                    *("--model", folder / "model.safetensors"),
                    *("--candidates", folder / way / "candidates"),
                ],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )

        for processes in (
            [begun("at once", shard) for shard in shards],
            [begun("in turn", *shards)],
        ):
            for process in processes:
                said = process.communicate()[1]
                if process.returncode:
                    raise RuntimeError(f"picker predict: {said[-300:]}")
        in_turn, at_once = (
            {path.name: path.read_bytes() for path in folder.glob(f"{way}/*/*.star")}
            for way in ("in turn", "at once")
        )
        unlike = [name for name in in_turn if in_turn[name] != at_once.get(name)]
        return len(in_turn) == len(shards) * each and not unlike, {
            "tomograms": len(in_turn),
            "files that differ": len(unlike),
        }

    def stored(self, folder: Path, name: str) -> Preprocessed:
        """Write a phantom as preprocessing does."""
        data = phantom(self.trial.shape, sum(map(ord, name)))[0]
        path = folder / f"{name}.zarr"
        attributes = {"fingerprint": name}
        write_volume(path, data.volume.astype(np.float16), VOXEL, attributes)
        return Preprocessed(
            tomogram=name,
            split="predict",
            volume=path,
            fingerprint=name,
            voxel_size=VOXEL,
            shape_zyx=data.shape_zyx,
            source_voxel_size=VOXEL,
            source_shape_zyx=data.shape_zyx,
        )
