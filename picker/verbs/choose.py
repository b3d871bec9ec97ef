"""Choose the tomograms of one cell of the benchmark.

Writes <split>.json into a folder: manifests of so many labeled and unlabeled tomograms,
the first ones of the table, and of all tomograms of the other splits.
"""

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
    parser.add_argument("--labeled", type=int, required=True, help="how many")
    parser.add_argument("--unlabeled", type=int, help="how many; default: all")
    parser.add_argument("--output", type=Path, required=True, help="folder to fill")


def run(arguments: argparse.Namespace) -> None:
    """Write the manifests.

    Raises
    ------
    ValueError
        If there are fewer tomograms than asked for: a table would name a number of
        labels that no training had.
    """
    entries = read_preprocessed(arguments.manifests)
    wanted = {"labeled": arguments.labeled, "unlabeled": arguments.unlabeled}
    for split in SPLITS:
        of = [entry for entry in entries if entry.split == split]
        number = wanted.get(split)
        if number is not None and number > len(of):
            raise ValueError(
                f"benchmark.{split} asks for {number} {split} tomograms, but there are"
                f" {len(of)}; lower it or add tomograms"
            )
        write_manifest(arguments.output / f"{split}.json", of[:number])
