"""Find candidates in tomograms with a trained model.

On files: picker predict --model model.safetensors tomogram.mrc --output picks.star
reads, normalises and picks as the model was trained; thresholds.json beside the model
(or --thresholds) cuts the candidates, else all of them are written.

In the pipeline: --manifests names preprocessed tomograms, --candidates the folder to
fill, --output the shard's manifest. The model is loaded once; tomograms whose
candidates are valid for this model, these settings and this input are left alone. Of
a method that looks at slices --detections takes the place of --candidates: what it
detects on them, for `picker link`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import CalibrateSettings, PickSettings
from picker.formats.volumes.read import accepted
from picker.jobs.loaded import read_loaded
from picker.jobs.predict_files import Reading, predict_files, thresholds_for
from picker.jobs.predict_shard import write_shard
from picker.jobs.results import manifest_result
from picker.jobs.settings import read_section
from picker.verbs.common import add_models, add_settings, add_volume_options, logger

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("tomograms", nargs="*", type=Path, help="volumes")
    add_models(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="STAR file (one tomogram), folder (several), or manifest (pipeline)",
    )
    parser.add_argument(
        "--voxel-size", type=float, help="overrides the files' voxel size [Å]"
    )
    add_volume_options(parser)
    parser.add_argument(
        "--thresholds", type=Path, help="thresholds.json; default: beside the model"
    )
    parser.add_argument("--manifests", nargs="+", type=Path, help="preprocessed shards")
    found = parser.add_mutually_exclusive_group()
    found.add_argument("--candidates", type=Path, help="folder to fill")
    found.add_argument(
        "--detections",
        type=Path,
        help="folder to fill with what is detected on slices, before it is linked",
    )
    parser.add_argument(
        "--noisy",
        action="store_true",
        help="with --manifests: predict noisy copies, to calibrate on",
    )
    parser.add_argument(
        "--halves",
        type=int,
        metavar="N",
        help="with --manifests: predict even and odd halves, of the first N tomograms"
        " that have halves",
    )
    add_settings(parser, "predict, pick, calibrate")


def run(arguments: argparse.Namespace) -> object:
    """Predict on files, or on one shard of the pipeline."""
    settings = arguments.settings
    if bool(arguments.tomograms) == bool(arguments.manifests):
        raise ValueError(
            "expected tomograms, or --manifests and the folder to fill; not both"
        )
    folder = arguments.detections or arguments.candidates
    if arguments.manifests and not folder:
        raise ValueError(
            "--manifests needs --candidates or --detections, the folder to fill"
        )
    if arguments.halves is not None and (
        arguments.noisy or not arguments.manifests or arguments.halves < 1
    ):
        raise ValueError(
            "--halves needs --manifests and a number above 0, and no --noisy"
        )
    loaded = read_loaded(arguments.model, arguments.method, settings)
    name = ", ".join(map(str, arguments.model)) or arguments.method
    logger.info("%s computes on %s", name, loaded.finder)
    if arguments.manifests:
        noise = (
            read_section(settings, "calibrate", CalibrateSettings)
            if arguments.noisy
            else None
        )
        write_shard(
            arguments.manifests,
            folder,
            arguments.output,
            loaded,
            noise,
            arguments.halves,
            detects=bool(arguments.detections),
        )
        return manifest_result(arguments.output)
    picking = read_section(settings, "pick", PickSettings)
    written = predict_files(
        arguments.tomograms,
        arguments.output,
        loaded,
        thresholds_for(loaded, arguments.model, arguments.thresholds, picking),
        picking,
        Reading(voxel_size=arguments.voxel_size, **accepted(arguments)),
    )
    return {"picks": {str(path): number for path, number in written.items()}}
