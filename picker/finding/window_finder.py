"""Tomogram to heatmap by large windows, heatmap to candidates by an encoding."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.encodings.heatmap import Gaussians
from picker.finding.candidates import candidates_from_heatmap
from picker.finding.finder import Finder
from picker.finding.windows import cut, spans
from picker.machine.memory import give_back_freed_memory
from picker.machine.precision import choose_precision
from picker.machine.progress import Progress
from picker.networks.encoder import Encoder
from picker.networks.folded import folded
from picker.networks.views import averaged_views

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import Particle, PredictSettings, ShapeZYX
    from picker.core.picks import Picks
    from picker.encodings.encoding import Encoding
    from picker.finding.finder import Volume
    from picker.finding.windows import Span
    from picker.machine.precision import Precision
    from picker.networks.network import Network

logger = logging.getLogger(__name__)

WINDOW: ShapeZYX = (192, 352, 288)
"""Largest window [voxels] where the settings leave it open: with it predicting a
tomogram of 184×630×630 takes at most three times its memory."""
WIDE = 32
"""Channels of the finest features, above which a network counts as wide."""
SMALL_WINDOW: ShapeZYX = (192, 264, 264)
"""The same in float32, and for wide networks as the full-size one."""
WINDOW_ON_GPU: ShapeZYX = (192, 704, 704)
"""On a GPU, for networks that predict at stride 2. At full resolution a window
would have more features than 31 bits count."""
PART_FOR_VOLUME = 1 / 32
"""Largest part of a GPU's memory that a volume may take; larger ones stay outside."""


