"""Turn answers about candidates into labels that the next run trains on.

picker review review.json
picker review anna.json bela.json --table tomograms.tsv

In a project's folder. The files are what the report's pages save. A new folder,
reviewed/round_1 and so on, gets a table of all tomograms and, for each reviewed one, a
file of what is known there; the table of the project stays as it is. Of two answers
about one particle the later one stands, in the order of the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.jobs.review import label_reviewed
from picker.project.layout import Results
from picker.project.rounds import FOLDER

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    folder = Results().folder
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="REVIEW", help="saved answers (JSON)"
    )
    parser.add_argument(
        "--table",
        type=Path,
        help="the tomograms; default: those of the last run, with all earlier answers",
    )
    parser.add_argument(
        "--results", default=folder, help=f"of the run reviewed; default: {folder}"
    )
    parser.add_argument(
        "--output", type=Path, help=f"new folder; default: {FOLDER}/round_<n>"
    )
    parser.add_argument(
        "--train-on-test",
        action="store_true",
        help="train on reviewed test tomograms, and test on them no longer",
    )


def run(arguments: argparse.Namespace) -> object:
    """Write the new table and what is known of its tomograms."""
    table = label_reviewed(
        arguments.files,
        Results(arguments.results),
        table=arguments.table,
        output=arguments.output,
        train_on_test=arguments.train_on_test,
    )
    return {"output": table.parent, "table": table}
