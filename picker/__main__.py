"""The command line: `picker <verb>`, with a verb for each stage of the pipeline.

Verbs also work without Snakemake: `picker <verb> --help`.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import time
from functools import partial

from picker import __version__
from picker.machine.memory import keep_freed_memory

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

    return run_logged(partial(_run, argv))


def _chosen(words: list[str]) -> str | None:
    """Return the verb among the words of a command line."""
    return next((word for word in words if word in VERBS), None)


def _run(argv: list[str] | None) -> None:
    from picker.project.layout import DONE

    parser = argparse.ArgumentParser(
        prog="picker",
        description="Find particles in cryo-electron tomograms from few labels.",
        epilog="picker VERB --help explains a verb; config.yaml explains all settings.",
    )
    parser.add_argument("--version", action="version", version=f"picker {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    arguments = sys.argv[1:] if argv is None else argv
    chosen = _chosen(arguments)
    for verb, summary in VERBS.items():
        sub = verbs.add_parser(
            verb, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if verb == chosen:  # no other module is loaded, as torch takes seconds
            module = importlib.import_module(f"picker.verbs.{verb.replace('-', '_')}")
            sub.description = module.__doc__
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    parsed = parser.parse_args(arguments)
    began = time.monotonic()
    parsed.run(parsed)
    if "output" in parsed:
        # `picker status` finds this line if a result was made and deleted since.
        logger.info("%s: %s %.1f s", parsed.verb, DONE, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
