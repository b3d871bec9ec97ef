"""Arguments that several verbs take, and how they print."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from picker import __version__
from picker.config.methods import METHODS
from picker.core.messages import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

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
    untrained = [name for name, row in METHODS.items() if not row.stages and row.module]
    parser.add_argument(
        "--method",
        choices=untrained,
        help="in place of a model: a method without training",
    )


def add_members(parser: argparse.ArgumentParser) -> None:
    """Add `--member`, `--known` and `--rows`: who votes, and by what picks."""
    parser.add_argument(
        "--member",
        nargs="+",
        action="append",
        default=[],
        metavar=("METHOD", "FILE"),
        help="a method that votes, its thresholds (JSON) and manifests of its"
        " candidates; once for each",
    )
    parser.add_argument(
        "--known",
        nargs="*",
        type=Path,
        default=[],
        metavar="MANIFEST",
        help="preprocessed tomograms with known particles, which tell what scores of"
        " imported picks are worth",
    )
    parser.add_argument(
        "--rows",
        nargs="*",
        type=Path,
        default=[],
        metavar="TABLE",
        help="all tomograms (TSV, or shards of it in JSON); an imported file that"
        " cannot be read is an error if it is named after none of them",
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


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, for programs that read what the verb found."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the result as JSON: version, verb and result (docs/json.md)",
    )


def print_json(verb: str, result: object) -> None:
    """Print what a verb made or found: plain values, or a record of them."""
    plain = asdict(result) if is_dataclass(result) else result  # type: ignore[arg-type]
    _print_object({"verb": verb, "result": plain})


def print_error(verb: str | None, error: str) -> None:
    """Print why a verb made nothing, or not all; the log has said it already."""
    with contextlib.suppress(OSError):
        _print_object({"verb": verb, "error": error})


def is_teller() -> bool:
    """Return whether this is the one of processes that train as one which prints.

    It is also the one that writes files: others may end before these are there.
    """
    return os.environ.get("RANK", "0") == "0"


def _print_object(content: dict[str, object]) -> None:
    if not is_teller():
        return
    content = {"version": __version__, **content}
    # It has control characters written out already, and may be long.
    _print([json.dumps(content, default=os.fspath, allow_nan=False, indent=1)])


def print_lines(lines: Iterable[str]) -> None:
    """Print lines on standard output, without what terminals obey."""
    _print(map(printable, lines))


def _print(lines: Iterable[str]) -> None:
    try:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    except OSError as error:
        # Without this Python would print an error as it flushes its output at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # A reader such as `head` may close the pipe.
        if not isinstance(error, BrokenPipeError):
            raise
