"""Arguments that several verbs take."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from picker.config.methods import METHODS

if TYPE_CHECKING:
    import argparse

logger = logging.getLogger("picker")


def add_settings(parser: argparse.ArgumentParser, sections: str) -> None:
    """Add `--settings`, naming the sections that the verb reads."""
    parser.add_argument(
        "--settings",
        nargs="+",
        type=Path,
        default=[],
        metavar="JSON",
        help=f"files <section>.json; read here: {sections}",
    )


def add_failed(parser: argparse.ArgumentParser) -> None:
    """Add `--failed`, for those tomograms that this stage cannot use."""
    parser.add_argument(
        "--failed", type=Path, help="manifest to write of tomograms that failed here"
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add `--model`, and `--method` for one that has none."""
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        help="trained model; once for each, if the method finds with several",
    )
    untrained = [name for name, row in METHODS.items() if not row.stages]
    parser.add_argument(
        "--method",
        choices=untrained,
        help="in place of a model: a method that is not trained",
    )


def add_leave(parser: argparse.ArgumentParser) -> None:
    """Add the options by which doubtful volumes are read all the same."""
    parser.add_argument(
        "--missing-chunks",
        choices=("error", "fill"),
        default="error",
        help="of Zarr and HDF5 volumes: refuse, or read as their fill value; error",
    )
    parser.add_argument(
        "--stacks-are-volumes",
        action="store_true",
        help="read MRC files that their header or name calls stacks of images",
    )
