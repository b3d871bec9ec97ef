"""A page for each tomogram, to scroll through it, move thresholds and judge picks.

A page is a small HTML that loads two files beside it: its candidates and known
particles as a script, for a page that was opened from a disk may load no JSON, and its
slices as a picture.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from picker.core.files import write_text, written_whole
from picker.report.circles import circles_at
from picker.report.run_pages import write_assets
from picker.report.slices import slices_of
from picker.report.templates import script_json, template
from picker.report.webp import small_webp
from picker.scoring.match import match_picks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.core.slab import Face, Slab
    from picker.core.tomogram import Tomogram
    from picker.report.circles import Circle
    from picker.report.run_pages import RunPages
    from picker.report.slices import Slices

TOMOGRAMS = "tomograms"
"""Folder of the tomograms' pages, in that of all pages."""
MAX_CANDIDATES = 4000
"""Of a page."""
MAX_KNOWN = 2000
"""Known particles that a page draws; it counts all of them."""
MAX_BYTES = 280_000
"""Of a page's script and picture."""
BEST_PICTURE, LEAST_PICTURE = 170_000, 60_000
"""Most bytes of the picture with little beside it, and with much."""
THUMBNAIL = 6_000
"""Most bytes of a thumbnail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One tomogram with what was found in it.

    Attributes
    ----------
    tomogram
        The whole volume.
    candidates
        What would be picks without thresholds: inside mask and edges, none too close
        to a better one of its class. A threshold takes the best of them.
    truth
        Known particles; None where none are known.
    split
        What the tomogram is used for.
    is_partial
        Whether the known particles are a part of all.
    slab
        The lamella's faces, if they were found.
    """

    tomogram: Tomogram
    candidates: Picks
    truth: Picks | None = None
    split: str = ""
    is_partial: bool = False
    slab: Slab | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Thumbnail:
    """The middle of a tomogram, small, for the report.

    Attributes
    ----------
    tomogram
        Name.
    href
        Address of its page, from the folder of all pages.
    webp
        The picture, in base64.
    size
        Width and height of the tomogram [voxels].
    circles
        Of each pick that is cut there.
    z
        Where that is [Å].
    """

    tomogram: str
    href: str
    webp: str
    size: tuple[int, int]
    circles: Sequence[Circle]
    z: float


