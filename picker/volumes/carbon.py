"""The carbon film of a micrograph, found by the step of brightness at its edge.

A hole in the film is round: its edge is an arc or, of a wide hole, nearly a line. Of
all arcs across the micrograph that one is found at which the mean changes most, beyond
what ice that grows thicker smoothly explains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from picker.config import PreprocessSettings

    Floats = NDArray[np.float64]

CELLS = 64
"""Cells along the longer axis, whose means are compared."""
CLIP = 5.0
"""Distance from the median at which cells are clipped, as gold's are [robust standard
deviations]."""
DIRECTIONS = 24
"""Directions of arcs that are tried first."""
CURVATURES = (0.0, 0.5, 1.0, 1.5)
"""Of these arcs [1 / longer axis]; carbon is outside of their circles."""
LEAST_SHARE = 0.04
"""Fraction of the micrograph that is carbon at least, and ice at least."""
LEAST_STEP = 0.9
"""Least darkness of carbon [standard deviations of the cells beside it]."""
LEAST_EXPLAINED = 0.03
"""Least part of the cells' variance, beyond smooth ice, that the step explains."""
FEWEST = 1000
"""Cells of the smallest micrograph that is looked at: fewer tell nothing."""
BAND, PARTS = 5, 6
"""Cells to either side of an edge that are compared, in so many parts of it."""
AGREES = 0.8
"""Fraction of these parts that must show at least half of the step."""
MOST = 3
"""Arcs in a micrograph at most."""
HALVINGS = 5
"""How often the steps to a better arc are halved."""


class Arc(NamedTuple):
    """An edge of the film; lengths in longer axes, from the micrograph's middle.

    Attributes
    ----------
    angle
        Direction towards carbon, from x to y [radians].
    offset
        Where the edge crosses the line in that direction through the middle.
    curvature
        1 / radius of the hole; 0 of a straight edge.
    """

    angle: float
    offset: float
    curvature: float

    def depth(self, y: Floats, x: Floats) -> Floats:
        """Return how far places lie in carbon, below 0 outside.

        Written so that it is exact of a straight edge too.
        """
        along: Floats = x * np.cos(self.angle) + y * np.sin(self.angle) - self.offset
        if self.curvature == 0:
            return along
        across = y * np.cos(self.angle) - x * np.sin(self.angle)
        outside: Floats = np.hypot(1 + self.curvature * along, self.curvature * across)
        return (outside - 1) / self.curvature


def away_from_carbon(
    volume: NDArray[Any], pixel_size: float, settings: PreprocessSettings
) -> NDArray[np.bool_]:
    """Return where the film of a micrograph is far away.

    Parameters
    ----------
    volume
        `(1, y, x)` density of the file.
    pixel_size
        [Å].
    settings
        Distance to the film [Å], and whether what is dense is dark.

    Returns
    -------
    Shaped as `volume`, true farther than `avoid_carbon` from the film.

    Raises
    ------
    ValueError
        If the volume is no micrograph.
    """
    assert settings.avoid_carbon is not None
    if len(volume) != 1:
        raise ValueError(
            f"volume has {len(volume)} slices, but preprocess.avoid_carbon looks for"
            " the film of micrographs, which have one; set it to null"
        )
    height, width = volume.shape[1:]
    longer = max(height, width)
    y = ((np.arange(height) + 0.5 - height / 2) / longer)[:, None]
    x = ((np.arange(width) + 0.5 - width / 2) / longer)[None]
    away = np.ones((height, width), np.bool_)
    for arc in find_carbon(volume[0], is_dark=settings.particles_are == "dark"):
        away &= arc.depth(y, x) * longer * pixel_size < -settings.avoid_carbon
    return away[None]


def find_carbon(image: NDArray[Any], *, is_dark: bool) -> list[Arc]:
    """Return the edges of the film in a micrograph; none if it shows none.

    Parameters
    ----------
    image
        `(y, x)` density.
    is_dark
        Whether what is dense is dark.

    Returns
    -------
    The edge that explains most first; each is found beside those before it.
    """
    with np.errstate(all="ignore"):  # what is not finite has no film
        cells, y, x = _cells(np.asarray(image))
        spread = float(cells.std())
    if not np.isfinite(spread) or spread == 0 or len(cells) < FEWEST:
        return []
    cells = cells * (1 if is_dark else -1) / spread
    smooth = _orthonormal([np.ones_like(x), x, y, x * x, x * y, y * y])
    arcs: list[Arc] = []
    for _ in range(MOST):
        residual = cells - smooth @ (smooth.T @ cells)
        arc, gain = _best(residual, smooth, y, x)
        if arc is None or gain < LEAST_EXPLAINED * float(residual @ residual):
            break
        depth = arc.depth(y, x)
        basis = _orthonormal([*smooth.T, (depth > 0).astype(np.float64)])
        left = cells - basis @ (basis.T @ cells)
        step = -_step(residual, smooth, depth > 0)
        if step < LEAST_STEP * float(left.std()):
            break
        if _agreement(cells, arc, y, x, step) < AGREES:
            break
        arcs.append(arc)
        smooth = basis
    return arcs


