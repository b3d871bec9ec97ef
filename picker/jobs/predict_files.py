"""Volumes from elsewhere to picks: prepared and cut as the model was trained."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.config.fitting import classes_named
from picker.config.link import refuse_unlinkable
from picker.config.methods import METHODS
from picker.core.tomogram import Tomogram
from picker.finding.slice_finder import SliceFinder
from picker.formats.picks.star import write_picks
from picker.formats.tables.thresholds import OtherModelError, read_thresholds
from picker.formats.text import listed
from picker.formats.volumes.read import map_tomogram
from picker.jobs.context import filters_of_the_unknown
from picker.jobs.failures import told_failure
from picker.jobs.slab import slab_of
from picker.project.claims import delete_leftovers_of_ended_jobs
from picker.project.layout import THRESHOLDS
from picker.refining.context import (
    Surroundings,
    measured,
    within_densities,
    within_distances,
)
from picker.refining.select import select_picks
from picker.refining.steps import refined
from picker.scoring.calibrate import FALLBACK
from picker.volumes.exclude import allowed_region
from picker.volumes.normalise import prepared_volume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from picker.config import PickSettings
    from picker.core.picks import Picks
    from picker.jobs.loaded import Loaded
    from picker.jobs.model_card import ModelCard

logger = logging.getLogger("picker")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How volumes are read.

    Attributes
    ----------
    voxel_size
        Overrides the files' own [Å].
    may_be_stack, may_be_sparse
        Doubtful volumes that are read all the same, see `map_tomogram`.
    """

    voxel_size: float | None = None
    may_be_stack: bool = False
    may_be_sparse: bool = False


def predict_files(
    tomograms: Sequence[Path],
    output: Path,
    loaded: Loaded,
    thresholds: dict[str, float],
    picking: PickSettings,
    reading: Reading,
) -> dict[Path, int]:
    """Write one STAR file of picks for each volume; return how many each has.

    One that cannot be used takes no other down: it is named at the end.

    Parameters
    ----------
    tomograms
        Volumes, of any kind that can be read.
    output
        STAR file for one tomogram, else the folder to fill.
    loaded
        What finds particles.
    thresholds
        Lowest score of each class's picks, see `thresholds_for`.
    picking
        Distances and edges.
    reading
        How the volumes are read.

    Raises
    ------
    ValueError
        If two would be written as one, what is looked for on slices cannot be linked,
        or, once the others are written, if one or more of the volumes cannot be used.
    """
    if picking.offsets.particles:
        raise ValueError(
            "pick.offsets adds entries around picks for Kaggle's file, which the"
            " pipeline exports; expected none here, leave pick.offsets.particles empty"
        )
    finder = loaded.finder
    if isinstance(finder, SliceFinder):
        looked = finder.min_chord, finder.step
        refuse_unlinkable(finder.link, *looked, ("min_chord", "predict.slice_step"))
    targets = _targets(tomograms, output)
    for folder in {target.parent for target in targets.values()}:
        delete_leftovers_of_ended_jobs(folder)
    bad: list[str] = []
    written: dict[Path, int] = {}
    for path, target in targets.items():
        try:
            picks = _picks(path, loaded, thresholds, picking, reading)
            write_picks(target, picks, {"tomogram": path.name})
            logger.info("%s: %d picks in %s", path, len(picks), target)
            written[target] = len(picks)
        except Exception as error:
            if len(tomograms) == 1:
                raise
            bad.append(f"{path}: {told_failure(path, path, error)}")
    if bad:
        raise ValueError(
            f"{len(bad)} of {len(tomograms)} tomograms cannot be used, the others are"
            " written:\n  " + "\n  ".join(bad)
        )
    return written


