"""Orientations for programs that need some where none is known."""

from __future__ import annotations

import logging
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.rotations import (
    are_known,
    identities,
    random_rotations,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.config import Angles
    from picker.core.picks import Picks
    from picker.formats.picks.records import TomogramPicks

logger = logging.getLogger(__name__)


def with_angles(
    tomograms: Sequence[TomogramPicks], angles: Angles, seed: int
) -> list[TomogramPicks]:
    """Return the picks with orientations where none is known.

    Parameters
    ----------
    tomograms
        All that are written together.
    angles
        "known": the identity for picks of a class of which others have an orientation,
        as a file's column has a value in every row, and none for other classes; "zero":
        the identity; "random": all orientations equally likely.
    seed
        Of random ones. A tomogram's do not depend on which others there are.
    """
    oriented = {
        str(name)
        for one in tomograms
        if one.picks.rotation is not None
        for name in set(one.picks.particle[are_known(one.picks.rotation)])
    }
    filled = []
    num = 0
    for one in tomograms:
        picks = one.picks
        lacks = _lacking(picks)
        if angles == "known":
            lacks &= np.isin(picks.particle, sorted(oriented))
            num += int(lacks.sum())
        if lacks.any():
            rotation = (
                unknown(len(picks)) if picks.rotation is None else picks.rotation.copy()
            )
            if angles == "random":
                rng = np.random.default_rng([seed, zlib.crc32(one.tomogram.encode())])
                rotation[lacks] = random_rotations(len(picks), rng)[lacks]
            else:
                rotation[lacks] = identities(int(lacks.sum()))
            picks = replace(picks, rotation=rotation)
        filled.append(replace(one, picks=picks))
    if num:
        logger.warning(
            "warning: the orientations of %d picks are not known; their angles are"
            " written as 0, as other picks of their class have some",
            num,
        )
    return filled


def _lacking(picks: Picks) -> NDArray[np.bool_]:
    if picks.rotation is None:
        return np.ones(len(picks), np.bool_)
    return ~are_known(picks.rotation)
