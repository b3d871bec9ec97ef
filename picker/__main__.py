"""The command line: `picker <verb>`, with a verb for each stage of the pipeline.

Verbs also work without Snakemake: `picker <verb> --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from picker import __version__
from picker.machine.memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("picker")

VERBS = {
    "init": "make a folder for a project of your own",
    "simulate": "make phantom tomograms with known particles",
    "preprocess": "read, clip, normalise and store tomograms and their picks",
    "train": "train one stage of a method",
    "predict": "find candidates in tomograms with a trained model",
    "link": "link what is detected on slices to particles",
    "vote": "join what several methods and programs found",
    "calibrate": "choose each particle's threshold from labeled tomograms",
    "tune": "search the settings of picking, voting and linking that find most",
    "pick": "turn candidates into picks",
    "label-next": "choose the regions to label next",
    "evaluate": "compare picks with known particles",
    "reproducibility": "tell from halves how good picks are where nobody looked",
    "export": "write picks for RELION, Warp, copick and other programs",
    "relion-job": "hand exported picks to RELION 5 as a job of its own",
    "explain": "tell where a file of exported picks came from",
    "convert": "convert files of picks from one kind to another",
    "report": "show settings, training, counts and pictures on one page",
    "review": "turn answers about candidates into labels for the next run",
    "view": "look at a tomogram and its picks in napari or another viewer",
    "status": "show what is done, what runs and what failed, and why",
    "choose": "choose the tomograms of one training of the benchmark",
    "measure": "measure how long a tomogram takes, for the benchmark",
    "tables": "make tables and figures of the benchmark's trainings",
    "finish": "summarise a run, and fail if a tomogram could not be used",
}

LARGE = ("train", "predict", "measure")
"""Verbs with such large tensors that they start again to keep freed memory."""


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit status."""
    if argv is None:
        # Processes that this one starts must not import a user's json.py as Python's.
        os.environ["PYTHONSAFEPATH"] = "1"
        if _chosen(sys.argv[1:]) in LARGE:
            keep_freed_memory()
    # What starts again is not to load these twice.
    from picker.verbs.terminal import run_logged

    words = sys.argv[1:] if argv is None else argv
    if "--json" not in words:
        return run_logged(partial(_run, words))
    from picker.verbs.common import print_error

    tell = partial(print_error, _chosen(words))
    return run_logged(partial(_run, words, tell), tell)


class _UsageError(Exception):
    """A command line that no parser knows."""


class _Parser(argparse.ArgumentParser):
    """Parser whose mistakes can be told in JSON too, before it ends the program."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong, with the parser that can tell how it is used."""
        raise _UsageError(self, message)


def _chosen(words: list[str]) -> str | None:
    """Return the verb among the words of a command line."""
    return next((word for word in words if word in VERBS), None)


def _run(arguments: list[str], tell: Callable[[str], None] | None = None) -> None:
    from picker.project.layout import DONE
    from picker.verbs.common import add_json, print_json

    parser = _Parser(
        prog="picker",
        description="Find particles in cryo-electron tomograms from few labels.",
        epilog="picker VERB --help explains a verb; config.yaml explains all settings.",
    )
    parser.add_argument("--version", action="version", version=f"picker {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    chosen = _chosen(arguments)
    for verb, summary in VERBS.items():
        sub = verbs.add_parser(
            verb, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if verb == chosen:  # no other module is loaded, as torch takes seconds
            module = importlib.import_module(f"picker.verbs.{verb.replace('-', '_')}")
            sub.description = module.__doc__
            module.add_arguments(sub)
            add_json(sub)
            sub.set_defaults(run=module.run)
    try:
        parsed = parser.parse_args(arguments)
    except _UsageError as error:
        used, message = error.args
        if tell:
            tell(message)
        argparse.ArgumentParser.error(used, message)
    began = time.monotonic()
    if parsed.json:
        # Only the result is to be there, whatever a library prints.
        with contextlib.redirect_stdout(sys.stderr):
            result = parsed.run(parsed)
        print_json(parsed.verb, result)
    else:
        parsed.run(parsed)
    if "output" in parsed:
        # `picker status` finds this line if a result was made and deleted since.
        logger.info("%s: %s %.1f s", parsed.verb, DONE, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
