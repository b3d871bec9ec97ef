"""Figures as SVG, the same text each time they are drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "picker",
}
"""What all figures have in common, for `matplotlib.rc_context`."""


def svg_of(
    figure: Figure, style: Mapping[Any, Any] = STYLE, *, transparent: bool = False
) -> str:
    """Return a figure as SVG, without its date.

    Parameters
    ----------
    figure
        Drawn in the same style.
    style
        At least `STYLE`.
    transparent
        Whether the figure has no background.
    """
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context(dict(style)):
        figure.savefig(file, format="svg", transparent=transparent, metadata=nothing)
    return file.getvalue()
