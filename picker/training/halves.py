"""What patches have of the noise in tomograms' halves.

Teacher and student see halves whose noise is independent, so that the student cannot
learn the noise that the teacher saw. And patches get more noise of the kind that their
tomograms have, in place of noise that somebody made up.

Source: for training on pairs of independent noise Lehtinen et al. 2018, Noise2Noise,
arXiv:1803.04189; on even and odd frames Buchholz et al. 2019, Cryo-CARE,
arXiv:1810.05420.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import AugmentSettings
    from picker.config.co_train import Halves
    from picker.training.boxes import Box, Boxes, Symmetry
    from picker.training.source import Noise, PatchSource


class MoreNoise(NamedTuple):
    """Noise of halves that a patch gets, as a half is made of its tomogram.

    Attributes
    ----------
    box
        Where the noise lies.
    spread
        Its standard deviation in its whole tomogram.
    factor
        What it is multiplied by; 1 and −1 make the halves.
    """

    box: Box
    spread: float
    factor: float


def with_noise(patch: Tensor, noise: Tensor, more: MoreNoise) -> Tensor:
    """Return a patch with noise on top, of the same spread, as `volumes.halves.half`.

    Parameters
    ----------
    patch, noise
        `(1, z, y, x)` float32.
    more
        How much noise.
    """
    spread = math.hypot(1, more.factor * more.spread)
    return (patch + more.factor * noise) * (1 / spread)


class NoiseOfHalves:
    """Draws views of the halves, and noise for patches.

    Parameters
    ----------
    labeled, unlabeled
        Tomograms that patches are cut from.
    augment
        How often patches get noise, and how much.
    halves
        What teacher and student see of unlabeled tomograms that have halves.
    boxes
        Where the noise that is used may be cut from is added to them.

    Raises
    ------
    ValueError
        If noise or halves are asked for and no tomogram has any.
    """

    def __init__(
        self,
        labeled: Sequence[PatchSource],
        unlabeled: Sequence[PatchSource],
        augment: AugmentSettings,
        halves: Halves,
        boxes: Boxes,
    ) -> None:
        self.bank = [
            (source, source.noise)
            for source in (*labeled, *unlabeled)
            if source.noise is not None
        ]
        self.augment = augment
        self.halves = halves
        self.boxes = boxes
        if augment.real_noise and not self.bank:
            raise _none("train.augment.real_noise", augment.real_noise, "0", "")
        if halves != "none" and all(source.noise is None for source in unlabeled):
            raise _none("co_train.halves", halves, "none", "unlabeled ")
        used: list[Noise] = []
        if augment.real_noise:
            used = [noise for _, noise in self.bank]
        elif halves != "none":
            used = [source.noise for source in unlabeled if source.noise is not None]
        for noise in used:
            boxes.add(noise.volume)

    def views(
        self,
        source: PatchSource,
        corner: NDArray[np.int64],
        symmetry: Symmetry,
        rng: np.random.Generator,
    ) -> tuple[tuple[MoreNoise, ...], tuple[MoreNoise, ...]]:
        """Return what makes the teacher's and the student's view of a patch."""
        if self.halves == "none" or source.noise is None:
            return (), ()
        sign = rng.uniform(-1, 1)
        if self.halves == "opposite":
            sign = -1 if sign < 0 else 1
        box = self.boxes.box(source.noise.volume, corner, symmetry)
        spread = source.noise.spread
        return (MoreNoise(box, spread, sign),), (MoreNoise(box, spread, -sign),)

    def more(self, rng: np.random.Generator) -> tuple[MoreNoise, ...]:
        """Return noise of any tomogram's halves, or none."""
        augment = self.augment
        if not augment.real_noise or rng.random() >= augment.real_noise:
            return ()
        source, noise = self.bank[int(rng.integers(len(self.bank)))]
        corner = self.boxes.anywhere(source, rng)
        box = self.boxes.box(noise.volume, corner, self.boxes.symmetry(rng))
        factor = rng.uniform(0, augment.real_noise_factor)
        return (MoreNoise(box, noise.spread, factor),)


def _none(setting: str, value: object, off: str, which: str) -> ValueError:
    return ValueError(
        f"{setting} is {value}, but none of the {which}tomograms that this stage trains"
        " on has halves; expected some, name them in the table's columns even and odd,"
        f" or set {setting}: {off}"
    )