def _cells(image: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """Return means of square cells, clipped, and the y and x of their middles."""
    edge = -(-max(image.shape) // CELLS)
    num_y, num_x = (max(1, size // edge) for size in image.shape)
    edges = [min(edge, size) for size in image.shape]
    used = image[: num_y * edges[0], : num_x * edges[1]]
    means = used.reshape(num_y, edges[0], num_x, edges[1]).mean((1, 3), np.float64)
    middle = np.median(means)
    reach = CLIP * 1.4826 * np.median(np.abs(means - middle))
    if reach > 0:
        means = means.clip(middle - reach, middle + reach)
    longer = max(image.shape)
    middles = [
        ((np.arange(num) + 0.5) * size - whole / 2) / longer
        for num, size, whole in zip((num_y, num_x), edges, image.shape, strict=True)
    ]
    y, x = np.meshgrid(*middles, indexing="ij")
    return means.ravel(), y.ravel(), x.ravel()


def _orthonormal(columns: list[Floats]) -> Floats:
    return np.linalg.qr(np.stack(columns, axis=1))[0]


def _gains(inside: NDArray[np.bool_], residual: Floats, smooth: Floats) -> Floats:
    """Return what a step at each of some edges explains of the residual.

    Below 0 if it is one up, as carbon has none.
    """
    size = inside.sum(axis=1)
    least = LEAST_SHARE * inside.shape[1]
    weight = inside.astype(np.float64)
    # Not as matrix products, whose last bits vary with threads and places: edges
    # between the same cells must explain the same, and the first of them is taken.
    step = np.einsum("ac,c->a", weight, residual)
    overlap = np.einsum("ac,cb->ab", weight, smooth)
    left = size - (overlap**2).sum(axis=1)
    fits = (size >= least) & (size <= inside.shape[1] - least) & (left > 1e-6)
    return np.where(fits, -step * np.abs(step) / np.maximum(left, 1e-6), 0.0)


def _agreement(cells: Floats, arc: Arc, y: Floats, x: Floats, step: float) -> float:
    """Return which fraction of the parts of an edge shows at least half of a step."""
    depth = arc.depth(y, x) * CELLS
    near = np.flatnonzero(np.abs(depth) < BAND)
    across = y[near] * np.cos(arc.angle) - x[near] * np.sin(arc.angle)
    part = np.argsort(np.argsort(across, kind="stable")) * PARTS // max(1, len(near))
    steps = [
        cells[near[(part == p) & (depth[near] < 0)]].mean()
        - cells[near[(part == p) & (depth[near] >= 0)]].mean()
        for p in range(PARTS)
        if len(set((depth[near[part == p]] < 0).tolist())) == 2
    ]
    return float(np.mean([s >= step / 2 for s in steps])) if steps else 0.0


def _step(residual: Floats, smooth: Floats, inside: NDArray[np.bool_]) -> float:
    """Return the height of a step at an edge, beside smooth ice."""
    weight = inside.astype(np.float64)
    left = weight @ weight - ((weight @ smooth) ** 2).sum()
    return float(weight @ residual / left)


def _best(
    residual: Floats, smooth: Floats, y: Floats, x: Floats
) -> tuple[Arc | None, float]:
    """Return the arc at which a step explains most, and how much."""
    best, most, most_up = None, 0.0, 0.0

    def consider(arcs: list[Arc]) -> None:
        nonlocal best, most, most_up
        gains = _gains(
            np.stack([arc.depth(y, x) > 0 for arc in arcs]), residual, smooth
        )
        place = int(np.argmax(gains))
        if gains[place] > most:
            best, most = arcs[place], float(gains[place])
        if arcs[0].curvature:  # a straight edge up is one down from its other side
            most_up = max(most_up, -float(gains.min()))

    for arcs in _first_arcs():
        consider(arcs)
    if best is None or most_up > most:
        return None, 0.0
    turn, shift, bend = 2 * np.pi / DIRECTIONS, 1.5 / CELLS, 0.5
    for _ in range(HALVINGS):
        turn, shift, bend = turn / 2, shift / 2, bend / 2
        before = None
        while before != best:
            before = best
            consider(
                [
                    Arc(
                        best.angle + i * turn,
                        best.offset + j * shift,
                        max(0.0, best.curvature + k * bend),
                    )
                    for i in (-1, 0, 1)
                    for j in (-1, 0, 1)
                    for k in (-1, 0, 1)
                ]
            )
    return best, most


def _first_arcs() -> Iterator[list[Arc]]:
    """Yield arcs that lie all over a micrograph."""
    offsets = np.arange(-0.7, 0.7, 1.5 / CELLS)
    for angle in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS:
        for curvature in CURVATURES:
            yield [Arc(float(angle), float(o), curvature) for o in offsets]
