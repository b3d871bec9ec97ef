"""How well a volume matches a template in its best rotation, at every voxel.

The templates of thousands of rotations resemble each other: each is nearly a mixture of
some dozens, their first singular vectors. So only these are correlated with the volume,
and mixed at each voxel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import torch
from scipy import fft
from torch.nn import functional

from picker.machine.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

KEPT = 0.99
"""Fraction of the templates' squares that the mixtures hold."""
MOST_SAMPLED = 1500
"""Templates that the singular vectors are computed of."""
TINY = 1e-12
"""Instead of a length of 0, which nothing can be divided by."""
FLAT = 1e-6
"""Below this fraction of the volume's variance a part of it has none."""
TILE_BYTES = 2**28
"""Memory of the correlations in a tile [bytes]; the templates take up to as much."""
MIXTURES = 256
"""Rotations that are mixed at a time."""
MIXED = {"cpu": 2**20, "cuda": 2**26}
"""Matches that are mixed at a time: on a CPU its cache holds them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bank:
    """Templates as mixtures.

    Attributes
    ----------
    mask
        `(n, n, n)` weight of each voxel of a template, 0 to 1, n odd.
    basis
        `(k, n, n, n)` kernels: singular vectors, times the root of the weight.
    mixture
        `(r, k)` factors of norm 1, a row for each rotation.
    rotation
        `(r, 3, 3)`: these rotations, as `bank_of` was given them.
    """

    mask: Tensor
    basis: Tensor
    mixture: Tensor
    rotation: NDArray[np.float32]


@torch.inference_mode()
def bank_of(
    templates: Callable[[NDArray[np.float32]], Iterable[Tensor]],
    rotations: NDArray[np.float32],
    mask: Tensor,
) -> Bank:
    """Return the templates of all rotations as mixtures of a few.

    Parameters
    ----------
    templates
        Yields `(m, n, n, n)` batches, in all one for each of the rotations it is given.
    rotations
        `(r, 3, 3)`.
    mask
        `(n, n, n)`, on the device to compute on.

    Source: Perona (1995), Deformable kernels for early vision, IEEE PAMI 17, 488,
    https://doi.org/10.1109/34.391394.
    """
    inside = (mask > 0).flatten()
    weight = mask.flatten()[inside]

    def rows(batch: Tensor) -> Tensor:
        """Return templates of weighted mean 0, times the root of the weight."""
        values = batch.flatten(1)[:, inside]
        mean = (values @ weight) / weight.sum()
        values = (values - mean[:, None]) * weight.sqrt()
        result: Tensor = values / values.norm(dim=1, keepdim=True).clamp_min(TINY)
        return result

    every = math.ceil(len(rotations) / MOST_SAMPLED)
    some = torch.cat([rows(batch) for batch in templates(rotations[::every])])
    value, vector = torch.linalg.eigh((some @ some.T).double())
    value, vector = value.flip(0).clamp_min(0), vector.flip(1)
    rank = 1 + int((value.cumsum(0) < KEPT * value.sum()).sum())
    basis = (vector[:, :rank] / value[:rank].sqrt()).float().T @ some
    mixture = torch.cat([rows(batch) @ basis.T for batch in templates(rotations)])
    kernels = torch.zeros((rank, mask.numel()), device=mask.device)
    kernels[:, inside] = basis * weight.sqrt()
    return Bank(
        mask=mask,
        basis=kernels.reshape(rank, *mask.shape),
        mixture=mixture / mixture.norm(dim=1, keepdim=True).clamp_min(TINY),
        rotation=rotations,
    )


@torch.inference_mode()
def best_match(
    volume: Tensor, bank: Bank, *, is_local: bool = True, tile: int | None = None
) -> Tensor:
    """Return the best match of all rotations at each voxel.

    It is Pearson's correlation, -1 to 1, of the template and the voxels around, each
    weighted by the mask. What lies beyond the faces matches nothing, and is taken to
    vary as the volume does: else the few voxels in a corner would match best.

    Parameters
    ----------
    volume
        `(z, y, x)` float32 of mean 0.
    bank
        Of the templates, on the volume's device.
    is_local
        Whether the standard deviation of the voxels around is divided by; else that of
        the volume is, and the match may be beyond ±1.
    tile
        Edge of the parts that are computed at a time [voxels]; None: as large as the
        memory allows.

    Returns
    -------
    `(z, y, x)`; 0 where the volume does not vary.

    Source: Roseman (2003), Particle finding in electron micrographs using a fast local
    correlation algorithm, Ultramicroscopy 94, 225,
    https://doi.org/10.1016/S0304-3991(02)00333-9.
    """
    rim = bank.mask.shape[0] // 2
    edge = tile or _largest_tile(len(bank.basis))
    shape = tuple(min(edge, size) for size in volume.shape)
    around = functional.pad(volume, (rim,) * 6)
    is_inside = functional.pad(torch.ones_like(volume), (rim,) * 6)
    seen = tuple(fft.next_fast_len(size + 2 * rim, real=True) for size in shape)
    kernels = _Kernels(bank, seen)
    overall = float(bank.mask.sum()) * float(volume.double().var(correction=0))
    best = torch.zeros_like(volume)
    if overall == 0:
        return best
    tiles = list(product(*map(_starts, volume.shape, shape)))
    progress = Progress("template", len(tiles), "tiles")
    for number, start in enumerate(tiles, 1):
        part, wide = (
            tuple(
                slice(a, a + size + more) for a, size in zip(start, shape, strict=True)
            )
            for more in (0, 2 * rim)
        )
        found, square = kernels.best(around[wide], shape)
        if is_local:
            square += overall * (1 - kernels.fraction(is_inside[wide], shape))
            varies = square > FLAT * overall
            found = torch.where(varies, found, 0)
            found /= torch.where(varies, square, overall).sqrt()
        else:
            found /= math.sqrt(overall)
        best[part] = found
        progress.update(number)
    return best


@torch.inference_mode()
def best_rotation(
    volume: Tensor, bank: Bank, index_zyx: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return `(n, 3, 3)` rotations that match best at `(n, 3)` voxels.

    What `best_match` takes the maximum of, computed again at a few voxels: to keep the
    rotation of every voxel would slow the search down.
    """
    size = bank.mask.shape[0]
    around = functional.pad(volume, (size // 2,) * 6)
    basis = bank.basis.flatten(1)
    found = []
    for z, y, x in index_zyx.tolist():
        part = around[z : z + size, y : y + size, x : x + size]
        found.append(int((bank.mixture @ (basis @ part.flatten())).argmax()))
    rotations: NDArray[np.float32] = bank.rotation[found]
    return rotations


class _Kernels:
    """A bank in Fourier space, for tiles of one shape."""

    def __init__(self, bank: Bank, shape: tuple[int, ...]) -> None:
        self.bank, self.shape = bank, shape
        self.mask = self._transformed(bank.mask)
        self.basis = [self._transformed(one) for one in bank.basis]

    def best(self, seen: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return the highest products in a tile, and the sums of squares around.

        `seen` is the tile with the rim around it; both results have the tile's shape.
        """
        spectrum = torch.fft.rfftn(seen, s=self.shape)
        total = self._correlated(spectrum, self.mask, shape)
        squares = torch.fft.rfftn(seen**2, s=self.shape)
        square = self._correlated(squares, self.mask, shape)
        square -= total**2 / self.bank.mask.sum()
        parts = torch.stack(
            [self._correlated(spectrum, one, shape).flatten() for one in self.basis]
        )
        best = torch.empty(parts.shape[1], device=seen.device)
        step = MIXED[seen.device.type] // MIXTURES
        for first in range(0, parts.shape[1], step):
            some = parts[:, first : first + step]
            found = [(m @ some).amax(0) for m in self.bank.mixture.split(MIXTURES)]
            best[first : first + step] = torch.stack(found).amax(0)
        return best.reshape(shape), square

    def fraction(self, is_inside: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return how much of the mask is inside of the volume, `is_inside` being 1."""
        spectrum = torch.fft.rfftn(is_inside, s=self.shape)
        return self._correlated(spectrum, self.mask, shape) / self.bank.mask.sum()

    def _transformed(self, kernel: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.rfftn(kernel, s=self.shape)
        return spectrum.conj().resolve_conj()

    def _correlated(
        self, spectrum: Tensor, kernel: Tensor, shape: tuple[int, ...]
    ) -> Tensor:
        """Return the sums of a kernel times the voxels that it covers."""
        whole: Tensor = torch.fft.irfftn(spectrum * kernel, s=self.shape)
        return whole[tuple(slice(size) for size in shape)]


def _starts(size: int, edge: int) -> list[int]:
    """Return where parts of one length begin that cover an axis, evenly apart."""
    number = math.ceil(size / edge)
    return [round(i * (size - edge) / max(1, number - 1)) for i in range(number)]


def _largest_tile(rank: int) -> int:
    """Return the edge of the largest tile [voxels]."""
    return max(16, int((TILE_BYTES / 4 / rank) ** (1 / 3)))
