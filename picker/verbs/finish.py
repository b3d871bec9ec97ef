"""Summarise a run in one line, and fail if a tomogram could not be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.project.json_files import read_json
from picker.project.manifests import read_manifest, read_picked
from picker.project.records import Failed, Picked
from picker.verbs.common import logger

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--picks", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    parser.add_argument(
        "--failed",
        nargs="*",
        type=Path,
        default=[],
        help="manifests of tomograms that a later stage could not use",
    )
    parser.add_argument(
        "--metrics", type=Path, help="metrics.json, if there are test tomograms"
    )
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="text to write")


def run(arguments: argparse.Namespace) -> None:
    """Summarise the run.

    Raises
    ------
    ValueError
        If a tomogram failed, though all others are done.
    """
    entries = read_picked(arguments.picks)
    failed = [
        (e.tomogram, f"{e.tomogram}: {e.error}")
        for e in entries
        if isinstance(e, Failed)
    ]
    for path in arguments.failed:
        failed += [
            (e.tomogram, f"{e.tomogram} ({path.stem}): {e.error}")
            for e in read_manifest(path).tomograms
            if isinstance(e, Failed)
        ]
    num_picks = sum(e.num_picks for e in entries if isinstance(e, Picked))
    f1 = ""
    if arguments.metrics:
        metrics = read_json(arguments.metrics)
        first = next(key for key in metrics if key.startswith("f1@"))
        mean = metrics[first]["mean"]  # null without a particle and without a pick
        value = "none" if mean is None else f"{mean:.3f}"
        f1 = f"mean F{first[1:]} {value} on {metrics['split']}; "
    files = (e.path if isinstance(e, Failed) else e.picks for e in entries)
    folder = next((file.parent for file in files), Path())
    if failed:
        reasons = "".join(f"\n  {reason}" for _, reason in failed)
        num = len({name for name, _ in failed})
        raise ValueError(
            f"{num} of {len(entries)} tomograms could not be used; the others"
            f" are done ({num_picks} picks in {folder}, report {arguments.report})."
            f" Fix these or take them out of the table, then run again:{reasons}"
        )
    line = (
        f"{f1}{num_picks} picks of {len(entries)} tomograms in {folder};"
        f" report: {arguments.report}"
    )
    logger.info(line)
    write_text(arguments.output, line + "\n")
