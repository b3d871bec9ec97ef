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
    """Add `--failed`, the manifest of tomograms that the stage could not use."""
    parser.add_argument(
        "--failed", type=Path, help="manifest to write of tomograms that failed here"
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add `--model`, and `--method` for methods without a model."""
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
        help="in place of a model: a method without training",
    )


def add_volume_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to read volumes that would be refused by default."""
    parser.add_argument(
        "--missing-chunks",
        choices=("error", "fill"),
        default="error",
        help="in Zarr and HDF5 volumes: refuse them (error, the default), or read them"
        " as the fill value",
    )
    parser.add_argument(
        "--stacks-are-volumes",
        action="store_true",
        help="read MRC files whose header or name says that they are stacks of images",
    )
