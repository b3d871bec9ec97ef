"""One writer for each kind of file of picks, for the tests of readers."""

from __future__ import annotations

from picker.config import ExportSettings, Particle
from picker.config.base import ONLY_OF_MICROGRAPHS
from picker.core.picks import picks_from_arrays
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.star import write_picks
from picker.formats.picks.targets import FILES, files_of_target, write_target

KINDS = ("picker", *(kind for kind in FILES if kind not in ONLY_OF_MICROGRAPHS))
"""Kinds that hold picks of tomograms."""
SHAPE = (300, 620, 640)
V = 7.5
T = 2.5
PARTICLE = Particle(name="ribosome", radius=150)


def write_kind(kind, folder, picks, *, name="TS_1", shape=SHAPE, v=V, t=T):
    """Write picks of one tomogram and class; return the file that holds them."""
    if kind == "picker":
        write_picks(folder / f"{name}.star", picks)
        return folder / f"{name}.star"
    settings = ExportSettings(tilt_series_pixel_size=t)
    one = TomogramPicks(tomogram=name, voxel_size=v, shape_zyx=shape, picks=picks)
    write_target(kind, folder, [one], [PARTICLE], settings)
    (file,) = files_of_target(kind, [name], [PARTICLE.name], settings)
    return folder / file


def random_picks(rng, num, *, shape=SHAPE, v=V):
    position = rng.uniform(-0.5, [n - 0.5 for n in shape], (num, 3)) * v
    return picks_from_arrays(position, [PARTICLE.name] * num, rng.random(num))
