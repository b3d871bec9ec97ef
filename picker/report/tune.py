"""Trials of settings as a picture: the best so far, and F against each setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from picker.report.svg import STYLE, svg_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 12
"""Settings that have a panel."""


def draw_trials(
    names: Sequence[str],
    values: Sequence[Sequence[float | None]],
    f: Sequence[float],
) -> str:
    """Return an SVG: F-beta of each trial and the best so far, then by each setting.

    Parameters
    ----------
    names
        Of the `d` settings.
    values
        `(n, d)` what was tried, in order; None where a setting was not set.
    f
        `(n,)` F-beta of each trial.
    """
    shown = list(names)[:MOST]
    table = np.array(values, np.float64).reshape(len(f), len(names))
    best = int(np.argmax(f))
    columns = min(3, len(shown) + 1)
    rows = -(-(len(shown) + 1) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.2 * columns, 2.5 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
        number = np.arange(1, len(f) + 1)
        panels[0].plot(number, f, ".", color="#888888", label="trial")
        panels[0].plot(
            number, np.maximum.accumulate(f), color="#4363d8", label="best so far"
        )
        panels[0].set(xlabel="trial", ylabel="F")
        panels[0].legend(frameon=False)
        for place, name in enumerate(shown):
            axes = panels[place + 1]
            axes.plot(table[:, place], f, ".", color="#888888")
            axes.plot(table[best, place], f[best], "o", color="#4363d8")
            axes.set(xlabel=name, ylabel="F")
        for axes in panels[len(shown) + 1 :]:
            axes.set_visible(False)
        return svg_of(figure)
