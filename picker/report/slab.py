"""A tomogram from its side, with the faces of its lamella."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

if TYPE_CHECKING:
    from picker.core.slab import Slab
    from picker.core.tomogram import Tomogram

WIDTH = 640
"""Of the picture [pixels]."""
NUM_GRAYS = 18
"""Few gray levels keep the file small."""
LINE = (255, 176, 0)
"""Color of the faces."""


def side_view(tomogram: Tomogram, slab: Slab, thickness: float = 50) -> str:
    """Return a PNG, in base64, of the middle along y with a line for each face.

    x runs to the right and z upwards. Only the slices that are shown are read, so the
    volume may be a lazy array; their mean over about `thickness` [Å] is drawn.
    """
    nz, ny, nx = tomogram.shape_zyx
    num = min(ny, max(1, round(thickness / tomogram.voxel_size)))
    first = (ny - num) // 2
    part = np.asarray(tomogram.volume[:, first : first + num], np.float32).mean(axis=1)
    figure = Figure(figsize=(WIDTH / 100, max(20, WIDTH * nz // nx) / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    low, high = (float(value) for value in np.percentile(part, (0.5, 99.5)))
    axes.imshow(
        part,
        cmap="gray",
        vmin=low,
        vmax=max(high, low + 1e-6),
        origin="lower",
        aspect="auto",
    )
    axes.set(xlim=(-0.5, nx - 0.5), ylim=(-0.5, nz - 0.5))
    axes.axis("off")
    y = (first + (num - 1) / 2) * tomogram.voxel_size
    ends = (-0.5, nx - 0.5)
    for face in (slab.low, slab.high):
        if face:
            z = [face.z(y, x * tomogram.voxel_size) / tomogram.voxel_size for x in ends]
            axes.plot(ends, z, color=[c / 255 for c in LINE], linewidth=2)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    palette = Image.new("P", (1, 1))
    grays = [round(255 * k / (NUM_GRAYS - 1)) for k in range(NUM_GRAYS)]
    palette.putpalette([*LINE, *(level for gray in grays for level in [gray] * 3)])
    file = io.BytesIO()
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(
        file, "PNG", optimize=True
    )
    return base64.b64encode(file.getvalue()).decode("ascii")
