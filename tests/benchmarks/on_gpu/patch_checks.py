"""Whether patches that are made on a GPU are like those that are made on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.config import AugmentSettings, TrainSettings
from picker.encodings.heatmap import Gaussians
from picker.training.patches import PatchDataset
from picker.training.plan import made
from picker.training.resident import ResidentVolumes
from picker.training.source import Noise, PatchSource

if TYPE_CHECKING:
    from on_gpu.section import Found, Section
    from torch import Tensor

QUANTILES = torch.tensor([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
BANDS = 8
"""Of a power spectrum, each of the same number of frequencies."""


def same_patches(section: Section) -> Found:
    """Compare batches of the same plans; only white noise is of other numbers.

    Without it patches are equal to float precision. With it the means over all patches
    of moments, quantiles and power spectra are.
    """
    edge, steps = (24, 2) if section.toy else (64, 30)
    rng = np.random.default_rng(0)
    sources = [source(rng, edge, num) for num in (30, 0, 0)]
    augment = AugmentSettings(real_noise=0.5)
    settings = TrainSettings(patch_zyx=(edge,) * 3, batch_size=4, augment=augment)
    data = PatchDataset(
        *(sources[:1], sources[1:], settings, "co_train", Gaussians()),
        halves="mixed",
    )
    volumes = ResidentVolumes(data.boxes, section.device)
    worst, target, numbers = 0.0, 0.0, {"GPU": [], "CPU": []}
    for step in range(steps):
        plan = data.plan(step)
        here = made(plan, data.boxes)
        there = made(plan.to(section.device), volumes)
        target = max(target, apart(here.target, there.target))
        worst = max(worst, apart(here.weak, there.weak))
        for name in ("labeled", "strong"):
            views = getattr(plan, name)
            pairs = zip(getattr(here, name), getattr(there, name), views, strict=True)
            for one, other, view in pairs:
                if view.changes.noise is None:
                    worst = max(worst, apart(one, other))
                else:
                    numbers["CPU"].append(described(one))
                    numbers["GPU"].append(described(other.cpu()))
    means = {name: torch.stack(found).mean(0) for name, found in numbers.items()}
    differ = (means["GPU"] - means["CPU"]).abs()
    moments, quantiles, power = differ.split([2, len(QUANTILES), BANDS])
    power = power / means["CPU"][-BANDS:]
    values = {
        "patches with noise": len(numbers["CPU"]),
        "targets differ by": target,
        "patches without noise differ by": worst,
        "means of moments differ by": float(moments.max()),
        "means of quantiles differ by": float(quantiles.max()),
        "mean powers differ by, relative": float(power.max()),
    }
    holds = (
        target == 0
        and worst < 1e-3
        and moments.max() < 0.005
        and quantiles.max() < 0.01
        and power.max() < 0.03
    )
    return bool(holds), values


def source(rng: np.random.Generator, edge: int, num: int) -> PatchSource:
    """Return noise with halves, and so many particles, as the pipeline stores them."""
    shape = (edge + 8, 2 * edge, 2 * edge)
    volume, noise = rng.standard_normal((2, *shape), np.float32).astype(np.float16)
    return PatchSource(
        name=f"{num}",
        volume=volume,
        index_zyx=rng.random((num, 3)) * shape,
        particle=np.arange(num) % 2,
        radius=np.array([5.0, 8.0]),
        noise=Noise(noise * np.float16(0.5), 0.5),
    )


def apart(one: Tensor, other: Tensor) -> float:
    """Return the greatest difference."""
    return float((one - other.cpu()).abs().max())


def described(patch: Tensor) -> Tensor:
    """Return a patch's mean, standard deviation, quantiles and power by frequency."""
    values = patch.flatten()
    spectrum = torch.fft.fftn(patch[0]).abs().square() / patch.numel()
    grids = torch.meshgrid(*map(torch.fft.fftfreq, patch.shape[1:]), indexing="ij")
    frequency = sum(grid.square() for grid in grids)
    by_frequency = spectrum.flatten()[frequency.flatten().argsort()]
    bands = [band.mean() for band in by_frequency.tensor_split(BANDS)]
    return torch.cat(
        [
            torch.stack([values.mean(), values.std()]),
            torch.from_numpy(np.quantile(values.numpy(), QUANTILES)).float(),
            torch.stack(bands),
        ]
    )
