"""From candidates to picks: thresholds, distances, mask, edges and numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from picker.core.picks import Picks, concatenate
from picker.core.rotations import are_known, unknown
from picker.core.tomogram import index_from_position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from picker.config import Particle, PickSettings


def select_picks(
    candidates: Picks,
    particles: tuple[Particle, ...],
    thresholds: dict[str, float],
    settings: PickSettings,
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    mask: NDArray[np.bool_] | None = None,
) -> Picks:
    """Return the candidates that count as found, class by class, best first.

    Mask and edges are applied before distances, so a candidate outside drops none
    inside. Nor does one drop a candidate of higher score: a lower threshold adds picks
    and removes none. What is left is cut to the best `top_k`.

    Parameters
    ----------
    candidates
        Peaks of one tomogram [Å].
    particles
        Classes; candidates of other classes are dropped.
    settings
        Distances, edge margin, greatest number, and thresholds that take precedence.
    thresholds
        Particle: lowest score of a pick, where `settings.thresholds` has none.
    voxel_size, shape_zyx
        Of the tomogram, [Å] and [voxels].
    mask
        `(z, y, x)` true where picks may lie; any resolution of the same field of view.
        None: everywhere.
    """
    inside = in_region(
        candidates.position_zyx, voxel_size, shape_zyx, settings.edge_margin, mask
    )
    kept = []
    for particle in particles:
        threshold = settings.thresholds.get(particle.name, thresholds[particle.name])
        of_class = (
            (candidates.particle == particle.name)
            & (candidates.score >= threshold)
            & inside
        )
        distance = settings.min_distance_per_radius * particle.radius
        best_first = picks_apart(candidates.select(of_class), distance)
        kept.append(best_first.select(np.arange(len(best_first))[: settings.top_k]))
    return concatenate(kept)


def picks_apart(picks: Picks, distance: float) -> Picks:
    """Return the picks of one class, best first, none closer than `distance` [Å]."""
    best_first = picks.select(np.argsort(-picks.score, kind="stable"))
    keep = suppress_close(best_first.position_zyx, best_first.score, distance)
    return best_first.select(keep)


def classes_apart(
    picks: Picks, particles: Iterable[Particle], distance_per_radius: float
) -> Picks:
    """Return the picks of each class, best first, none too close to another.

    The least distance is a fraction of the class's radius; classes ignore each other.
    """
    return concatenate(
        picks_apart(picks.of(p.name), distance_per_radius * p.radius) for p in particles
    )


def with_labels(picks: Picks, labels: Picks, particles: Iterable[Particle]) -> Picks:
    """Return all labels, and the picks that are none of them.

    A pick within a radius of a label of its class is the nearest one. A label without a
    rotation gets that of the nearest pick that is it.
    """
    known = labels.rotation
    rotation = unknown(len(labels)) if known is None else known.copy()
    kept = []
    for particle in particles:
        ours = picks.of(particle.name)
        rows = np.flatnonzero(labels.particle == particle.name)
        if len(rows):
            tree = cKDTree(labels.position_zyx[rows])
            gap, nearest = map(np.asarray, tree.query(ours.position_zyx))
            is_label = gap <= particle.radius
            if ours.rotation is not None:
                told = np.flatnonzero(is_label & are_known(ours.rotation))
                told = told[~are_known(rotation[rows[nearest[told]]])]
                # Of several picks that are one label the last counts: the nearest.
                told = told[np.argsort(-gap[told], kind="stable")]
                rotation[rows[nearest[told]]] = ours.rotation[told]
            ours = ours.select(~is_label)
        kept.append(ours)
    return concatenate([replace(labels, rotation=rotation), *kept])


def in_region(
    position_zyx: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    edge_margin: float,
    mask: NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    """Return which positions lie in the mask and away from the edges.

    Parameters
    ----------
    position_zyx
        `(n, 3)` positions [Å].
    voxel_size, shape_zyx
        Of the tomogram, [Å] and [voxels].
    edge_margin
        Least distance from the centres of the outermost voxels [Å]; a micrograph has
        no faces along z.
    mask
        As for `select_picks`.

    Returns
    -------
    `(n,)` true for those inside.
    """
    last = (np.array(shape_zyx) - 1) * voxel_size
    margin = np.where(last > 0, edge_margin, 0.0)
    inside: NDArray[np.bool_] = np.all(
        (position_zyx >= margin) & (position_zyx <= last - margin), axis=1
    )
    if mask is None:
        return inside
    return inside & in_mask(position_zyx, voxel_size, shape_zyx, mask)


def in_mask(
    position_zyx: NDArray[np.float64],
    voxel_size: float,
    shape_zyx: tuple[int, int, int],
    mask: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return at which positions the mask is true, by its nearest voxel.

    Parameters as for `in_region`. Outside the tomogram its outermost voxels count.
    """
    # The mask may be as large as before rescaling: compare by fraction of the field.
    scale = np.array(mask.shape) / np.array(shape_zyx)
    index = np.round(index_from_position(position_zyx, voxel_size) * scale).astype(int)
    z, y, x = np.clip(index, 0, np.array(mask.shape) - 1).T
    inside: NDArray[np.bool_] = mask[z, y, x]
    return inside


def suppress_close(
    position_zyx: NDArray[np.floating],
    score: NDArray[np.floating],
    min_distance: float,
) -> NDArray[np.bool_]:
    """Return which positions are kept when none may be close to a better one.

    Parameters
    ----------
    position_zyx
        `(n, 3)` positions [Å].
    score
        `(n,)` the higher, the better; of equal scores the first is better.
    min_distance
        Positions nearer than this to a better one that is kept are dropped [Å].

    Returns
    -------
    `(n,)` true for those that are kept.
    """
    keep = np.ones(len(score), bool)
    if len(score) < 2 or min_distance <= 0:
        return keep
    tree = cKDTree(position_zyx)
    pairs = tree.query_pairs(min_distance, output_type="ndarray")
    gap = np.linalg.norm(position_zyx[pairs[:, 0]] - position_zyx[pairs[:, 1]], axis=1)
    pairs = pairs[gap < min_distance]
    neighbours: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    decided = np.zeros(len(score), bool)
    for best in np.argsort(-score, kind="stable").tolist():
        if decided[best]:
            continue
        decided[best] = True
        for other in neighbours.get(best, ()):
            if not decided[other]:
                decided[other] = True
                keep[other] = False
    return keep
