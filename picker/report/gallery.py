"""Galleries: what each class's picks look like, gathered tomogram by tomogram."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from scipy.spatial import cKDTree

from picker.averaging.boxes import central_slices, cut_box
from picker.averaging.poses import prepared
from picker.refining.select import picks_apart
from picker.report.browse import shortest
from picker.report.disputed import FOUND, disputes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram
    from picker.report.disputed import Dispute, Look

NUM_SHOTS = 24
"""Cut-outs in each gallery."""
MAX_BOXES = 60
"""Particles in an average."""
ALL_BOXES = 1440
"""Boxes in memory, of all classes together: 65 kB each."""
APART = 1.0
"""Candidates of a class nearer to a better one are left out [radii]."""
NEIGHBOUR_EDGES = np.linspace(0, 8, 33)
"""Edges of bins of the distance to the nearest pick [radii]."""
DISTANCE_EDGES = np.arange(-100.0, 1001.0, 25.0)
"""Edges of bins of distances from what is around picks [Å]; those at the ends hold what
lies beyond them too."""
MAP_SIZE = 32
"""Bins along each axis of the maps of picks."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """A candidate to look at.

    Attributes
    ----------
    tomogram
        Name.
    position_zyx
        `(3,)` [Å].
    score
        In 0..1.
    slices
        `(3, 32, 32)` float16, see `central_slices`.
    said
        What two looks say of it, where they disagree.
    """

    tomogram: str
    position_zyx: NDArray[np.float64]
    score: float
    slices: NDArray[np.float16]
    said: str = ""


class Best(Generic[T]):
    """The things of the lowest keys among many, which are made only if they are."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._offers = 0
        self._kept: list[tuple[tuple[float, ...], int, T]] = []

    def offer(self, key: tuple[float, ...], make: Callable[[], T]) -> None:
        """Keep what `make` returns if its key is low enough; of equals the first."""
        self._offers += 1
        if len(self._kept) == self._size:
            if not self._size or key >= self._kept[-1][0]:
                return
            self._kept.pop()
        insort(self._kept, (key, self._offers, make()), key=lambda kept: kept[:2])

    def things(self) -> list[T]:
        """Return what is kept, of the lowest key first."""
        return [thing for _, _, thing in self._kept]


def _map() -> NDArray[np.int64]:
    return np.zeros((MAP_SIZE, MAP_SIZE), np.int64)


