"""Choose the first tomograms of a split, to train on fewer labels than there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import SPLITS
from picker.project.manifests import read_preprocessed, write_manifest

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--manifests", nargs="+", type=Path, required=True, help="preprocessed shards"
    )
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--number", type=int, required=True, help="of tomograms")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")


def run(arguments: argparse.Namespace) -> object:
    """Write their manifest.

    Raises
    ------
    ValueError
        If there are fewer tomograms than asked for: a table would name a number of
        labels that no training had.
    """
    split, number = arguments.split, arguments.number
    entries = read_preprocessed(arguments.manifests)
    chosen = [entry for entry in entries if entry.split == split]
    if number > len(chosen):
        raise ValueError(
            f"benchmark.{split} asks for {number} {split} tomograms, but there are"
            f" {len(chosen)}; lower it or add tomograms"
        )
    write_manifest(arguments.output, chosen[:number])
    names = [entry.tomogram for entry in chosen[:number]]
    return {"output": arguments.output, "tomograms": names}
