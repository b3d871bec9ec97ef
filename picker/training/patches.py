"""Patches for training.

A patch is a function of (seed, stage, step, number in the batch) alone: a resumed run
sees what an uninterrupted one would, as do several processes that share the batch. How
it is made is drawn apart from its voxels (`picker.training.plan`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.machine.processes import share_of
from picker.training.augment import (
    UNCHANGED,
    apply_symmetry,
    draw_blocks,
    draw_changes,
)
from picker.training.batch import Batch
from picker.training.boxes import Boxes
from picker.training.expected import HiddenMeans, rareness
from picker.training.halves import NoiseOfHalves
from picker.training.plan import Batches, Plan, View, sigma_of
from picker.training.source import patch_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import TrainSettings
    from picker.config.co_train import Halves
    from picker.encodings.encoding import Encoding
    from picker.training.augment import Changes
    from picker.training.source import PatchSource


class PatchDataset(Batches):
    """Batches by step number.

    Parameters
    ----------
    labeled, unlabeled
        Where to cut; without unlabeled ones batches have labeled patches alone.
    settings
        Sizes, seed and augmentations.
    stage
        Name of the training stage; part of the seed.
    encoding
        How particles become targets.
    stride
        Input voxels per voxel of the targets.
    halves
        What teacher and student see of unlabeled tomograms that have halves.

    Raises
    ------
    ValueError
        If the settings ask for halves and no tomogram has any.
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
        halves: Halves = "none",
    ) -> None:
        self.labeled = labeled
        self.unlabeled = unlabeled
        self.settings = settings
        self.stage = zlib.crc32(stage.encode())
        self.encoding = encoding
        self.stride = stride
        self.share = share_of(settings.batch_size, settings.accumulate)
        self.shape = patch_shape(settings.patch_zyx, [*labeled, *unlabeled])
        augment = settings.augment
        self.boxes = Boxes(self.shape, stride, rotate=augment.rotate)
        for source in (*labeled, *unlabeled):
            self.boxes.add(source.volume)
        self.noise = NoiseOfHalves(labeled, unlabeled, augment, halves, self.boxes)
        self.hidden = HiddenMeans(labeled, encoding, stride)
        present = np.unique(np.concatenate([s.particle for s in labeled]))
        self.centres = [
            [
                (source, index)
                for source in labeled
                for index in source.index_zyx[source.particle == number]
            ]
            for number in present
        ]
        # Those that are searched whole; of others only single places are known.
        self.searched = [source for source in labeled if source.review is None]
        wrong = [
            (source, index)
            for source in labeled
            if source.review
            for index in source.review.wrong.index_zyx
        ]
        # What was taken for a particle and is none is drawn as often as a class.
        self.centres += [wrong] if wrong else []

    def plan(self, step: int) -> Plan:
        """Return how that batch is made."""

        def rng(kind: int, number: int) -> np.random.Generator:
            return np.random.default_rng(
                [self.settings.seed, self.stage, step, kind, number]
            )

        first = step * self.settings.batch_size
        labeled = [self._labeled(rng(0, i), first + i) for i in self.share]
        unlabeled = (
            [self._unlabeled(rng(1, i)) for i in self.share] if self.unlabeled else []
        )
        views = tuple(one.view for one in labeled)
        strong = tuple(one.strong for one in unlabeled)
        empty = torch.empty((0, 1, *self.shape))
        return Plan(
            labeled=views,
            weak=tuple(one.weak for one in unlabeled),
            strong=strong,
            sigma=sigma_of(*views, *strong),
            hidden=_stacked(
                [one.hidden for one in unlabeled],
                bool(unlabeled) and self.settings.augment.dropblock,
            ),
            rest=Batch(
                labeled=empty,
                target=torch.stack([one.target for one in labeled]),
                weak=empty,
                strong=empty,
                weak_target=_stacked(
                    [one.target for one in unlabeled],
                    _any_partial(self.unlabeled) or _any_review(self.unlabeled),
                ),
                labeled_region=_stacked(
                    [one.known for one in labeled],
                    _any_region(self.labeled) or _any_partial(self.labeled),
                ),
                unlabeled_region=_stacked(
                    [one.known for one in unlabeled], _any_region(self.unlabeled)
                ),
                open=_stacked(
                    [one.open for one in labeled], _any_partial(self.labeled)
                ),
                hidden_mean=_stacked(
                    [one.hidden_mean for one in labeled], _any_partial(self.labeled)
                ),
            ),
        )

    def _labeled(self, rng: np.random.Generator, number: int) -> _Labeled:
        """Return how to make a patch around a particle, or anywhere.

        In place of a particle it may be something that was taken for one. With partial
        labels every other patch lies anywhere: what is expected of the whole tomogram
        holds for patches that do not look for its particles.
        """
        at_particle = rng.random() < self.settings.centered_fraction
        if self.hidden.mean:
            at_particle = number % 2 == 0
        if self.centres and (at_particle or not self.searched):
            of_class = self.centres[rng.integers(len(self.centres))]
            source, centre = of_class[rng.integers(len(of_class))]
            # Anywhere in the middle half, so that the network sees it off-centre.
            shift = (rng.random(3) - 0.5) * self.shape
            corner = source.corner(centre + 0.5 * shift, self.shape)
        else:
            source = self.searched[int(rng.integers(len(self.searched)))]
            corner = self.boxes.anywhere(source, rng)
        target = self._target(source, corner)
        symmetry = self.boxes.symmetry(rng)
        noise = self.noise.more(rng)
        is_changed = self.settings.augment.labeled_intensity
        changes = self._changes(rng) if is_changed else UNCHANGED
        known = source.known(corner, self.shape, self.stride)
        unknown = np.zeros_like(known)
        if source.hidden is not None:
            near = source.near_labels(corner, self.shape, self.stride)
            if not at_particle:
                unknown = known * (1 - near)
                unknown *= rareness(
                    corner, self.shape, source.volume.shape, self.stride
                )
            known = known * near
        known, unknown = known[None], unknown[None]
        if _any_review(self.labeled):
            known = known * source.answered(corner, self.shape, self.stride)
        known, unknown = (apply_symmetry(a, *symmetry) for a in (known, unknown))
        return _Labeled(
            view=View(
                box=self.boxes.box(source.volume, corner, symmetry),
                noise=noise,
                changes=changes,
            ),
            target=torch.from_numpy(apply_symmetry(target, *symmetry)),
            known=torch.from_numpy(known),
            open=torch.from_numpy(unknown),
            hidden_mean=torch.from_numpy(self.hidden.of(source)).float(),
        )

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

    def _unlabeled(self, rng: np.random.Generator) -> _Unlabeled:
        """Return how to make one unlabeled patch as teacher and student see it."""
        source = self.unlabeled[int(rng.integers(len(self.unlabeled)))]
        corner = self.boxes.anywhere(source, rng)
        symmetry = self.boxes.symmetry(rng)
        box = self.boxes.box(source.volume, corner, symmetry)
        weak, strong = self.noise.views(source, corner, symmetry, rng)
        strong += self.noise.more(rng)
        changes = self._changes(rng)
        augment = self.settings.augment
        rate = augment.dropblock_rate if augment.dropblock else 0.0
        hidden = draw_blocks(self.shape, rate, augment.dropblock_size, rng)
        known = source.known(corner, self.shape, self.stride)[None]
        if _any_review(self.unlabeled):
            known = known * source.not_wrong(corner, self.shape, self.stride)
        known = apply_symmetry(known, *symmetry)
        target = apply_symmetry(self._target(source, corner), *symmetry)
        return _Unlabeled(
            weak=View(box=box, noise=weak),
            strong=View(box=box, noise=strong, changes=changes),
            hidden=torch.from_numpy(hidden)[None],
            target=torch.from_numpy(target),
            known=torch.from_numpy(known),
        )

    def _changes(self, rng: np.random.Generator) -> Changes:
        augment = self.settings.augment
        return draw_changes(augment.intensity, rng, restandardise=augment.restandardise)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Labeled:
    """One patch with what is known of it, as in `Batch`."""

    view: View
    target: Tensor
    known: Tensor
    open: Tensor
    hidden_mean: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unlabeled:
    """One patch as teacher and student see it, with what is known, as in `Batch`."""

    weak: View
    strong: View
    hidden: Tensor
    target: Tensor
    known: Tensor


def _any_region(sources: Sequence[PatchSource]) -> bool:
    """Return whether a part of a source is not known."""
    return any(not source.is_known_everywhere for source in sources)


def _any_partial(sources: Sequence[PatchSource]) -> bool:
    """Return whether a source has particles without a label beside those with one."""
    return any(source.hidden is not None for source in sources)


def _any_review(sources: Sequence[PatchSource]) -> bool:
    """Return whether of a source single places are known."""
    return any(source.review is not None for source in sources)


def _stacked(parts: list[Tensor], is_wanted: bool) -> Tensor | None:
    """Return what the patches have as one tensor, None if no source has it."""
    return torch.stack(parts) if is_wanted else None
