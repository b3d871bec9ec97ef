"""IMOD models that are written by hand, for the tests of their readers."""

from __future__ import annotations

import struct

import numpy as np

from picker.config import Particle
from picker.formats.picks.known import read_known_picks

SHAPE = (60, 120, 160)
V = 10.0
SCATTERED, OPEN, CLOSED = 1 << 9, 1 << 3, 0
POINTS = [(10.5, 12.5, 5.0), (70.5, 50.5, 25.0)]
PLACES = [[5, 12, 10], [25, 50, 70]]


def write_model(
    path, *objects, size=(160, 120, 60), pixel=(1.0, 0), flags=0, minx=None, corner=0.0
):
    """Write objects (flags, contours); size x, y, z; pixel size and its unit."""
    raw = b"IMODV1.2" + struct.pack(">128s4iI4i", b"", *size, 1, flags, 1, 1, 0, 255)
    raw += struct.pack(">6f5if2i3f", *[0] * 11, *pixel, 0, 0, 0, 0)
    for kind, contours in objects:
        name = b"virus".ljust(128, b"\0")
        head = (len(contours), kind, 0, 1, 0, 1, 0, 0, *[1] * 8, 0, 0)
        raw += b"OBJT" + name + struct.pack(">iI2i3fi8B2i", *head)
        for points in contours:
            raw += b"CONT" + struct.pack(">iI2i", len(points), 0, 0, 0)
            raw += np.array(points, ">f4").tobytes()
    if minx:
        # Old scale, shift and rotation, then the current ones.
        numbers = [0] * 9 + [minx] * 3 + [corner] * 3 + [0] * 3
        raw += b"MINX" + struct.pack(">i18f", 72, *numbers)
    path.write_bytes(raw + b"IEOF")
    return path


def read(path, shape=SHAPE, v=V, **more):
    particles = [Particle(name="virus", radius=100)]
    picks, warnings = read_known_picks([path], "TS_1", particles, v, shape, **more)
    return picks.position_zyx / v, warnings


def scattered(path, points=POINTS, **more):
    return write_model(path, (SCATTERED, [points]), **more)
