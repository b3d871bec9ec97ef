"""What the settings of all networks that look at slices have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Sequence

# No network is larger, and a file with huge numbers would take long to read.
Width = Annotated[int, Field(ge=1, le=4096)]
Layers = Annotated[int, Field(ge=1, le=100)]

GROUPS = 8
"""Channels are normalised in so many groups, so every width is a multiple of it."""


def deepest_stride(widths: Sequence[int]) -> int:
    """Return the stride of the last stage of a backbone [pixels]."""
    return int(2 ** (len(widths) + 1))


def refuse_unfit_sizes(
    edge: int, widths: Sequence[int], width: int, levels: int = 1
) -> None:
    """Check what must be a multiple of what.

    Parameters
    ----------
    edge
        Of a patch [pixels].
    widths
        Channels of each stage of the backbone.
    width
        Channels of what reads its features.
    levels
        Number of stages that are read.

    Raises
    ------
    ValueError
        If channels cannot be normalised in groups, there are fewer stages than levels,
        or the edge is no multiple of the deepest stride.
    """
    for name, wanted in [("width", width), *(("widths", one) for one in widths)]:
        if wanted % GROUPS:
            raise ValueError(
                f"{name} has {wanted} channels; expected a multiple of {GROUPS}, in"
                " groups of which they are normalised, change it"
            )
    if levels > len(widths):
        raise ValueError(
            f"levels is {levels}; expected at most {len(widths)}, the number of stages"
            " in widths, change one"
        )
    stride = deepest_stride(widths)
    if edge % stride:
        raise ValueError(
            f"edge is {edge}; expected a multiple of {stride}, the deepest stride of"
            f" {len(widths)} stages, change it"
        )
