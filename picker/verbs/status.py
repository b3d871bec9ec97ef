"""Show what is done, what runs and what failed, with the reasons.

Reads only what jobs leave in the results folder: manifests of what is done, claims of
what is being computed, logs. It asks no cluster and computes nothing. With --page the
same is written to status.html in the results, which a browser loads again every half
minute while the run goes on; snakemake keeps that page up to date by itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from picker.core.messages import printable
from picker.project.layout import Results
from picker.project.status import status_lines

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


def run(arguments: argparse.Namespace) -> None:
    """Print the state of a project, or write its page.

    Raises
    ------
    ValueError
        If nothing has run there, or --follow comes without --page.
    """
    if arguments.follow and not arguments.page:
        raise ValueError("--follow comes without --page; expected both, add --page")
    if arguments.page:
        # What draws pages is not loaded to print a few lines.
        from picker.jobs.status_page import follow_status, write_status_page

        write = follow_status if arguments.follow else write_status_page
        write(arguments.results)
        return
    lines = status_lines(arguments.results)
    try:
        sys.stdout.writelines(f"{printable(line)}\n" for line in lines)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, closed the pipe. Without this Python would print
        # an error as it flushes its output at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