@dataclass(kw_only=True)
class WindowFinder(Finder):
    """A network that is run over a tomogram in few large windows.

    Attributes
    ----------
    model
        In `eval` mode, on `device`; it knows its strides. Its `folded` copy takes its
        place.
    encoding
        How its answer becomes particles.
    particles
        The model's classes.
    settings
        Window, halo, views and precision.
    device
        Where the model is, and where heatmaps are gathered.
    """

    model: Network
    encoding: Encoding
    particles: tuple[Particle, ...]
    settings: PredictSettings
    device: torch.device

    def __post_init__(self) -> None:
        """Start with the windows that the settings ask for."""
        self.precision = choose_precision(self.settings.precision, self.device)
        self.window_zyx = self.settings.window_zyx or _largest_window(
            self.model, self.device, self.precision
        )
        # The model itself is not kept: its weights would be in memory twice.
        self.model = folded(self.model)
        self._copying = torch.cuda.Stream() if self.device.type == "cuda" else None

    def __str__(self) -> str:
        """Return where it computes and in what."""
        return f"{self.device} in {self.precision}"

    def on_device(self, volume: Volume) -> Volume:
        """Return the volume copied to the GPU, if there is one and the volume is small.

        It keeps its precision. Called by another thread, this copies while the GPU
        computes. Several volumes may wait there: one that is more than a small part of
        the GPU's memory is returned as it is, and its windows are copied one by one.
        """
        if self._copying is None:
            return volume
        size = math.prod(volume.shape) * volume.dtype.itemsize
        if size > torch.cuda.mem_get_info(self.device)[1] * PART_FOR_VOLUME:
            return volume
        whole = torch.from_numpy(np.ascontiguousarray(volume[:]))
        try:
            with torch.cuda.stream(self._copying):
                there = whole.to(self.device)
                # Its memory is not given to the next volume while it is in use.
                there.record_stream(torch.cuda.default_stream())
                self._copying.synchronize()
        except torch.OutOfMemoryError:
            return volume  # another program may have the rest
        return there

    def heatmap(self, volume: Volume) -> Tensor:
        """Return the heatmap of a whole tomogram.

        Windows that do not fit into the GPU's memory are cut down, for this tomogram
        and those that follow.

        Parameters
        ----------
        volume
            `(z, y, x)`, normalised; array or lazy Zarr array, or what `on_device` gave.

        Returns
        -------
        `(class, z/R, y/R, x/R)` float32 in [0, 1], on `device`, R being the network's
        stride and odd sizes made even first. It equals the network's on the whole
        tomogram up to what lies beyond the halo.
        """
        if not isinstance(volume, torch.Tensor):
            volume = self.on_device(volume)
        while True:
            try:
                return self._heatmap(volume)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                smaller = self._smaller_window()
                if smaller == self.window_zyx:
                    raise
                logger.warning(
                    "warning: windows of %s do not fit into the GPU's memory; trying"
                    " %s",
                    self.window_zyx,
                    smaller,
                )
                self.window_zyx = smaller
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    @torch.inference_mode()
    def _heatmap(self, volume: Volume) -> Tensor:
        even = tuple(size + size % 2 for size in volume.shape)
        coarse = tuple(size // self.model.stride for size in even)
        heatmap = torch.empty((len(self.particles), *coarse), device=self.device)
        axes = [
            spans(size, edge + edge % 2, self.settings.halo, self.model.alignment)
            for size, edge in zip(even, self.window_zyx, strict=True)
        ]
        windows = list(product(*axes))
        progress = Progress("heatmap", len(windows), "windows")
        for number, window in enumerate(windows, 1):
            self._fill(heatmap, volume, window)
            progress.update(number)
            if self.device.type == "cpu":
                give_back_freed_memory()
        return heatmap

    def _fill(self, heatmap: Tensor, volume: Volume, window: tuple[Span, ...]) -> None:
        """Write what is kept of one window; the rest of it is freed on return."""
        precision = self.precision
        autocast = torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=precision.is_half
        )
        stride = self.model.stride
        seen = cut(volume, window, precision.dtype)
        seen = seen.to(self.device)
        with autocast:
            found = averaged_views(self.model, seen, self.settings.flips)[0]
        place = tuple(slice(s.first // stride, s.last // stride) for s in window)
        kept = tuple(
            slice((s.first - s.start) // stride, (s.last - s.start) // stride)
            for s in window
        )
        heatmap[(slice(None), *place)] = found[(slice(None), *kept)]

    def candidates(
        self,
        volume: Volume,
        voxel_size: float,
        region: NDArray[np.bool_] | None = None,
    ) -> Picks:
        """Return every candidate in a normalised tomogram [Å], best first.

        Raises
        ------
        ValueError
            If the heatmap has values that are not numbers, in which there are no peaks.
        """
        del region
        heatmap = self.heatmap(volume)
        if not math.isfinite(float(heatmap.sum())):
            raise ValueError(
                "the model's heatmap has values that are not numbers (nan); expected"
                " scores from 0 to 1: its weights are too large or damaged, train it"
                " again"
            )
        return candidates_from_heatmap(
            heatmap,
            self.particles,
            voxel_size,
            volume.shape,
            self.encoding,
            self.settings.min_score,
            self.model.stride,
        )

    def _smaller_window(self) -> ShapeZYX:
        """Return the window with its longest edge halved, while any can be."""
        edges = list(self.window_zyx)
        longest = int(np.argmax(edges))
        half = edges[longest] // 2
        if half < 2 * self.model.alignment:
            return self.window_zyx
        edges[longest] = half
        z, y, x = edges
        return z, y, x


def heatmap_finder(
    model: Network,
    particles: tuple[Particle, ...],
    settings: PredictSettings,
    device: torch.device,
) -> WindowFinder:
    """Return a network over a whole tomogram, and the peaks of its heatmap."""
    return WindowFinder(
        model=model,
        encoding=Gaussians(nms_per_radius=settings.nms_per_radius),
        particles=particles,
        settings=settings,
        device=device,
    )


def _largest_window(
    model: Network, device: torch.device, precision: Precision
) -> ShapeZYX:
    """Return the largest window where the settings leave it open."""
    if device.type == "cuda" and model.stride > 1:
        return WINDOW_ON_GPU
    is_wide = isinstance(model, Encoder) and model.widths[0] > WIDE
    return WINDOW if precision.is_half and not is_wide else SMALL_WINDOW


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether a smaller window would help; cuDNN has an error of its own."""
    from_torch = isinstance(error, torch.OutOfMemoryError)
    return from_torch or "unable to find an engine" in str(error)
