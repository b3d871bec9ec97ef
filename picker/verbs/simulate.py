"""Make phantom tomograms with known particles.

Each becomes an MRC file and, beside it, a STAR file of its true picks. They serve the
demo and tests; they are not data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import SimulateSettings
from picker.formats.picks.star import write_picks
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.read import read_tomogram
from picker.jobs.settings import read_particles, read_section
from picker.project.claims import delete_leftovers_of_ended_jobs
from picker.verbs.common import add_settings, logger
from picker.volumes.phantoms.simulate import simulate_tomogram

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_settings(parser, "particles, simulate")
    parser.add_argument("--name", required=True, help="name of the tomogram")
    parser.add_argument(
        "--index", type=int, required=True, help="its number, part of the seed"
    )
    parser.add_argument("--output", type=Path, required=True, help="MRC file to write")
    parser.add_argument("--truth", type=Path, required=True, help="STAR file to write")


def run(arguments: argparse.Namespace) -> None:
    """Simulate one tomogram."""
    delete_leftovers_of_ended_jobs(arguments.output.parent)
    particles = read_particles(arguments.settings)
    logger.info("simulates %s", arguments.name)
    tomogram, truth = simulate_tomogram(
        arguments.name,
        arguments.index,
        particles,
        read_section(arguments.settings, "simulate", SimulateSettings),
        {p.name: read_tomogram(p.density, p.name)[0] for p in particles if p.density},
    )
    write_volume(arguments.output, tomogram.volume, tomogram.voxel_size)
    write_picks(arguments.truth, truth)
    logger.info("simulated %s with %d particles", tomogram.name, len(truth))
