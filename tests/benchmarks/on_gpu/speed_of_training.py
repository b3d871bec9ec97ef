"""How much of the rate with batches that lie on the GPU training reaches.

The volumes lie on the GPU, and patches are made there; for the smallest batches it is
measured too what patches reach that are cut on the CPU.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from on_gpu.section import begin_peak, peak
from rates import SHAPE, Resident, rate, source

from picker.config import BurnInSettings, CoTrainSettings, TrainSettings
from picker.encodings.heatmap import Gaussians
from picker.training.patches import PatchDataset

if TYPE_CHECKING:
    from on_gpu.section import Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How large everything is."""

    preset: str = "full"
    shape: tuple[int, int, int] = SHAPE
    rounds: int = 1
    patch: tuple[int, int, int] = (90, 90, 90)
    batches: tuple[tuple[int, str], ...] = (
        *((2, "burn_in"), (2, "co_train"), (4, "burn_in"), (4, "co_train")),
        (8, "burn_in"),
    )
    """Labeled patches of a step, and the stage; co-training adds as many others."""
    steps: int = 125
    """More than the loading processes have ready when the first step begins."""
    workers: int | None = None


TOY = Size(
    preset="small",
    shape=(48, 64, 64),
    patch=(16, 16, 16),
    batches=((1, "burn_in"), (1, "co_train")),
    steps=26,
    workers=0,
)


def training(section: Section) -> None:
    """Compare training with the same steps on batches that lie on the GPU."""
    size = TOY if section.toy else Size()
    folder = section.folder / "patches"
    folder.mkdir()
    labeled = [source(folder, i, labeled=True, shape=size.shape) for i in range(2)]
    unlabeled = [
        source(folder, i, labeled=False, shape=size.shape) for i in range(2, 6)
    ]
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
        if batch == size.batches[0][0]:
            apart = shared.model_copy(update={"resident": "never"})
            ways["cut on the CPU"] = PatchDataset(
                labeled, without, apart, stage, Gaussians()
            )
        found: dict[str, list[float]] = {way: [] for way in ways}
        begin_peak(section.device)
        for _ in range(size.rounds):
            for way, dataset in ways.items():
                given = (settings, shared, size.preset, dataset, section.device)
                found[way].append(rate(*given))

        def ratios(way: str) -> list[float]:
            pairs = zip(found[way], found["resident"], strict=True)
            return [one / resident for one, resident in pairs]

        rates = {f"{way} [steps/s]": statistics.median(found[way]) for way in found}
        shares = {
            f"{way} / resident": statistics.median(ratios(way))
            for way in found
            if way != "resident"
        }
        return {
            **rates,
            **shares,
            "each round": " ".join(f"{ratio:.3f}" for ratio in ratios("real")),
            "peak GPU memory [GiB]": peak(section.device),
        }

    for batch, stage in size.batches:
        section.measure(
            f"training, patches of {'×'.join(map(str, size.patch))}",
            f"{stage}, {batch} labeled patches",
            lambda stage=stage, batch=batch: compared(stage, batch),
            seconds=25,
        )
