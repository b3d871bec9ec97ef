"""Patches for training, cut straight from chunked storage.

A patch is a function of (seed, stage, step, number in the batch) alone: a resumed run
sees what an uninterrupted one would, as do several processes that share the batch, and
no tomogram is ever held whole.
"""

from __future__ import annotations

import os
import signal
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from picker.machine.processes import share_of
from picker.machine.signals import SIGNALS
from picker.training.augment import (
    apply_symmetry,
    augment_intensity,
    dropblock,
    random_symmetry,
)
from picker.training.chunks import ChunkCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import zarr
    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import TrainSettings
    from picker.encodings.encoding import Encoding


CACHED = 512 * 2**20
"""Size of the chunks that all loading processes together keep in memory [bytes]."""
MAX_DRAWS = 20
"""Tries to place a patch where the region has a voxel of it."""
FEW_CORES = 4
"""Up to so many cut patches themselves where they train without a GPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PatchSource:
    """A tomogram that patches are cut from.

    Attributes
    ----------
    name
        The tomogram's.
    volume
        `(z, y, x)`, normalised; lazy, so that only the chunks needed are read.
    index_zyx
        `(n, 3)` centres of known particles [voxels]; none in an unlabeled tomogram.
    particle
        `(n,)` class numbers.
    radius
        `(class,)` of each class's particles [voxels].
    region
        Above 0 where particles were looked for, at any resolution of the same field
        of view; lazy too. None: everywhere.
    """

    name: str
    volume: zarr.Array[Any] | NDArray[np.float32]
    index_zyx: NDArray[np.float64]
    particle: NDArray[np.int64]
    radius: NDArray[np.float64]
    region: zarr.Array[Any] | NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step trains on.

    Attributes
    ----------
    labeled, target
        `(batch, 1, z, y, x)` and `(batch, class, z/R, y/R, x/R)`, R being the
        network's stride.
    weak, strong
        `(batch, 1, z, y, x)` unlabeled patches as the teacher and as the student see
        them; with batch 0 during burn-in.
    labeled_region, unlabeled_region
        `(batch, 1, z/R, y/R, x/R)`, 1 where targets hold and 0 where nobody looked
        for particles; None where they hold everywhere.
    """

    labeled: Tensor
    target: Tensor
    weak: Tensor
    strong: Tensor
    labeled_region: Tensor | None = None
    unlabeled_region: Tensor | None = None

    def pin_memory(self) -> Batch:
        """Return it in memory that a GPU copies from by itself; torch's loader asks."""
        return self._each(lambda tensor: tensor.pin_memory())

    def to(self, device: torch.device) -> Batch:
        """Return it on a device, where pinned without waiting for the copy."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def part(self, i: int, number: int) -> Batch:
        """Return one of so many equal parts, of labeled and of unlabeled patches."""
        return self._each(lambda tensor: tensor.tensor_split(number)[i])

    @property
    def num_patches(self) -> int:
        """How many patches there are, labeled and unlabeled."""
        return len(self.labeled) + len(self.weak)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        def changed(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else change(tensor)

        return Batch(
            labeled=change(self.labeled),
            target=change(self.target),
            weak=change(self.weak),
            strong=change(self.strong),
            labeled_region=changed(self.labeled_region),
            unlabeled_region=changed(self.unlabeled_region),
        )


def patch_shape(
    wanted_zyx: tuple[int, int, int], sources: Sequence[PatchSource]
) -> tuple[int, int, int]:
    """Return the patch size [voxels], even and no larger than any tomogram."""
    z, y, x = (
        min(wanted, *(source.volume.shape[axis] for source in sources)) // 2 * 2
        for axis, wanted in enumerate(wanted_zyx)
    )
    return z, y, x


class PatchDataset(Dataset[Batch]):
    """Batches by step number.

    Parameters
    ----------
    labeled, unlabeled
        Where to cut; without unlabeled ones it serves burn-in.
    settings
        Sizes, seed and augmentations.
    stage
        Name of the training stage; part of the seed.
    encoding
        How particles become targets.
    stride
        Input voxels per voxel of the targets.
    """

    def __init__(
        self,
        labeled: Sequence[PatchSource],
        unlabeled: Sequence[PatchSource],
        settings: TrainSettings,
        stage: str,
        encoding: Encoding,
        *,
        stride: int = 2,
    ) -> None:
        self.labeled = labeled
        self.unlabeled = unlabeled
        self.settings = settings
        self.stage = zlib.crc32(stage.encode())
        self.encoding = encoding
        self.stride = stride
        self.share = share_of(settings.batch_size, settings.accumulate)
        self.shape = patch_shape(settings.patch_zyx, [*labeled, *unlabeled])
        self.cache = ChunkCache(CACHED)
        present = np.unique(np.concatenate([s.particle for s in labeled]))
        self.centres = [
            [
                (source, index)
                for source in labeled
                for index in source.index_zyx[source.particle == number]
            ]
            for number in present
        ]

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of one step, or this process's share of it."""

        def rng(kind: int, number: int) -> np.random.Generator:
            return np.random.default_rng(
                [self.settings.seed, self.stage, step, kind, number]
            )

        labeled = [self._labeled(rng(0, i)) for i in self.share]
        unlabeled = (
            [self._unlabeled(rng(1, i)) for i in self.share] if self.unlabeled else []
        )
        empty = torch.empty((0, 1, *self.shape))
        return Batch(
            labeled=torch.stack([patch for patch, _, _ in labeled]),
            target=torch.stack([target for _, target, _ in labeled]),
            weak=torch.stack([w for w, _, _ in unlabeled]) if unlabeled else empty,
            strong=torch.stack([s for _, s, _ in unlabeled]) if unlabeled else empty,
            labeled_region=_stacked(self.labeled, [known for *_, known in labeled]),
            unlabeled_region=_stacked(
                self.unlabeled, [known for *_, known in unlabeled]
            ),
        )

    def _labeled(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return a patch around a particle, or anywhere, its target and region."""
        if self.centres and rng.random() < self.settings.centered_fraction:
            of_class = self.centres[rng.integers(len(self.centres))]
            source, centre = of_class[rng.integers(len(of_class))]
            # Anywhere in the middle half, so that the network sees it off-centre.
            shift = (rng.random(3) - 0.5) * self.shape
            corner = self._corner(source, centre + 0.5 * shift)
        else:
            source = self.labeled[int(rng.integers(len(self.labeled)))]
            corner = self._anywhere(source, rng)
        target = self._target(source, corner)
        symmetry = self._symmetry(rng)
        patch = self._patch(source, corner, symmetry)
        if self.settings.augment.labeled_intensity:
            patch = augment_intensity(patch, self.settings.augment.intensity, rng)
        known = apply_symmetry(self._region(source, corner), *symmetry)
        target = apply_symmetry(target, *symmetry)
        return patch, torch.from_numpy(target), torch.from_numpy(known)[None]

    def _target(
        self, source: PatchSource, corner: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return what the network is to answer for the patch at a corner."""
        return self.encoding.target(
            source.index_zyx - corner,
            source.particle,
            source.radius,
            self.shape,
            self.stride,
        )

    def _unlabeled(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return one unlabeled patch as teacher and student see it, and its region."""
        source = self.unlabeled[int(rng.integers(len(self.unlabeled)))]
        corner = self._anywhere(source, rng)
        symmetry = self._symmetry(rng)
        weak = self._patch(source, corner, symmetry)
        augment = self.settings.augment
        strong = augment_intensity(weak, augment.intensity, rng)
        if augment.dropblock:
            strong = dropblock(
                strong, augment.dropblock_rate, augment.dropblock_size, rng
            )
        known = apply_symmetry(self._region(source, corner), *symmetry)
        return weak, strong, torch.from_numpy(known)[None]

    def _anywhere(
        self, source: PatchSource, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return the first voxel of a patch anywhere, not all outside of the region."""
        for _ in range(MAX_DRAWS):
            corner = self._corner(source, rng.random(3) * source.volume.shape)
            if self._region(source, corner).any():
                break
        return corner

    def _region(
        self, source: PatchSource, corner: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return `(z/R, y/R, x/R)`, 1 where the patch at a corner is in the region."""
        size = [s // self.stride for s in self.shape]
        if source.region is None:
            return np.ones(size, np.float32)
        places = [
            np.minimum(np.round((c + self.stride * np.arange(n)) * m / v), m - 1)
            for c, n, m, v in zip(
                corner, size, source.region.shape, source.volume.shape, strict=True
            )
        ]
        # Of a lazy array the chunks of this box alone are read.
        low = [int(p[0]) for p in places]
        box = source.region[
            tuple(slice(a, int(p[-1]) + 1) for a, p in zip(low, places, strict=True))
        ]
        inside = np.asarray(box)[
            np.ix_(*(p.astype(int) - a for a, p in zip(low, places, strict=True)))
        ]
        return (inside > 0).astype(np.float32)

    def _corner(
        self, source: PatchSource, centre: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the first voxel of a patch about a centre, moved into the volume."""
        corner = np.round(centre - np.array(self.shape) / 2).astype(np.int64)
        room = np.array(source.volume.shape) - self.shape
        return np.clip(corner, 0, room)

    def _symmetry(self, rng: np.random.Generator) -> tuple[NDArray[np.bool_], int]:
        square = self.shape[1] == self.shape[2]
        return random_symmetry(rng, square, self.settings.augment.rotate)

    def _patch(
        self,
        source: PatchSource,
        corner: NDArray[np.int64],
        symmetry: tuple[NDArray[np.bool_], int],
    ) -> Tensor:
        patch = self.cache.box(source.volume, corner, self.shape)
        return torch.from_numpy(apply_symmetry(patch, *symmetry))[None]


def _stacked(sources: Sequence[PatchSource], known: list[Tensor]) -> Tensor | None:
    """Return the patches' regions as one tensor, None if no source has any."""
    if all(source.region is None for source in sources):
        return None
    return torch.stack(known)


def batches(
    dataset: PatchDataset, start: int, stop: int, device: torch.device
) -> Iterator[Batch]:
    """Return the batches of steps `start` … `stop` − 1, cut ahead of their use.

    They stay on the CPU, in memory that `device` can copy from while it computes.
    """
    wanted = dataset.settings.num_workers
    return iter(
        DataLoader(
            dataset,
            sampler=range(start, stop),
            batch_size=None,
            num_workers=useful_workers(device) if wanted is None else wanted,
            worker_init_fn=_serve,
            pin_memory=device.type == "cuda",
        )
    )


def useful_workers(device: torch.device) -> int:
    """Return how many processes may cut patches for one that trains on `device`."""
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if device.type == "cuda":
        return max(1, cores - 1)
    # Of few cores all train, and wait for the one that a loading process takes; cutting
    # the patches between two steps, on all of them, costs less.
    return 1 if cores > FEW_CORES else 0


def _serve(worker: int) -> None:
    """Keep a loading process from taking the cores that train, and alive to the end.

    Slurm sends a job's signals to every process of it. A loader that dies of one takes
    the training with it, checkpoint unwritten; it ends by itself when that has ended.
    """
    del worker
    torch.set_num_threads(1)
    here = get_worker_info()
    assert here is not None
    assert isinstance(here.dataset, PatchDataset)
    here.dataset.cache.size = CACHED // here.num_workers
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
