"""STAR files and what is read back from them, for the tests of their kinds."""

from __future__ import annotations

from picker.core.picks import picks_from_arrays
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star_coordinates import read_star
from picker.formats.picks.units import position_from_coordinates
from tests.unit.formats.examples import PARTICLE

SHAPE = (12, 20, 28)
V = 10.0


def make_picks():
    return picks_from_arrays(
        [[20.5, 30.25, 41.125], [110.0, 0.0, 270.0], [7.0, 8.0, 1 / 3]],
        ["01", "ribosome", "01"],
        [0.9, 1e-7, 1.0],
    )


def make_tomogram(name="TS_1", picks=None, voxel_size=V, shape=SHAPE):
    return TomogramPicks(
        tomogram=name,
        voxel_size=voxel_size,
        shape_zyx=shape,
        picks=make_picks() if picks is None else picks,
    )


def rows(path):
    """Return what stands below a file's header."""
    lines = path.read_text().splitlines()
    return [
        line
        for line in lines
        if line and not line.startswith(("#", "_", "data_", "loop_"))
    ]


def read_back(path, tomogram, read=read_star, **more):
    found = read(path)
    return found, position_from_coordinates(
        path, found, tomogram.voxel_size, tomogram.shape_zyx, **more
    )


def places_of(path, name, tilt_pixel_size=None):
    args = ([path], name, [PARTICLE], V, SHAPE, tilt_pixel_size)
    return read_known_picks(*args)[0].position_zyx.tolist()


OPTICS = "data_optics\nloop_\n_rlnOpticsGroup\n_rlnTomoTiltSeriesPixelSize\n"
FOUR = (
    "data_particles\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n"
    "_rlnCoordinateZ\n_rlnOriginXAngst\nTS_1 109 1 45 {shift}\n"
)
