"""Picks held against known particles: F-beta, curves, Kaggle's score."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import no_picks
from picker.scoring.match import Counts, pooled_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import EvaluateSettings, Particle
    from picker.core.picks import Picks

KAGGLE_BETA = 4.0
KAGGLE_DISTANCE_PER_RADIUS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Precision and recall of one class at every threshold that differs.

    Attributes
    ----------
    threshold
        `(n,)` falling; picks with at least this score are kept.
    precision, recall
        `(n,)` at that threshold; recall never falls from one to the next.
    average_precision
        Area under the curve, the sum of precision times the rise of recall.
    num_truth
        Known particles.
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: float
    num_truth: int


def precision_recall_curve(
    scores: NDArray[np.floating], is_true: NDArray[np.bool_], num_truth: int
) -> Curve:
    """Return precision and recall at each score that occurs, from the highest down.

    Takes what `pooled_matches` gives. One point for each distinct score, for
    equal scores are kept or dropped together.
    """
    threshold, kept, tp = _cumulative(scores, is_true)
    precision = tp / np.maximum(kept, 1)
    recall = tp / num_truth if num_truth else np.zeros(len(tp))
    return Curve(
        threshold=threshold,
        precision=precision,
        recall=recall,
        average_precision=float(np.sum(np.diff(recall, prepend=0.0) * precision)),
        num_truth=num_truth,
    )


def best_threshold(
    scores: NDArray[np.floating],
    is_true: NDArray[np.bool_],
    num_truth: int,
    beta: float,
) -> tuple[float, float]:
    """Return the threshold whose F-beta is highest, and that F-beta.

    All thresholds between two neighbouring scores keep the same picks; the
    middle of that plateau is returned. Below the lowest score the plateau ends
    at 0. Where several plateaus are equally high the widest is taken, which
    bears the largest shift of scores in new tomograms, then the highest in score.

    Parameters
    ----------
    scores, is_true, num_truth
        As `pooled_matches` gives them; scores in [0, 1].
    beta
        Recall weighs beta times as much as precision.

    Returns
    -------
    Threshold (a pick is kept if its score is not below it) and F-beta; 1 and 0
    where no pick is right, for then every pick that is kept does harm.
    """
    upper, kept, tp = _cumulative(scores, is_true)
    if not num_truth or not tp.any():
        return 1.0, 0.0
    f = (1 + beta**2) * tp / (kept + beta**2 * num_truth)
    lower = np.append(upper[1:], min(0.0, float(upper[-1])))
    best = np.isclose(f, f.max(), rtol=1e-12, atol=0.0)
    # Cuts of equal F that follow each other are one plateau.
    edge = np.diff(best.astype(np.int8), prepend=0, append=0)
    top, bottom = upper[edge[:-1] == 1], lower[edge[1:] == -1]
    widest = int(np.argmax(top - bottom))
    threshold = float((top[widest] + bottom[widest]) / 2)
    # Scores are float32: rounding must not bring the pick below back in.
    if np.float32(threshold) <= np.float32(bottom[widest]):
        threshold = float(top[widest])
    return threshold, float(f.max())


def kaggle_counts(
    position_zyx: NDArray[np.float64], truth_zyx: NDArray[np.float64], distance: float
) -> Counts:
    """Return the counts of the CZII challenge for one class in one tomogram.

    Not one-to-one: `tp` counts the particles with any candidate in reach and
    `fp` the candidates less `tp`, so a candidate in reach of two particles
    counts `tp` 2 and `fp` -1. Kept as it is, for scores that compare.

    Candidates are `(n, 3)`, particles `(m, 3)`, the reach is inclusive [Å].

    Source: CZII - CryoET Object Identification, Kaggle 2024, metric notebook.
    """
    num_picks, num_truth = len(position_zyx), len(truth_zyx)
    hit: set[int] = set()
    if num_picks and num_truth:
        near = cKDTree(position_zyx).query_ball_tree(cKDTree(truth_zyx), r=distance)
        hit.update(*near)
    return Counts(tp=len(hit), fp=num_picks - len(hit), fn=num_truth - len(hit))


def kaggle_score(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
) -> float:
    """Return the challenge's score: F4 of each class, averaged by its weight.

    Counts are summed over the truth's tomograms first. A class without any
    particle has F4 0 and keeps its weight; 0 if no class has a weight.

    Source: as `kaggle_counts`.
    """
    total = 0.0
    for particle in particles:
        counts = Counts()
        for tomogram, truth in truth_by_tomogram.items():
            picks = picks_by_tomogram.get(tomogram, no_picks())
            counts += kaggle_counts(
                picks.of(particle.name).position_zyx,
                truth.of(particle.name).position_zyx,
                KAGGLE_DISTANCE_PER_RADIUS * particle.radius,
            )
        total += particle.weight * counts.f(KAGGLE_BETA)
    weight = sum(p.weight for p in particles)
    return total / weight if weight > 0 else 0.0


def metrics(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    settings: EvaluateSettings,
    thresholds: Mapping[str, float],
    *,
    split: str | None = None,
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
        Match distances. The first one also serves precision and recall.
    thresholds, split
        What made the picks and where they are, for the record.

    Returns
    -------
    `f1@<distance>` for each distance, `precision@` and `recall@` for the first:
    one value a class and their unweighted `mean`. A class that has neither
    particles nor picks says nothing: it is None (null) and not in the mean.
    Then `kaggle_f4`, `thresholds`, `num_tomograms`, `num_truth`, `num_picks`.
    """
    values: dict[str, Any] = {}
    first: dict[str, Counts | None] = {}
    num_truth: dict[str, int] = {}
    num_picks: dict[str, int] = {}
    for distance in settings.distances_per_radius:
        counts: dict[str, Counts | None] = {}
        for particle in particles:
            _, is_true, num = pooled_matches(
                picks_by_tomogram, truth_by_tomogram, particle, distance
            )
            tp = int(is_true.sum())
            found = Counts(tp=tp, fp=len(is_true) - tp, fn=num - tp)
            counts[particle.name] = found if num or len(is_true) else None
            num_truth[particle.name], num_picks[particle.name] = num, len(is_true)
        first = first or counts
        values[f"f1@{distance:g}"] = _with_mean(counts, Counts.f)
    for measure in ("precision", "recall"):
        key = f"{measure}@{settings.distances_per_radius[0]:g}"
        values[key] = _with_mean(first, attrgetter(measure))
    values["kaggle_f4"] = kaggle_score(picks_by_tomogram, truth_by_tomogram, particles)
    values["thresholds"] = {name: float(t) for name, t in thresholds.items()}
    values["num_tomograms"] = len(truth_by_tomogram)
    values["num_truth"] = num_truth
    values["num_picks"] = num_picks
    if split is not None:
        values["split"] = split
    return values


