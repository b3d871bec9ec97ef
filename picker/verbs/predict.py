"""Find candidates in tomograms with a trained model.

On files: picker predict --model model.safetensors tomogram.mrc --output picks.star
reads, normalises and picks as the model was trained; thresholds.json beside the model
(or --thresholds) cuts the candidates, else all of them are written.

In the pipeline: --manifests names preprocessed tomograms, --candidates the folder to
fill, --output the shard's manifest. The model is loaded once; tomograms whose
candidates are valid for this model, these settings and this input are left alone.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from picker.config import CalibrateSettings, PickSettings
from picker.formats.picks.star import write_picks
from picker.formats.tables.thresholds import OtherModelError, read_thresholds
from picker.formats.text import listed
from picker.formats.volumes.read import accepted, read_tomogram
from picker.jobs.failures import told_failure
from picker.jobs.loaded import read_loaded
from picker.jobs.predict_shard import predict_shard
from picker.jobs.settings import read_section
from picker.project.claims import claimed, delete_leftovers_of_ended_jobs
from picker.project.layout import THRESHOLDS
from picker.project.manifests import read_preprocessed, write_manifest
from picker.refining.select import select_picks
from picker.verbs.common import add_models, add_settings, add_volume_options
from picker.volumes.exclude import allowed_region
from picker.volumes.normalise import preprocess_volume

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from picker.core.tomogram import Tomogram
    from picker.jobs.loaded import Loaded
    from picker.jobs.model_card import ModelCard

logger = logging.getLogger("picker")


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
    parser.add_argument("--candidates", type=Path, help="folder to fill")
    parser.add_argument(
        "--noisy",
        action="store_true",
        help="with --manifests: predict noisy copies, to calibrate on",
    )
    add_settings(parser, "predict, pick, calibrate")


def run(arguments: argparse.Namespace) -> None:
    """Predict on files, or on one shard of the pipeline."""
    if bool(arguments.tomograms) == bool(arguments.manifests):
        raise ValueError(
            "expected tomograms, or --manifests and --candidates; not both"
        )
    if arguments.manifests and not arguments.candidates:
        raise ValueError("--manifests needs --candidates, the folder to fill")
    loaded = read_loaded(arguments.model, arguments.method, arguments.settings)
    name = ", ".join(map(str, arguments.model)) or arguments.method
    logger.info("%s computes on %s", name, loaded.finder)
    if arguments.manifests:
        with claimed(arguments.output, arguments.candidates):
            manifest = predict_shard(
                read_preprocessed(arguments.manifests),
                arguments.candidates,
                loaded,
                read_section(arguments.settings, "calibrate", CalibrateSettings)
                if arguments.noisy
                else None,
            )
            write_manifest(
                arguments.output,
                manifest.tomograms,
                histograms=manifest.histograms,
                model=manifest.model,
            )
    else:
        _predict_files(arguments, loaded)


def _predict_files(arguments: argparse.Namespace, loaded: Loaded) -> None:
    """Write one STAR file of picks for each volume as it came from elsewhere.

    Raises
    ------
    ValueError
        If two would be written as one, or, once the others are written, if one or more
        of the volumes cannot be used.
    """
    picking = read_section(arguments.settings, "pick", PickSettings)
    card = loaded.card
    thresholds = _thresholds(arguments, loaded, picking)
    bad: list[str] = []

    def predict(path: Path, target: Path) -> None:
        volume, voxel_size, region = _prepared(path, arguments, card)
        candidates = loaded.finder.candidates(volume, voxel_size)
        picks = select_picks(
            candidates,
            card.particles,
            thresholds,
            picking,
            voxel_size,
            volume.shape,
            region,
        )
        write_picks(target, picks, {"tomogram": path.name})
        logger.info("%s: %d picks in %s", path, len(picks), target)

    targets = _targets(arguments.tomograms, arguments.output)
    for folder in {target.parent for target in targets.values()}:
        delete_leftovers_of_ended_jobs(folder)
    for path, target in targets.items():
        try:
            predict(path, target)
        except Exception as error:
            if len(arguments.tomograms) == 1:
                raise
            bad.append(f"{path}: {told_failure(path, path, error)}")
    if bad:
        raise ValueError(
            f"{len(bad)} of {len(arguments.tomograms)} tomograms cannot be used, the"
            " others are written:\n  " + "\n  ".join(bad)
        )


def _targets(tomograms: list[Path], output: Path) -> dict[Path, Path]:
    """Return tomogram: where its picks go."""
    if len(tomograms) == 1 and output.suffix:
        return {tomograms[0]: output}
    targets: dict[Path, Path] = {}
    for path in tomograms:
        target = output / f"{path.stem}.star"
        if target in targets.values():
            raise ValueError(
                f"picks of {path} would replace those of another tomogram in {target};"
                " expected files of different names, predict them into two folders"
            )
        targets[path] = target
    return targets


def _prepared(
    path: Path, arguments: argparse.Namespace, card: ModelCard
) -> tuple[NDArray[np.float16], float, NDArray[np.bool_] | None]:
    """Return a volume as the model was trained on, its voxel size [Å], what counts.

    In float16, as the pipeline stores it. The volume as it came is gone on return, so
    that only one is in memory.
    """
    tomogram, warnings = read_tomogram(
        path, path.stem, arguments.voxel_size, **accepted(arguments)
    )
    warnings += _voxel_size_warning(tomogram, card)
    region, said = allowed_region(tomogram.volume, tomogram.voxel_size, card.preprocess)
    warnings += said
    volume, voxel_size, said = preprocess_volume(
        tomogram.volume, tomogram.voxel_size, card.preprocess, region
    )
    for warning in [*warnings, *said]:
        logger.warning("warning: %s", warning)
    return volume.astype(np.float16), voxel_size, region


def _thresholds(
    arguments: argparse.Namespace, loaded: Loaded, picking: PickSettings
) -> dict[str, float]:
    """Return each particle's threshold; 0 where nothing says.

    The file beside a model may be another's, as beside a burn-in's: then it is passed
    over aloud. One that a user names must be this model's.

    Raises
    ------
    ValueError
        If the file cannot be used, or `pick.thresholds` names an unknown particle.
    """
    names = [particle.name for particle in loaded.card.particles]
    given = arguments.thresholds
    if unknown := picking.thresholds.keys() - set(names):
        raise ValueError(
            f"pick.thresholds names {listed(sorted(unknown))}; the model knows"
            f" {listed(names)}"
        )
    if not given and picking.thresholds.keys() == set(names):
        return picking.thresholds
    beside = [model.with_name(THRESHOLDS) for model in arguments.model[-1:]]
    chosen = given or next(iter(beside), None)
    if not chosen:
        reason = "no --thresholds"
    elif not given and not chosen.exists():
        reason = f"no {chosen}"
    else:
        try:
            return read_thresholds(chosen, loaded.model_key, names).lowest
        except OtherModelError as error:
            if given:
                raise
            reason = str(error)
    everything = listed(name for name in names if name not in picking.thresholds)
    logger.warning(
        "warning: %s. All candidates of %s are written; pick.thresholds would cut them",
        reason,
        everything,
    )
    return dict.fromkeys(names, 0.0)


def _voxel_size_warning(tomogram: Tomogram, card: ModelCard) -> list[str]:
    if card.training_voxel_size is None:
        return []
    ratio = tomogram.voxel_size / card.training_voxel_size
    if card.preprocess.target_voxel_size or 0.95 < ratio < 1.05:
        return []
    return [
        f"{tomogram.name} has {tomogram.voxel_size:g} Å voxels, the model was trained"
        f" on {card.training_voxel_size:g} Å; picks will be poor, rescale the volume"
    ]
