"""How good picks are: F1, precision and recall, and the counts of each tomogram."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from picker.scoring.kaggle import (
    counts_per_pick,
    kaggle_counts,
    kaggle_f4,
    weighted_mean,
)
from picker.scoring.match import Counts, pooled_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from picker.config import EvaluateSettings, Particle
    from picker.core.picks import Picks

TomogramRow = dict[str, str | int | float | None]


def metrics(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    settings: EvaluateSettings,
    thresholds: Mapping[str, float],
    *,
    split: str | None = None,
    voxel_size: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return every number of an evaluation, ready for JSON.

    Parameters
    ----------
    picks_by_tomogram
        The final picks: thresholds are already applied.
    truth_by_tomogram
        Known particles; these tomograms are evaluated, with or without particles.
    particles
        The classes; picks and truth of other classes are left out.
    settings
        Match distances. Precision and recall are given for the first one.
    thresholds, split
        What made the picks and where they are, for the record.
    voxel_size
        Tomogram: voxel size [Å] of its file, for a match distance in voxels.

    Returns
    -------
    `f1@<distance>` for each distance, `f1@<n>voxels` for the one in voxels if there is
    any, `precision@` and `recall@` for the first: one value a class and their
    unweighted `mean`. A class with neither particles nor picks cannot be judged: it is
    None (null) and not in the mean. Then `kaggle_f4`, and `kaggle_f4_per_pick` for
    which every pick near a particle is right, and both of each class
    (`…_by_particle`); `thresholds`, `num_tomograms`, `num_truth`, `num_picks`.
    """
    by_distance = {
        distance: {
            p.name: pooled_counts(picks_by_tomogram, truth_by_tomogram, p, distance)
            for p in particles
        }
        for distance in settings.distances_per_radius
    }
    distance, first = next(iter(by_distance.items()))
    values: dict[str, Any] = {
        f"f1@{d:g}": _with_mean(counts, Counts.f) for d, counts in by_distance.items()
    }
    if settings.distance_voxels:
        in_voxels = {
            p.name: _counts_in_voxels(
                picks_by_tomogram,
                truth_by_tomogram,
                p,
                settings.distance_voxels,
                voxel_size or {},
            )
            for p in particles
        }
        key = f"f1@{settings.distance_voxels:g}voxels"
        values[key] = _with_mean(in_voxels, Counts.f)
    for measure in ("precision", "recall"):
        values[f"{measure}@{distance:g}"] = _with_mean(first, attrgetter(measure))
    for key, count in (
        ("kaggle_f4", kaggle_counts),
        ("kaggle_f4_per_pick", counts_per_pick),
    ):
        f4 = kaggle_f4(picks_by_tomogram, truth_by_tomogram, particles, count)
        values[key] = weighted_mean(f4, particles)
        values[f"{key}_by_particle"] = f4
    values["thresholds"] = {name: float(t) for name, t in thresholds.items()}
    values["num_tomograms"] = len(truth_by_tomogram)
    values["num_truth"] = {name: counts.num_truth for name, counts in first.items()}
    values["num_picks"] = {name: counts.num_picks for name, counts in first.items()}
    if split is not None:
        values["split"] = split
    return values


def tomogram_rows(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    distance_per_radius: float,
) -> list[TomogramRow]:
    """Return rows: tomogram, particle, right, wrong, missed, f1; the worst first.

    All tomograms share their thresholds, so one with less contrast than the others
    shows here and nowhere else. A tomogram's first row, `all`, is of all classes
    together. Tomograms are sorted by its F1; those with neither particles nor picks
    (None) stand at the end.

    Parameters
    ----------
    picks_by_tomogram, truth_by_tomogram
        The final picks, and known particles; the tomograms are those of the truth.
    particles
        The classes.
    distance_per_radius
        Match distance as a fraction of each particle's radius.
    """
    tomograms: list[list[TomogramRow]] = []
    for tomogram, truth in truth_by_tomogram.items():
        counts = {
            p.name: pooled_counts(
                picks_by_tomogram, {tomogram: truth}, p, distance_per_radius
            )
            for p in particles
        }
        counts = {"all": sum(counts.values(), Counts()), **counts}
        tomograms.append(
            [
                {
                    "tomogram": tomogram,
                    "particle": particle,
                    "right": c.tp,
                    "wrong": c.fp,
                    "missed": c.fn,
                    "f1": c.f() if _can_be_judged(c) else None,
                }
                for particle, c in counts.items()
            ]
        )
    tomograms.sort(key=lambda rows: 2.0 if rows[0]["f1"] is None else rows[0]["f1"])
    return [row for rows in tomograms for row in rows]


def _counts_in_voxels(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particle: Particle,
    distance: float,
    voxel_size: Mapping[str, float],
) -> Counts:
    """Return one class's counts at a match distance in voxels of each tomogram."""
    return sum(
        (
            pooled_counts(
                picks_by_tomogram,
                {tomogram: truth},
                particle,
                distance * voxel_size[tomogram] / particle.radius,
            )
            for tomogram, truth in truth_by_tomogram.items()
        ),
        Counts(),
    )


def _can_be_judged(counts: Counts) -> bool:
    """Return whether there is a particle or a pick."""
    return counts.num_truth > 0 or counts.num_picks > 0


def _with_mean(
    by_particle: Mapping[str, Counts], measure: Callable[[Counts], float]
) -> dict[str, float | None]:
    """Return a measure of each class, their mean in front; None is not in the mean."""
    values = {
        name: measure(counts) if _can_be_judged(counts) else None
        for name, counts in by_particle.items()
    }
    known = [value for value in values.values() if value is not None]
    return {"mean": sum(known) / len(known) if known else None, **values}
