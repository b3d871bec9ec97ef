"""Make phantom tomograms or micrographs with known particles.

Each becomes an MRC file and, beside it, a STAR file of its true picks; with
simulate.halves two more are its halves. They serve the demo and tests; they are not
data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from picker.config import SimulateSettings
from picker.config.base import Dimensions
from picker.jobs.settings import read_particles, read_section
from picker.jobs.simulate import simulate
from picker.verbs.common import add_settings

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
    parser.add_argument(
        "--halves",
        type=Path,
        nargs="*",
        default=[],
        help="MRC files of the even and the odd half to write",
    )
    parser.add_argument(
        "--dimensions",
        type=int,
        choices=get_args(Dimensions),
        default=3,
        help="2 makes a micrograph: a projection along z; 3",
    )


def run(arguments: argparse.Namespace) -> object:
    """Simulate one tomogram."""
    particles = simulate(
        arguments.name,
        arguments.index,
        read_particles(arguments.settings),
        read_section(arguments.settings, "simulate", SimulateSettings),
        output=arguments.output,
        truth=arguments.truth,
        halves=arguments.halves,
        dimensions=arguments.dimensions,
    )
    return {
        "output": arguments.output,
        "truth": arguments.truth,
        "halves": arguments.halves,
        "particles": particles,
    }
