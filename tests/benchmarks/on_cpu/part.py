"""A part of the command while it runs: its sizes, and what the parts share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from inputs import write_raw, write_untrained
from programs import write_settings

from picker.config import PredictSettings
from picker.jobs.loaded import read_loaded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from picker.config import ShapeZYX
    from picker.jobs.loaded import Loaded

CPU = torch.device("cpu")
MB = 1e6
TINY: ShapeZYX = (24, 48, 48)
"""Of a tomogram that takes next to no memory: what a program takes without one."""
BEYOND = "tomograms of float32 beyond a tiny one's"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What is to be measured.

    Attributes
    ----------
    folder
        For files; it is deleted at the end.
    full
        Whether the full-size network is measured too.
    toy
        Whether everything is tiny, to test the command itself.
    tomograms
        Numbers of them that are planned.
    """

    folder: Path
    full: bool
    toy: bool
    tomograms: tuple[int, ...]

    @property
    def shape(self) -> ShapeZYX:
        """The size of a tomogram."""
        return (48, 96, 96) if self.toy else (184, 630, 630)

    @property
    def megabytes(self) -> float:
        """The size of a tomogram as float32 [MB]."""
        z, y, x = self.shape
        return z * y * x * 4 / MB

    @property
    def presets(self) -> tuple[str, ...]:
        """The networks that are measured."""
        return ("small", "full") if self.full else ("small",)

    def rounds(self, number: int) -> range:
        """Return the rounds, of which a toy has one."""
        return range(1 if self.toy else number)

    def raw(self, number: int) -> list[Path]:
        """Return so many raw files, which show a slab."""
        files = [self.folder / f"raw_{i}.mrc" for i in range(number)]
        for seed, file in enumerate(files):
            if not file.exists():
                write_raw(file, self.shape, seed, slab=True)
        return files

    def model(self, preset: str) -> Path:
        """Return the file of an untrained network."""
        path = self.folder / f"{preset}.safetensors"
        if not path.exists():
            write_untrained(path, preset, self.shape, CPU)
        return path

    def settings(self, *, flips: bool) -> list[Path]:
        """Return files of settings, to predict with four views or one."""
        predict = PredictSettings(flips=flips).model_dump(mode="json")
        name = "four" if flips else "one"
        return write_settings(self.folder / f"settings_{name}", predict=predict)

    def loaded(self, preset: str) -> Loaded:
        """Return a network that is ready to predict one view."""
        return read_loaded([self.model(preset)], None, self.settings(flips=False))


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that something takes, and those of all its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - cpu
