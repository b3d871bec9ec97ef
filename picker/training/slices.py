"""2D patches of tomograms' slices, with squares about what they cut of particles.

For any detector of boxes. As `picker.training.patches`, a patch is a function of (seed,
stage, step, number in the batch) alone.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.encodings.discs import discs_on_slice, reach
from picker.encodings.squares import squares_from_discs, turned
from picker.machine.processes import share_of
from picker.training.augment import UNCHANGED, apply_symmetry, draw_changes
from picker.training.batch import Batch
from picker.training.boxes import Boxes
from picker.training.halves import NoiseOfHalves
from picker.training.plan import Batches, Plan, View, sigma_of
from picker.training.square_targets import filled
from picker.training.turning import draw_turning, turned_region, turned_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import TrainSettings
    from picker.training.source import PatchSource
    from picker.training.turning import Turning


class SliceDataset(Batches):
    """Batches by step number; of patches that lie anywhere many are empty.

    Parameters
    ----------
    sources
        Where to cut, and what is known there.
    settings
        Seed and augmentations.
    stage
        Name of the training stage; part of the seed.
    edge_setting
        Setting of the edge, for messages; its section has `batch_size` too.
    batch_size
        Patches in a batch, of all processes together.
    edge
        Of a patch [pixels].
    channels
        Slices of a patch, an odd number; squares are on the middle one. Beyond a face
        of the volume it is the last slice again; micrographs give their only one.
    min_chord
        Smallest disc that has a square, as a fraction of the particle's diameter.
    any_angle
        Whether patches are turned freely, where `train.augment.rotate` lets them be
        turned at all. What has turned in from beyond a patch counts as unknown.

    Raises
    ------
    ValueError
        If a tomogram is narrower than a patch, or a patch than two particles.
    """

    def __init__(
        self,
        sources: Sequence[PatchSource],
        settings: TrainSettings,
        stage: str,
        edge_setting: str,
        *,
        batch_size: int,
        edge: int,
        channels: int = 1,
        min_chord: float = 0.0,
        any_angle: bool = False,
    ) -> None:
        for source in sources:
            _check_size(source, edge, edge_setting)
        self.sources = sources
        self.settings = settings
        self.stage = zlib.crc32(stage.encode())
        self.batch_size, self.min_chord = batch_size, min_chord
        section = edge_setting.partition(".")[0]
        self.share = share_of(batch_size, settings.accumulate, f"{section}.batch_size")
        deepest = max(source.volume.shape[0] for source in sources)
        around = channels // 2 if deepest > 1 else 0
        self.shape = (1 + 2 * around, edge, edge)
        augment = settings.augment
        # They lie where squares are, on the middle slice of each patch.
        self.boxes = Boxes((1, edge, edge), 1, rotate=augment.rotate, around=around)
        for source in sources:
            self.boxes.add(source.volume)
        self.any_angle = any_angle and augment.rotate
        self.noise = NoiseOfHalves(sources, [], augment, "none", self.boxes)
        self.known_everywhere = not self.any_angle and all(
            source.is_known_everywhere for source in sources
        )
        present = np.unique(np.concatenate([source.particle for source in sources]))
        self.centres = [
            [
                (source, source.radius[number], index)
                for source in sources
                for index in source.index_zyx[source.particle == number]
            ]
            for number in present
        ]
        # Those that are searched whole; of others only single places are known.
        self.searched = [source for source in sources if source.review is None]
        wrong = [
            (source, source.radius[number], index)
            for source in sources
            if source.review
            for index, number in zip(*source.review.wrong, strict=True)
        ]
        # What was taken for a particle and is none is drawn as often as a class.
        self.centres += [wrong] if wrong else []

    def plan(self, step: int) -> Plan:
        """Return how the batch of one step is made."""
        drawn = [
            self._drawn(
                np.random.default_rng([self.settings.seed, self.stage, step, 2, i])
            )
            for i in self.share
        ]
        empty = torch.empty((0, 1, *self.shape))
        known = None
        if not self.known_everywhere:
            known = torch.stack([one.known for one in drawn])
        views = tuple(one.view for one in drawn)
        return Plan(
            labeled=views,
            weak=(),
            strong=(),
            sigma=sigma_of(*views),
            hidden=None,
            rest=Batch(
                labeled=empty,
                target=filled([one.target for one in drawn]),
                weak=empty,
                strong=empty,
                labeled_region=known,
            ),
        )

    def _drawn(self, rng: np.random.Generator) -> _Drawn:
        """Return how to make a patch on a slice through a particle, or anywhere."""
        augment = self.settings.augment
        is_centered = rng.random() < self.settings.centered_fraction
        if self.centres and (is_centered or not self.searched):
            of_class = self.centres[rng.integers(len(self.centres))]
            source, radius, centre = of_class[rng.integers(len(of_class))]
            # Off-centre, and on any slice that cuts it.
            shift = rng.uniform(-0.25, 0.25, 3) * self.shape
            shift[0] = rng.uniform(-1, 1) * reach(self.min_chord) * radius
            slice_z, y, x = centre + shift
            # The middle of a slice.
            place = np.array([np.round(slice_z) + 0.5, y, x])
            corner = source.corner(place, self.boxes.shape)
        else:
            source = self.searched[int(rng.integers(len(self.searched)))]
            corner = self.boxes.anywhere(source, rng)
        symmetry = self.boxes.symmetry(rng)
        noise = self.noise.more(rng)
        changes = UNCHANGED
        if augment.labeled_intensity:
            changes = draw_changes(
                augment.intensity, rng, restandardise=augment.restandardise
            )
        box = corner, self.boxes.shape, 1
        known = source.known(*box) * source.judged(*box)
        drawn = _Drawn(
            view=View(
                box=self.boxes.box(source.volume, corner, symmetry),
                noise=noise,
                changes=changes,
            ),
            target=_turned(self._target(source, corner), *symmetry),
            known=torch.from_numpy(apply_symmetry(known[None], *symmetry)),
        )
        return drawn.turned(draw_turning(rng)) if self.any_angle else drawn

    def _target(
        self, source: PatchSource, corner: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return `(n, 4)` classes and squares of a slice's patch at a corner."""
        edge = self.shape[1]
        discs = discs_on_slice(
            source.index_zyx,
            source.particle,
            source.radius,
            int(corner[0]),
            self.min_chord,
        )
        discs = replace(discs, centre_yx=discs.centre_yx - corner[1:])
        inside = np.all((discs.centre_yx >= -0.5) & (discs.centre_yx < edge - 0.5), 1)
        discs = discs.select(inside)
        squares = squares_from_discs(discs, edge)
        return np.column_stack([discs.particle, squares]).astype(np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    """One patch, its squares, and where they hold, as in `Batch`."""

    view: View
    target: Tensor
    known: Tensor

    def turned(self, turning: Turning) -> _Drawn:
        """Return it turned in the plane."""
        return _Drawn(
            view=replace(self.view, turning=turning),
            target=turned_target(self.target, turning),
            known=turned_region(self.known.float(), turning),
        )


def _check_size(source: PatchSource, edge: int, setting: str) -> None:
    """Check that patches fit into a tomogram, and particles into patches.

    Of a particle that is wider than half of a patch no two tiles, which overlap by half
    at most, show the whole.
    """
    _, y, x = source.volume.shape
    if min(y, x) < edge:
        raise ValueError(
            f"tomogram {source.name} has {y} × {x} voxels on a slice; expected at least"
            f" {edge} × {edge}, as patches have: lower their edge, {setting}"
        )
    largest = 2 * float(source.radius.max())
    if 2 * np.ceil(largest) > edge:
        raise ValueError(
            f"the largest particle is {largest:.4g} voxels wide in tomogram"
            f" {source.name}; expected at most half of a patch, {edge // 2}: raise its"
            f" edge, {setting}, or make the voxels larger with"
            " preprocess.target_voxel_size"
        )


def _turned(
    target: NDArray[np.float32], flips: NDArray[np.bool_], turns: int
) -> Tensor:
    squares = turned(target[:, 1:], flips, turns)
    return torch.from_numpy(np.column_stack([target[:, 0], squares]))
