"""Accuracy on hard phantoms: supervised, co-trained, and with all labels.

Two labeled phantoms, unlabeled and test ones, six classes of 60 to 150 Å, low and very
different signal-to-noise ratios, crowding and vesicles. Each method trains as the
pipeline trains it, in as many steps, and is calibrated as there: on the labeled
phantoms and noisy copies of them. All trainings run side by side, since one of a small
network leaves most of a GPU idle.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from on_gpu.pipeline import Cell, make_phantom, pilot, trained

from picker.config import SimulateSettings

if TYPE_CHECKING:
    from on_gpu.section import Section

COMPARED = ("supervised", "semietpicker", "supervised_full")


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How large the experiment is."""

    shape: tuple[int, int, int] = (96, 288, 288)
    per_class: float = 30.0
    splits: tuple[tuple[str, int], ...] = (
        ("labeled", 2),
        ("unlabeled", 14),
        ("test", 6),
    )
    patch: tuple[int, int, int] = (64, 96, 96)
    steps: int = 6000
    """Of a training; with two stages half in each."""
    least_steps: int = 200
    pilot: int = 50
    networks: tuple[tuple[str, tuple[int, ...]], ...] = (
        ("small", (16, 32, 64)),
        ("medium", (32, 64, 128, 256)),
    )


TOY = Size(
    shape=(32, 64, 64),
    per_class=2,
    splits=(("labeled", 2), ("unlabeled", 1), ("test", 1)),
    patch=(32, 32, 32),
    steps=4,
    least_steps=4,
    pilot=2,
    networks=(("small", (4, 8)), ("medium", (8, 8))),
)
MOST = 16
"""Processes that make phantoms."""
FOR_SCORES = 45.0
"""Seconds to keep for prediction and evaluation."""
SLACK = 1.3
"""How many times as long as in the pilot a step may take."""


def run(section: Section) -> None:
    """Make phantoms, see how fast trainings are, train and score."""
    size = TOY if section.toy else Size()
    cores = len(os.sched_getaffinity(0))
    cells = [
        Cell(
            folder=section.folder,
            method=method,
            network=network,
            widths=widths,
            patch=size.patch,
            workers=max(0 if section.toy else 1, cores // (2 * len(COMPARED)) - 1),
        )
        for network, widths in size.networks
        for method in COMPARED
    ]
    # On a CPU trainings side by side would only disturb each other.
    number = max(len(cells), min(cores, MOST)) if section.on_gpu else 1
    with ProcessPoolExecutor(number, mp_context=get_context("spawn")) as pool:
        section.measure("data", "phantoms", lambda: phantoms(section, size, pool))
        begin = time.monotonic()
        paces = list(pool.map(pilot, cells, [size.pilot] * len(cells)))
        slowest = max(sum(p.values()) / len(p) for p in paces)
        fits = int((section.left() - FOR_SCORES) / (SLACK * slowest)) // 100 * 100
        steps = size.steps if section.toy else min(size.steps, fits)
        steps = max(steps, size.least_steps)
        told = f"{size.steps} steps do not fit into the time; raise --minutes"
        for cell, pace in zip(cells, paces, strict=True):
            section.add(
                "pilot, all trainings side by side",
                f"{cell.network} {cell.method}",
                {f"{stage} [steps/s]": 1 / each for stage, each in pace.items()},
            )
        section.add(
            "data",
            "training",
            {"steps": steps, "pilot [s]": time.monotonic() - begin},
            reason=told if steps < size.steps else "",
        )
        futures = {pool.submit(trained, cell, steps): cell for cell in cells}
        for future in as_completed(futures):
            cell = futures[future]
            name = f"{cell.network} {cell.method}"
            if error := future.exception():
                reason = f"{type(error).__name__}: {error}"
                section.add("F1@0.5", name, status="failed", reason=reason)
                continue
            for stage, found in future.result().items():
                for way, values in found.items():
                    label = name if stage == "last" else f"{name}, {stage} alone"
                    section.add(f"F1@0.5, {way}", label, values)


def phantoms(section: Section, size: Size, pool: ProcessPoolExecutor) -> dict:
    """Write phantoms, their truth and manifests; return how many there are."""
    begin = time.monotonic()
    splits = [split for split, number in size.splits for _ in range(number)]
    settings = SimulateSettings(
        shape_zyx=size.shape,
        particles_per_class=size.per_class,
        snr=(0.1, 0.5),
        clustering=0.3,
        membranes=2,
        seed=17,
    )
    number = sum(
        pool.map(
            make_phantom,
            *([one] * len(splits) for one in (section.folder, settings)),
            range(len(splits)),
            splits,
        )
    )
    return {
        "tomograms": len(splits),
        "particles": number,
        "time [s]": time.monotonic() - begin,
    }
