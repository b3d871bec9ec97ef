"""Tomogram to heatmap by a sliding window, heatmap to candidates by its peaks."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from picker.heatmap import nms_kernel, peaks_from_heatmap
from picker.models import OUTPUT_STRIDE
from picker.picks import Picks
from picker.teacher import averaged_views
from picker.tomogram import position_from_index

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from picker.config import Particle, PredictSettings

ALIGNMENT = 8
"""Windows start at multiples of this, so that strided features keep their phase."""


def choose_device(name: str) -> torch.device:
    """Return the device that a setting names; auto takes the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda but torch sees no GPU; set device: auto")
    return torch.device(name)


def wants_bfloat16(precision: str, device: torch.device) -> bool:
    """Return whether to compute in bfloat16; auto does where hardware is fast at it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.backends.cpu.get_cpu_capability().startswith("AVX512"))


def window_starts(size: int, window: int, overlap: float) -> list[int]:
    """Return where windows start along one axis, so that the last one ends at `size`.

    All in voxels. Neighbours share at least `overlap` of the window. Starts are
    aligned but for the last.
    """
    if window >= size:
        return [0]
    step = max(ALIGNMENT, int(window * (1 - overlap)) // ALIGNMENT * ALIGNMENT)
    return [*range(0, size - window, step), size - window]


def blending_weight(shape: tuple[int, ...]) -> Tensor:
    """Return `(z, y, x)` weights, 1 at a window's centre and falling to its faces."""
    ramps = []
    for size in shape:
        centre = (size - 1) / 2
        distance = (torch.arange(size) - centre).abs() / (size / 2)
        ramps.append((-0.5 * (distance / 0.5) ** 2).exp())
    z, y, x = ramps
    return z[:, None, None] * y[:, None] * x


@torch.inference_mode()
def predict_heatmap(
    model: nn.Module,
    volume: NDArray[np.float32] | zarr.Array[Any],
    num_particles: int,
    settings: PredictSettings,
    device: torch.device,
) -> Tensor:
    """Return the heatmap of a whole tomogram.

    Parameters
    ----------
    model
        In `eval` mode, on `device`.
    volume
        `(z, y, x)`, normalised; array or lazy Zarr array.
    num_particles
        Number of classes.
    settings
        Window, overlap, views and precision.
    device
        Where the model is.

    Returns
    -------
    `(class, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉)` float32 in [0, 1], on the CPU.

    Source: Wang et al. 2025, SemiETPicker, section 3.2.
    """
    even = tuple(size + size % 2 for size in volume.shape)
    window = tuple(
        min(wanted + wanted % 2, size)
        for wanted, size in zip(settings.window_zyx, even, strict=True)
    )
    corners = list(
        product(
            *(
                window_starts(size, edge, settings.overlap)
                for size, edge in zip(even, window, strict=True)
            )
        )
    )
    coarse = tuple(size // OUTPUT_STRIDE for size in even)
    total = torch.zeros((num_particles, *coarse))
    weights = torch.zeros(coarse)
    weight = blending_weight(tuple(edge // OUTPUT_STRIDE for edge in window))
    autocast = torch.autocast(
        device.type,
        dtype=torch.bfloat16,
        enabled=wants_bfloat16(settings.precision, device),
    )
    for first in range(0, len(corners), settings.batch_size):
        batch = corners[first : first + settings.batch_size]
        patches = np.stack([_cut(volume, corner, window) for corner in batch])
        with autocast:
            heatmaps = averaged_views(
                model, torch.from_numpy(patches)[:, None].to(device), settings.flips
            )
        for corner, heatmap in zip(batch, heatmaps.cpu(), strict=True):
            place = tuple(
                slice(start // OUTPUT_STRIDE, (start + edge) // OUTPUT_STRIDE)
                for start, edge in zip(corner, window, strict=True)
            )
            total[(slice(None), *place)] += heatmap * weight
            weights[place] += weight
    return total.div_(weights)


def _cut(
    volume: NDArray[np.float32] | zarr.Array[Any],
    corner: tuple[int, ...],
    window: tuple[int, ...],
) -> NDArray[np.float32]:
    """Return one window; where an odd size was made even its last plane repeats."""
    place = tuple(slice(c, c + w) for c, w in zip(corner, window, strict=True))
    patch = np.asarray(volume[place], np.float32)
    missing = [(0, w - s) for w, s in zip(window, patch.shape, strict=True)]
    return np.pad(patch, missing, mode="edge")


def candidates_from_heatmap(
    heatmap: Tensor,
    particles: tuple[Particle, ...],
    voxel_size: float,
    shape_zyx: tuple[int, ...],
    settings: PredictSettings,
) -> Picks:
    """Return every peak of at least `settings.min_score` [Å], best first.

    Parameters
    ----------
    heatmap
        `(class, z, y, x)` in [0, 1].
    particles
        The classes, in the heatmap's order.
    settings
        Kernel of the max-pooling and lowest score.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and [voxels]; no candidate lies outside of it.
    """
    kernels = [
        nms_kernel(p.radius / voxel_size, settings.nms_per_radius, OUTPUT_STRIDE)
        for p in particles
    ]
    index, number, score = peaks_from_heatmap(
        heatmap, kernels, settings.min_score, OUTPUT_STRIDE
    )
    # The coarse grid reaches half a voxel beyond the last one.
    index = np.clip(index, 0, np.array(shape_zyx) - 1)
    names = np.array([p.name for p in particles], np.str_)
    return Picks(
        position_zyx=position_from_index(index, voxel_size),
        particle=names[number],
        score=score,
    )


def find_candidates(
    model: nn.Module,
    volume: NDArray[np.float32] | zarr.Array[Any],
    voxel_size: float,
    particles: tuple[Particle, ...],
    settings: PredictSettings,
    device: torch.device,
) -> Picks:
    """Return every candidate in a normalised tomogram [Å], best first."""
    heatmap = predict_heatmap(model, volume, len(particles), settings, device)
    return candidates_from_heatmap(
        heatmap, particles, voxel_size, volume.shape, settings
    )