class TomogramPages:
    """Writes a page for each tomogram that it is given, one after the other."""

    def __init__(self, folder: Path, run: RunPages) -> None:
        """Begin to write into a folder of pages."""
        self.folder = folder
        self.run = run
        self.thumbnails: list[Thumbnail] = []
        self._splits: list[str] = []

    def add(self, view: View) -> None:
        """Write one tomogram's slices and candidates."""
        name = view.tomogram.name
        slices = slices_of(view.tomogram.volume)
        script = f"pickerTomogram({script_json(self._script(view, slices))});\n"
        left = MAX_BYTES - len(script.encode())
        picture = small_webp(
            slices.picture(), min(BEST_PICTURE, max(LEAST_PICTURE, left))
        )
        write_text(self.folder / TOMOGRAMS / f"{name}.js", script)
        with written_whole(self.folder / TOMOGRAMS / f"{name}.webp") as path:
            path.write_bytes(picture)
        self.thumbnails.append(self._thumbnail(view, slices))
        self._splits.append(view.split)

    def write(self) -> None:
        """Write the pages, each with its neighbours, and what they share."""
        page = template("tomogram.html.j2")
        names = [one.tomogram for one in self.thumbnails]
        for i, name in enumerate(names):
            text = page.render(
                name=name,
                split=self._splits[i],
                run=self.run,
                before=names[i - 1] if i else None,
                after=names[i + 1] if i + 1 < len(names) else None,
            )
            write_text(self.folder / TOMOGRAMS / f"{name}.html", text)
        write_assets(self.folder)

    def _script(self, view: View, slices: Slices) -> dict[str, Any]:
        """Return what a page's script knows of its tomogram; lengths in Å, x, y, z."""
        depth, height, width = slices.gray.shape
        parts = [view.candidates.of(p.name) for p in self.run.particles]
        shares = _shares([len(part) for part in parts], MAX_CANDIDATES)
        known = self._known(view)
        return {
            "tomogram": view.tomogram.name,
            "voxelSize": view.tomogram.voxel_size,
            "shape": view.tomogram.shape_zyx[::-1],
            "step": slices.step_zyx[::-1],
            "pixels": [width, height, depth],
            "columns": slices.columns,
            "partial": view.is_partial,
            "slab": [_face(f) for f in (view.slab.low, view.slab.high) if f]
            if view.slab
            else [],
            "classes": [
                self._class(particle, part, share, known.get(particle.name))
                for particle, part, share in zip(
                    self.run.particles, parts, shares, strict=True
                )
            ],
        }

    def _known(self, view: View) -> dict[str, tuple[Picks, int]]:
        """Return each class's known particles and how many of them are drawn."""
        if view.truth is None:
            return {}
        names = [particle.name for particle in self.run.particles]
        parts = [view.truth.of(name) for name in names]
        shares = _shares([len(part) for part in parts], MAX_KNOWN)
        return dict(zip(names, zip(parts, shares, strict=True), strict=True))

    def _class(
        self,
        particle: Particle,
        candidates: Picks,
        share: int,
        known: tuple[Picks, int] | None,
    ) -> dict[str, Any]:
        """Return one class's threshold, candidates and known particles."""
        best_first = candidates.select(np.argsort(-candidates.score, kind="stable"))
        shown = best_first.select(np.arange(min(share, len(candidates))))
        part: dict[str, Any] = {
            "name": particle.name,
            "threshold": self.run.thresholds.get(particle.name, 0.0),
            "set": self.run.set_thresholds.get(particle.name),
            "left": len(candidates) - len(shown),
            "position": _xyz(shown.position_zyx),
            "score": [shortest(score) for score in shown.score],
        }
        if known is not None:
            truth, drawn = known
            distance = self.run.distance_per_radius * particle.radius
            match = match_picks(
                shown.position_zyx, shown.score, truth.position_zyx, distance
            )
            evenly = np.arange(drawn) * len(truth) // max(1, drawn)
            part |= {
                "known": _xyz(truth.position_zyx[evenly]),
                "numKnown": len(truth),
                "right": "".join("1" if of >= 0 else "0" for of in match),
            }
        return part

    def _thumbnail(self, view: View, slices: Slices) -> Thumbnail:
        """Return the middle slice with the picks that it cuts."""
        size = view.tomogram.voxel_size
        thick = slices.step_zyx[0]
        z = (slices.middle_index * thick + (thick - 1) / 2) * size
        num_y, num_x = view.tomogram.shape_zyx[1:]
        circles: list[Circle] = []
        for particle in self.run.particles:
            found = view.candidates.of(particle.name)
            least = self.run.thresholds.get(particle.name, 0.0)
            found = found.select(found.score >= least)
            circles += circles_at(z, found, particle, size, num_y)
        name = view.tomogram.name
        middle = slices.middle()
        return Thumbnail(
            tomogram=name,
            href=f"{TOMOGRAMS}/{quote(name)}.html",
            webp=base64.b64encode(small_webp(middle, THUMBNAIL)).decode("ascii"),
            size=(num_x, num_y),
            circles=circles,
            z=z,
        )


def shortest(score: np.float32) -> float:
    """Return the number of the fewest digits that is this score as float32.

    So a page that rounds scores and thresholds to float32 compares them as picking
    does.
    """
    return float(str(score))


def _xyz(position_zyx: NDArray[np.float64]) -> list[float]:
    """Return x, y, z of one position after the other, to 0.1 Å."""
    values = position_zyx[:, ::-1].round(1).ravel().tolist()
    return [int(value) if value == int(value) else value for value in values]


def _shares(numbers: Sequence[int], most: int) -> list[int]:
    """Return how many of each class are shown: all of the small ones."""
    shares = [0] * len(numbers)
    left = most
    by_number = sorted(range(len(numbers)), key=lambda i: numbers[i])
    for done, i in enumerate(by_number):
        shares[i] = min(numbers[i], left // (len(numbers) - done))
        left -= shares[i]
    return shares


def _face(face: Face) -> list[float]:
    """Return offset [Å] and slopes along x and y."""
    return [round(face.offset, 1), round(face.slope_x, 5), round(face.slope_y, 5)]
