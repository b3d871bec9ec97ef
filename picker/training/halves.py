"""What patches have of the noise in tomograms' halves.

Teacher and student see halves whose noise is independent, so that the student cannot
learn the noise that the teacher saw. And patches get more noise of the kind that their
tomograms have, in place of noise that somebody made up.

Source: for training on pairs of independent noise Lehtinen et al. 2018, Noise2Noise,
arXiv:1803.04189; on even and odd frames Buchholz et al. 2019, Cryo-CARE,
arXiv:1810.05420.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.volumes.halves import half

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from picker.config import AugmentSettings
    from picker.config.training import Halves
    from picker.training.boxes import Box, Boxes, Symmetry
    from picker.training.source import PatchSource


class NoiseOfHalves:
    """Makes views of the halves, and noisier patches.

    Parameters
    ----------
    labeled, unlabeled
        Tomograms that patches are cut from.
    augment
        How often patches get noise, and how much.
    halves
        What teacher and student see of unlabeled tomograms that have halves.
    boxes
        Cuts noise.

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

    def views(
        self,
        source: PatchSource,
        corner: NDArray[np.int64],
        symmetry: Symmetry,
        rng: np.random.Generator,
    ) -> tuple[Box, Box]:
        """Return an unlabeled patch for the teacher and for the student."""
        patch = self.boxes.cut(source.volume, corner, symmetry)
        if self.halves == "none" or source.noise is None:
            return patch, patch
        sign = rng.uniform(-1, 1)
        if self.halves == "opposite":
            sign = -1 if sign < 0 else 1
        noise = self.boxes.cut(source.noise.volume, corner, symmetry)
        spread = source.noise.spread
        return half(patch, noise, spread, sign), half(patch, noise, spread, -sign)

    def noisier(self, patch: Box, rng: np.random.Generator) -> Box:
        """Return a patch with noise of any tomogram's halves on top, or as it is."""
        augment = self.augment
        if not augment.real_noise or rng.random() >= augment.real_noise:
            return patch
        source, noise = self.bank[int(rng.integers(len(self.bank)))]
        corner = self.boxes.anywhere(source, rng)
        more = self.boxes.cut(noise.volume, corner, self.boxes.symmetry(rng))
        factor = rng.uniform(0, augment.real_noise_factor)
        # As a half is made of its own tomogram.
        return half(patch, more, noise.spread, factor)


def _none(setting: str, value: object, off: str, which: str) -> ValueError:
    return ValueError(
        f"{setting} is {value}, but none of the {which}tomograms that this stage trains"
        " on has halves; expected some, name them in the table's columns even and odd,"
        f" or set {setting}: {off}"
    )
