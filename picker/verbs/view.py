"""Look at a tomogram and its picks, in napari or another viewer.

picker view TS_01
picker view TS_01 --with 3dmod

Classes have their own colours and radii, in napari picks have their scores too. With
another viewer its files are written and the command that opens them is printed; no
window is opened. Run it in the project's folder, where the table's paths start.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from picker.jobs.view import Program, show_in_napari, viewed, write_for
from picker.project.layout import Results
from picker.verbs.common import print_lines

if TYPE_CHECKING:
    import argparse

logger = logging.getLogger("picker")
PROGRAMS = ("napari", *get_args(Program))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("tomogram", metavar="TOMOGRAM", help="its name in the table")
    add(
        "--with",
        dest="program",
        choices=PROGRAMS,
        default="napari",
        help="napari (the default); or write files for 3dmod of IMOD, ChimeraX with"
        " ArtiaX, or copick's viewers",
    )
    folder = Results().folder
    add("--results", type=Path, default=Path(folder), help=f"default: ./{folder}")
    add("--run", metavar="METHOD", dest="name", help="default: that of the last run")
    add(
        "--folder",
        type=Path,
        help="to write for other viewers; default: ./view/TOMOGRAM_PROGRAM",
    )


def run(arguments: argparse.Namespace) -> object:
    """Show a tomogram."""
    view = viewed(arguments.results, arguments.tomogram, arguments.name)
    one = view.one
    picks = {p.own_name: len(one.picks.of(p.name)) for p in view.particles}
    for name, num in picks.items():
        logger.info("%s: %d picks of %s", one.tomogram, num, name)
    if arguments.program == "napari":
        show_in_napari(view)
        return {"tomogram": one.tomogram, "picks": picks}
    folder = f"{one.tomogram}_{arguments.program}"
    output = arguments.folder or Path("view", folder)
    settings = Path(Results(str(arguments.results)).settings("export"))
    command = write_for(arguments.program, view, output, settings)
    logger.info("written to %s; open it with", output)
    if not arguments.json:
        print_lines([command])
    return {
        "tomogram": one.tomogram,
        "picks": picks,
        "output": output,
        "command": command,
    }
