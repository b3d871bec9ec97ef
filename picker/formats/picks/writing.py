"""What all writers of picks for other programs share: rows, numbers, warnings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from picker.core.rotations import are_known, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from picker.core.picks import Picks
    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger(__name__)


def rows_of(
    picks: Picks, particle: str
) -> Iterator[tuple[NDArray[np.float64], str, NDArray[np.float64] | None]]:
    """Yield position [Å, zyx], score as text and rotation of one class's picks.

    The rotation is `(3, 3)`, or None where it is not known.
    """
    own = picks.of(particle)
    rotation = unknown(len(own)) if own.rotation is None else own.rotation
    for position, score, turn, is_known in zip(
        own.position_zyx, own.score, rotation, are_known(rotation), strict=True
    ):
        yield position, str(score), turn if is_known else None


def whole_index(
    position_zyx: NDArray[np.float64], one: TomogramPicks
) -> NDArray[np.intp]:
    """Return the voxel that a position [Å] is nearest to, in its tomogram.

    For RELION, which cuts decimals off, and stops at a particle outside.
    """
    index = np.floor(position_zyx / one.voxel_size + 0.5).astype(np.intp)
    return np.clip(index, 0, np.array(one.shape_zyx) - 1)


def texts(value_zyx: NDArray[np.float64]) -> list[str]:
    """Return x, y, z as text, with six decimals at most."""
    return [repr(value) for value in rounded(value_zyx)]


def each_class(
    particles: Sequence[str], tomograms: Sequence[TomogramPicks]
) -> Iterator[tuple[int, str]]:
    """Yield each class's number from 1 and name; warn of tomograms without picks."""
    for number, particle in enumerate(particles, 1):
        without = [
            one.tomogram
            for one in tomograms
            if not (one.picks.particle == particle).any()
        ]
        if without:
            logger.warning(
                "warning: no picks of %s in %d of %d tomograms (%s); their files have"
                " a header alone",
                particle,
                len(without),
                len(tomograms),
                ", ".join(without[:5]) + (", …" if len(without) > 5 else ""),
            )
        yield number, particle


def rounded(value_zyx: NDArray[np.float64]) -> list[float]:
    """Return x, y, z with six decimals at most: float32 has fewer, and no -0.0."""
    return [round(float(value), 6) + 0.0 for value in value_zyx[::-1]]
