"""Show what is done, what runs and what failed, with the reasons.

Reads only what jobs leave in the results folder: manifests of what is done, claims of
what is being computed, logs. It asks no cluster and computes nothing. With --page the
same is written to status.html in the results, which a browser loads again every half
minute while the run goes on; snakemake keeps that page up to date by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.project.layout import Results
from picker.project.status import read_status, status_lines
from picker.verbs.common import print_lines

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    folder = Results().folder
    parser.add_argument(
        "--results", type=Path, default=Path(folder), help=f"default: ./{folder}"
    )
    parser.add_argument("--page", action="store_true", help="write status.html instead")
    parser.add_argument(
        "--follow",
        action="store_true",
        help="with --page: write it again and again until the run has ended",
    )


def run(arguments: argparse.Namespace) -> object:
    """Print the state of a project and return it, or write its page.

    Raises
    ------
    ValueError
        If nothing has run there, --follow comes without --page, or --json with it.
    """
    if arguments.follow and not arguments.page:
        raise ValueError("--follow comes without --page; expected both, add --page")
    if arguments.json and arguments.page:
        raise ValueError(
            "--json prints the state and --page writes a page; expected one of them,"
            " leave the other out"
        )
    if arguments.page:
        # What draws pages is not loaded to print a few lines.
        from picker.jobs.status_page import follow_status, write_status_page

        write = follow_status if arguments.follow else write_status_page
        write(arguments.results)
        return None
    if arguments.json:
        return read_status(arguments.results)
    print_lines(status_lines(arguments.results))
    return None