@dataclass(kw_only=True, slots=True)
class ClassGallery:
    """What is gathered of one class.

    Attributes
    ----------
    particle, threshold
        The class and the lowest score of its picks.
    max_boxes
        Most boxes of each average.
    highest, lowest, below, disputed
        Candidates to look at: the picks of the highest and of the lowest scores, the
        best candidates that are no picks, and what one look has as a pick and another
        has not, see `disputes`.
    boxes, boxes_below
        What is averaged of picks and of candidates that are no picks, float16, see
        `prepared`. Each tomogram's best come first, then the second best of each.
    num_picks, num_below, num_tomograms
        Picks, other candidates and tomograms that were seen.
    compared
        Two looks, described: number of tomograms in which they were compared.
    map_xy, map_xz
        `(32, 32)` picks over the tomograms' width, height and depth; y and z first.
    neighbours
        Picks in each bin of `NEIGHBOUR_EDGES`.
    distances
        What was measured around picks: how many are in each bin of `DISTANCE_EDGES`.
    """

    particle: Particle
    threshold: float
    max_boxes: int = MAX_BOXES
    highest: Best[Shot] = field(default_factory=lambda: Best(NUM_SHOTS))
    lowest: Best[Shot] = field(default_factory=lambda: Best(NUM_SHOTS))
    below: Best[Shot] = field(default_factory=lambda: Best(NUM_SHOTS))
    disputed: Best[Shot] = field(default_factory=lambda: Best(NUM_SHOTS))
    boxes: Best[NDArray[np.float16]] = field(init=False)
    boxes_below: Best[NDArray[np.float16]] = field(init=False)
    num_picks: int = 0
    num_below: int = 0
    num_tomograms: int = 0
    compared: Counter[tuple[str, str]] = field(default_factory=Counter)
    map_xy: NDArray[np.int64] = field(default_factory=_map)
    map_xz: NDArray[np.int64] = field(default_factory=_map)
    neighbours: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(NEIGHBOUR_EDGES) - 1, np.int64)
    )
    distances: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make room for the boxes."""
        self.boxes, self.boxes_below = Best(self.max_boxes), Best(self.max_boxes)

    def add(
        self,
        tomogram: Tomogram,
        candidates: Picks,
        looks: Sequence[tuple[Look, Look]],
    ) -> None:
        """Gather one tomogram's candidates of this class."""
        name, radius = self.particle.name, self.particle.radius
        found = picks_apart(candidates.of(name), APART * radius)
        is_pick = found.score >= self.threshold
        num = int(is_pick.sum())
        self.num_tomograms += 1
        self.num_picks += num
        self.num_below += len(found) - num

        @lru_cache(maxsize=1)
        def box(place: int) -> NDArray[np.float32]:
            return cut_box(tomogram, found.position_zyx[place], radius)

        def shot(place: int) -> Shot:
            return Shot(
                tomogram=tomogram.name,
                position_zyx=found.position_zyx[place],
                score=float(found.score[place]),
                slices=central_slices(box(place)).astype(np.float16),
            )

        def averaged(place: int) -> NDArray[np.float16]:
            return prepared(box(place)).astype(np.float16)

        # The best are first.
        score = found.score.tolist()
        for place in range(len(found)):
            of_picks = place < num
            shots = self.highest if of_picks else self.below
            shots.offer((-score[place],), partial(shot, place))
            rank = place if of_picks else place - num
            boxes = self.boxes if of_picks else self.boxes_below
            boxes.offer((rank, -score[place]), partial(averaged, place))
        for place in reversed(range(num)):
            self.lowest.offer((score[place],), partial(shot, place))
        self._compare(tomogram, found, looks)
        self._count(found.select(is_pick), tomogram)

    def _compare(
        self, tomogram: Tomogram, found: Picks, looks: Sequence[tuple[Look, Look]]
    ) -> None:
        """Gather what looks at a tomogram disagree about.

        A candidate of the page's own has the same place and score in all galleries, for
        answers are kept by these.
        """
        name, radius = self.particle.name, self.particle.radius
        for one, other in looks:
            self.compared[one.about(name), other.about(name)] += 1
        tree = cKDTree(found.position_zyx) if len(found) else None

        def shot(dispute: Dispute) -> Shot:
            position, score = dispute.position_zyx, dispute.score
            gap, place = tree.query(position) if tree else (np.inf, 0)
            if gap <= FOUND * radius:
                position, score = found.position_zyx[place], float(found.score[place])
            cut = central_slices(cut_box(tomogram, position, radius))
            return Shot(
                tomogram=tomogram.name,
                position_zyx=position,
                score=score,
                slices=cut.astype(np.float16),
                said=dispute.said,
            )

        for dispute in disputes(looks, self.particle):
            self.disputed.offer((-dispute.difference,), partial(shot, dispute))

    def _count(self, picks: Picks, tomogram: Tomogram) -> None:
        """Add picks to the maps and to the distances of neighbours and others."""
        extent = (np.array(tomogram.shape_zyx) - 1) * tomogram.voxel_size
        place = picks.position_zyx / np.maximum(extent, 1e-9)
        place = np.clip((place * MAP_SIZE).astype(int), 0, MAP_SIZE - 1)
        np.add.at(self.map_xy, (place[:, 1], place[:, 2]), 1)
        np.add.at(self.map_xz, (place[:, 0], place[:, 2]), 1)
        if len(picks) > 1:
            tree = cKDTree(picks.position_zyx)
            gap = np.asarray(tree.query(picks.position_zyx, 2)[0])[:, 1]
            nearest = gap / self.particle.radius
            self.neighbours += np.histogram(nearest, NEIGHBOUR_EDGES)[0]
        low, high = DISTANCE_EDGES[[0, -1]]
        for name, values in picks.context.items():
            # One that is not known is in no bin.
            held = np.clip(values[~np.isnan(values)], low, high)
            counts = np.histogram(held, DISTANCE_EDGES)[0].astype(np.int64)
            self.distances[name] = self.distances.get(name, 0) + counts


class Galleries:
    """The classes' galleries, to which tomograms are added one by one."""

    def __init__(
        self, particles: Sequence[Particle], thresholds: Mapping[str, float]
    ) -> None:
        """Begin with nothing.

        Parameters
        ----------
        particles
            The classes.
        thresholds
            Class: lowest score of a pick.
        """
        room = min(MAX_BOXES, ALL_BOXES // (2 * max(1, len(particles))))
        self.classes = [
            ClassGallery(particle=p, threshold=thresholds[p.name], max_boxes=room)
            for p in particles
        ]

    def add(
        self,
        tomogram: Tomogram,
        candidates: Picks,
        truth: Picks | None = None,
        *,
        looks: Sequence[tuple[Look, Look]] = (),
    ) -> None:
        """Gather what one tomogram has.

        Parameters
        ----------
        tomogram
            Its volume is read where candidates are that will be shown; one in memory
            is faster.
        candidates
            All peaks that may be picks.
        truth
            Known particles, which galleries do without.
        looks
            Pairs of looks at it to be compared: its halves, two methods.
        """
        del truth
        for of_class in self.classes:
            of_class.add(tomogram, candidates, looks)


def data_of(shot: Shot, particle: Particle) -> dict[str, Any]:
    """Return a candidate as pages know it: position x, y, z [Å]."""
    return {
        "tomogram": shot.tomogram,
        "particle": particle.name,
        "position": [round(float(value), 1) for value in shot.position_zyx[::-1]],
        "score": shortest(np.float32(shot.score)),
    }
