"""A volume in few large windows, which overlap where the network needs to see more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from picker.finding.finder import Volume


@dataclass(frozen=True, slots=True)
class Span:
    """A window along one axis [voxels]: what the network sees, what is kept of it.

    The network sees `start` … `stop`; `first` … `last` are kept. All are even.
    """

    start: int
    stop: int
    first: int
    last: int


def spans(size: int, largest: int, halo: int, alignment: int) -> list[Span]:
    """Return the fewest windows that cover an axis, all about as long.

    Parameters
    ----------
    size
        Of the axis [voxels], even.
    largest
        No window is longer [voxels].
    halo
        What a window sees beyond what is kept of it [voxels], even, where the axis
        continues: there the network's padding would spoil the result. Less where
        `largest` leaves no room for it.
    alignment
        Windows start at multiples of it [voxels], so that every strided feature falls
        where it would in the whole tomogram.

    Raises
    ------
    ValueError
        If `largest` is less than twice the alignment.
    """
    if size <= largest:
        return [Span(0, size, 0, size)]
    if largest < 2 * alignment:
        raise ValueError(f"a window needs {2 * alignment} voxels, got {largest}")
    halo = min(halo, (largest - 2 * alignment) // 4 * 2)
    for number in range(2, size):
        cuts = [round(i * size / number / 2) * 2 for i in range(number + 1)]
        found = [
            Span(
                max(0, first - halo) // alignment * alignment,
                min(size, last + halo),
                first,
                last,
            )
            for first, last in pairwise(cuts)
        ]
        if max(span.stop - span.start for span in found) <= largest:
            return found
    raise AssertionError("an axis can always be cut")


def cut(volume: Volume, window: tuple[Span, ...], kind: torch.dtype) -> Tensor:
    """Return one window on the device of the volume, in precision `kind`.

    Parameters
    ----------
    volume
        `(z, y, x)`.
    window
        Its span along each axis.
    kind
        Precision to return it in.

    Returns
    -------
    `(1, 1, z, y, x)`; where an odd size was made even its last plane repeats.
    """
    place = tuple(slice(span.start, span.stop) for span in window)
    seen = torch.as_tensor(volume[place])[None, None]
    missing = [
        (0, span.stop - span.start - size)
        for span, size in zip(window, seen.shape[2:], strict=True)
    ]
    if np.any(missing):
        # `pad` takes the last axis first, and not on every device half precision.
        beyond = [*chain(*reversed(missing))]
        seen = functional.pad(seen.float(), beyond, mode="replicate")
    return seen.to(kind)