def thresholds_for(
    loaded: Loaded, models: Sequence[Path], named: Path | None, picking: PickSettings
) -> dict[str, float]:
    """Return each particle's threshold; where no file has one, 0 or the method's own.

    The file beside a model may be another model's, as it is beside a burn-in's: then
    it is ignored with a warning. One that the user names must be this model's.

    Parameters
    ----------
    loaded
        What finds particles.
    models
        Its files; none of a method that is not trained.
    named
        The file of thresholds that the user names, if any.
    picking
        Its thresholds, where it has one for every class, need no file.

    Raises
    ------
    ValueError
        If the file cannot be used, or a setting of picking names an unknown particle.
    """
    names = [particle.name for particle in loaded.card.particles]
    for setting, given in classes_named(picking):
        if unknown := given - set(names):
            raise ValueError(
                f"{setting} names {listed(sorted(unknown))}; the model knows"
                f" {listed(names)}"
            )
    if not named and picking.thresholds.keys() == set(names):
        return picking.thresholds
    own = METHODS[loaded.card.method].threshold_setting
    if own and not models and not named:
        logger.info("threshold %.1f, which is the score of %s", FALLBACK, own)
        return dict.fromkeys(names, FALLBACK)
    beside = models[-1].with_name(THRESHOLDS) if models else None
    chosen = named or beside
    if not chosen:
        reason = "no --thresholds"
    elif not named and not chosen.exists():
        reason = f"no {chosen}"
    else:
        try:
            return read_thresholds(chosen, loaded.model_key, names).lowest
        except OtherModelError as error:
            if named:
                raise
            reason = str(error)
    uncut = listed(name for name in names if name not in picking.thresholds)
    logger.warning(
        "warning: %s. All candidates of %s are written; pick.thresholds would cut them",
        reason,
        uncut,
    )
    return dict.fromkeys(names, 0.0)


def _targets(tomograms: Sequence[Path], output: Path) -> dict[Path, Path]:
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


def _picks(
    path: Path,
    loaded: Loaded,
    thresholds: dict[str, float],
    picking: PickSettings,
    reading: Reading,
) -> Picks:
    """Return one volume's picks; the volume is gone on return."""
    card = loaded.card
    volume, around, region = _prepared(path, card, reading)
    voxel_size, context = around.voxel_size, picking.context
    for text in filters_of_the_unknown(around, context):
        logger.warning("warning: %s: %s", path, text)
    candidates = refined(
        loaded.finder.candidates(volume, voxel_size, region),
        card.particles,
        picking,
        lambda: Tomogram(name=path.stem, volume=volume, voxel_size=voxel_size),
    )
    picks = select_picks(
        candidates.select(within_distances(candidates, context, around)),
        card.particles,
        thresholds,
        picking,
        voxel_size,
        volume.shape,
        region,
    )
    if not context.is_on:
        return picks
    found = measured(picks, around, context.density_radius, region)
    return found.select(within_densities(found, context))


def _prepared(
    path: Path, card: ModelCard, reading: Reading
) -> tuple[NDArray[np.float16], Surroundings, NDArray[np.bool_] | None]:
    """Return a volume as the model was trained on, what is known of it, what counts.

    In float16, as the pipeline stores it; only that is in memory on return.
    """
    tomogram, warnings = map_tomogram(
        path,
        path.stem,
        reading.voxel_size,
        may_be_stack=reading.may_be_stack,
        may_be_sparse=reading.may_be_sparse,
    )
    if tomogram.is_micrograph and not METHODS[card.method].micrographs:
        fitting = listed(name for name, row in METHODS.items() if row.micrographs)
        raise ValueError(
            f"{path} has one slice: a micrograph, but method {card.method} finds in"
            f" tomograms alone; expected a tomogram, or use one of {fitting}"
        )
    warnings += _voxel_size_warning(tomogram, card)
    slab, more = slab_of(tomogram, card.particles, card.preprocess)
    warnings += more
    region, gold, more = allowed_region(
        tomogram.volume, tomogram.voxel_size, card.preprocess, slab=slab
    )
    warnings += more
    volume, voxel_size, more, _ = prepared_volume(
        tomogram.volume, tomogram.voxel_size, card.preprocess, region
    )
    for warning in [*warnings, *more]:
        logger.warning("warning: %s", warning)
    around = Surroundings(
        tomogram=path.name,
        voxel_size=voxel_size,
        shape_zyx=volume.shape,
        slab=slab,
        gold=gold,
    )
    return volume[:], around, region


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
