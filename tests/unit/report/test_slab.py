"""The side view shows a lamella's faces where they are."""

import base64
import io

import numpy as np
from PIL import Image

from picker.core.slab import Face, Slab
from picker.core.tomogram import Tomogram
from picker.report.slab import side_view

VOLUME = np.random.default_rng(0).normal(size=(40, 20, 80)).astype(np.float16)
TOMOGRAM = Tomogram(name="a", volume=VOLUME, voxel_size=10.0)


def orange(low, high):
    """Rows from below, as fractions of the height, of colored pixels by column."""
    slab = Slab(low=low, high=high, ratio=2)
    png = base64.b64decode(side_view(TOMOGRAM, slab))
    rgb = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    colored = (rgb[..., 0] - rgb[..., 2] > 100)[::-1]
    return [np.flatnonzero(column) / len(column) for column in colored.T]


def test_lines_lie_at_the_faces():
    flat = Face(offset=100, slope_y=0, slope_x=0)
    tilted = Face(offset=200, slope_y=0, slope_x=0.2)
    columns = orange(flat, tilted)
    for column, at in ((columns[5], 200), (columns[-5], 200 + 0.2 * 790)):
        assert abs(column.min() * 40 - 10.5) < 1
        assert abs(column.max() * 40 - at / 10 - 0.5) < 1


def test_a_missing_face_has_no_line():
    columns = orange(None, Face(offset=300, slope_y=0, slope_x=0))
    assert min(column.min() for column in columns) * 40 > 29