def tomogram_rows(
    picks_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    distance_per_radius: float,
) -> list[dict[str, str | int | float | None]]:
    """Return rows: tomogram, particle, right, wrong, missed, f1; the worst first.

    Classes share thresholds over all tomograms, so that one with less contrast than
    the others shows here and nowhere else. A tomogram's rows begin with that of all
    its classes together, by whose F1 tomograms are sorted, those without a particle
    and a pick (None) at the end.
    """
    tomograms: list[list[dict[str, str | int | float | None]]] = []
    for name, truth in truth_by_tomogram.items():
        one = {name: truth}
        counts = {}
        for particle in particles:
            _, is_true, num = pooled_matches(
                picks_by_tomogram, one, particle, distance_per_radius
            )
            tp = int(is_true.sum())
            counts[particle.name] = Counts(tp=tp, fp=len(is_true) - tp, fn=num - tp)
        everything = sum(counts.values(), Counts())
        tomograms.append(
            [
                {
                    "tomogram": name,
                    "particle": particle,
                    "right": c.tp,
                    "wrong": c.fp,
                    "missed": c.fn,
                    "f1": c.f() if c.tp + c.fp + c.fn else None,
                }
                for particle, c in {"all": everything, **counts}.items()
            ]
        )
    tomograms.sort(key=lambda rows: 2.0 if rows[0]["f1"] is None else rows[0]["f1"])
    return [row for rows in tomograms for row in rows]


def curves(
    candidates_by_tomogram: Mapping[str, Picks],
    truth_by_tomogram: Mapping[str, Picks],
    particles: Sequence[Particle],
    distance_per_radius: float,
) -> dict[str, Curve]:
    """Return the precision-recall curve of each class over all candidates.

    Candidates are picks before any threshold, but with the least distance between
    picks applied. A class without known particles has no curve.
    """
    found = {}
    for particle in particles:
        pooled = pooled_matches(
            candidates_by_tomogram, truth_by_tomogram, particle, distance_per_radius
        )
        if pooled[2]:
            found[particle.name] = precision_recall_curve(*pooled)
    return found


def curve_rows(
    by_particle: Mapping[str, Curve], max_points: int = 500
) -> list[dict[str, str | float]]:
    """Return curves as rows: particle, threshold, precision, recall.

    At most `max_points` of each curve are kept, evenly and with both ends: a
    table of every candidate would be as large as the candidates.
    """
    rows: list[dict[str, str | float]] = []
    for name, curve in by_particle.items():
        num = len(curve.threshold)
        which = np.unique(np.linspace(0, num - 1, min(num, max_points)).round())
        rows += [
            {
                "particle": name,
                "threshold": float(curve.threshold[i]),
                "precision": float(curve.precision[i]),
                "recall": float(curve.recall[i]),
            }
            for i in which.astype(np.intp)
        ]
    return rows


def _cumulative(
    scores: NDArray[np.floating], is_true: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the distinct scores, falling, with the picks and right picks kept."""
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    ordered = scores[order].astype(np.float64)
    last = np.flatnonzero(np.diff(ordered, append=-np.inf))
    tp = np.cumsum(is_true[order], dtype=np.intp)
    return ordered[last], last + 1, tp[last]


def _with_mean(
    by_particle: Mapping[str, Counts | None], measure: Callable[[Counts], float]
) -> dict[str, float | None]:
    """Return a measure of each class, their mean in front; None counts neither way."""
    values = {n: None if c is None else measure(c) for n, c in by_particle.items()}
    known = [v for v in values.values() if v is not None]
    return {"mean": sum(known) / len(known) if known else None, **values}
