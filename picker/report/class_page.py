"""One page a class: galleries, averages, maps; written once all is gathered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from picker.core.files import write_text, written_whole
from picker.machine.progress import tracked
from picker.report.averages import (
    averages,
    draw_agreement,
    draw_profiles,
    gray_levels,
    shown_averages,
)
from picker.report.charts import CURRENT, inline_svg, new_chart
from picker.report.gallery import (
    DISTANCE_EDGES,
    NEIGHBOUR_EDGES,
    NUM_SHOTS,
    data_of,
)
from picker.report.templates import template
from picker.report.webp import webp

if TYPE_CHECKING:
    from pathlib import Path

    from markupsafe import Markup
    from numpy.typing import NDArray

    from picker.report.gallery import ClassGallery, Galleries, Shot
    from picker.report.run_pages import RunPages

CLASSES = "classes"
"""Their folder."""
COLUMNS = 8
"""Cut-outs in a row of the sprite."""
ROWS = 4 * NUM_SHOTS // COLUMNS
QUALITY = 60
"""Of the sprite: noise takes most of its bytes."""
TITLES = {
    "highest": "The highest scores",
    "lowest": "The lowest scores of picks",
    "below": "The highest scores below the threshold",
    "disputed": "The most disputed",
}
HINTS = {
    "highest": "These should all be right.",
    "lowest": "If most are wrong, the threshold is too low.",
    "below": "If most are right, the threshold is too high.",
    "disputed": "What one look has as a pick and another has not, the greatest"
    " difference first: noise, or particles that are hard to see.",
}

AROUND = {
    "membrane": "Distance to membranes",
    "faces": "Distance to the lamella's faces",
    "edge": "Distance to the tomogram's faces",
    "gold": "Distance to gold",
}
"""Titles of what was measured around picks."""


def write_class_pages(galleries: Galleries, folder: Path, run: RunPages) -> None:
    """Write a page and its cut-outs for each class.

    Parameters
    ----------
    galleries
        What was gathered.
    folder
        The report's, in which `classes/<class>.html` and `.webp` are written.
    run
        What all pages have in common.
    """
    number = len(galleries.classes)
    for one in tracked(galleries.classes, "report", number, "classes"):
        page = folder / CLASSES / f"{one.particle.name}.html"
        shots = {key: getattr(one, key).things() for key in TITLES}
        with written_whole(page.with_suffix(".webp")) as temporary:
            temporary.write_bytes(_sprite(shots))
        write_text(page, _rendered(one, shots, run))


def _rendered(one: ClassGallery, shots: dict[str, list[Shot]], run: RunPages) -> str:
    """Return the page of a class."""
    boxes, boxes_below = one.boxes.things(), one.boxes_below.things()
    picks, below = averages(boxes), averages(boxes_below)
    averaged = shown_averages(picks, below, (len(boxes), len(boxes_below)))
    places = iter(range(4 * NUM_SHOTS))
    galleries = [
        {
            "title": TITLES[key],
            "hint": HINTS[key],
            "is_disputed": key == "disputed",
            "shots": [
                {
                    "place": divmod(next(places), COLUMNS),
                    "tomogram": shot.tomogram,
                    "score": shot.score,
                    "said": shot.said,
                    "link": _link(data),
                    "data": json.dumps(data),
                }
                for shot in shots[key]
                for data in (data_of(shot, one.particle),)
            ],
        }
        for key in TITLES
        if key != "disputed" or one.compared
    ]
    has_averages = picks is not None or below is not None
    return template("class_page.html.j2").render(
        one=one,
        particle=one.particle,
        names=[(p.name, quote(f"{p.name}.html")) for p in run.particles],
        run=run,
        sprite=quote(f"{one.particle.name}.webp"),
        columns=COLUMNS,
        rows=ROWS,
        galleries=galleries,
        compared=one.compared.items(),
        averaged=averaged,
        profiles=draw_profiles(picks, below, one.particle) if has_averages else None,
        agreement=draw_agreement(picks, below, one.particle) if has_averages else None,
        maps=_draw_maps(one) if one.num_picks else None,
        neighbours=_draw_neighbours(one) if one.neighbours.any() else None,
        distances=_draw_distances(one),
    )


def _link(data: dict[str, Any]) -> str:
    """Return where the viewer shows a candidate."""
    place = ",".join(f"{value:g}" for value in data["position"])
    page = f"../tomograms/{quote(data['tomogram'])}.html"
    return f"{page}#at={place}&particle={quote(data['particle'])}"


def _sprite(shots: dict[str, list[Shot]]) -> bytes:
    """Return all cut-outs as one WebP file, with the same grays for all."""
    tiles = [shot.slices for of_gallery in shots.values() for shot in of_gallery]
    size = 32
    pixels = np.zeros((ROWS * size, COLUMNS * 3 * size), np.uint8)
    if not tiles:
        return webp(pixels, QUALITY)
    densities = np.stack(tiles).astype(np.float32)
    low, high = np.percentile(densities, (0.5, 99.5))
    levels = gray_levels(densities, (float(low), float(high)))
    for place, tile in enumerate(levels):
        row, column = divmod(place, COLUMNS)
        pixels[
            row * size : (row + 1) * size, column * 3 * size : (column + 1) * 3 * size
        ] = np.concatenate(list(tile), axis=1)
    return webp(pixels, QUALITY)


def _draw_maps(one: ClassGallery) -> list[Markup]:
    """Return where in the tomograms the picks lie, from above and from the side."""
    maps: tuple[tuple[str, str, NDArray[np.int64]], ...] = (
        ("From above", "y", one.map_xy),
        ("From the side", "z", one.map_xz),
    )
    charts = []
    for title, axis, counts in maps:
        figure, axes = new_chart(title, 2.6, 2.5)
        axes.grid(visible=False)
        row, column = np.nonzero(counts)
        # Squares, for SVG without pictures inside.
        axes.scatter(
            (column + 0.5) / len(counts),
            (row + 0.5) / len(counts),
            s=12,
            marker="s",
            linewidths=0,
            c=np.sqrt(counts[row, column]),
            cmap="viridis_r",
        )
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="x / width")
        axes.set_ylabel(f"{axis} / {'height' if axis == 'y' else 'depth'}")
        charts.append(inline_svg(figure))
    return charts


def _draw_neighbours(one: ClassGallery) -> Markup:
    """Return a chart of how far picks are from the nearest one of their class."""
    figure, axes = new_chart("Distance to the nearest pick", 3.4, 2.4)
    edges = NEIGHBOUR_EDGES * one.particle.radius
    axes.bar(
        edges[:-1],
        one.neighbours,
        np.diff(edges),
        align="edge",
        color=one.particle.color,
    )
    for multiple, style in ((1, ":"), (2, "--")):
        axes.axvline(multiple * one.particle.radius, color=CURRENT, lw=1.2, ls=style)
    axes.set(xlabel="distance [Å]", ylabel="picks", xlim=(0, edges[-1]))
    return inline_svg(figure)


def _draw_distances(one: ClassGallery) -> list[Markup]:
    """Return a chart of each distance that was measured around picks."""
    charts = []
    for name, title in AROUND.items():
        counts = one.distances.get(name)
        if counts is None or not counts.any():
            continue
        figure, axes = new_chart(title, 2.6, 1.9)
        width = np.diff(DISTANCE_EDGES)
        color = one.particle.color
        axes.bar(DISTANCE_EDGES[:-1], counts, width, align="edge", color=color)
        axes.axvline(0, color=CURRENT, lw=1.2, ls=":")
        axes.set(xlabel="distance [Å]", ylabel="picks", xlim=DISTANCE_EDGES[[0, -1]])
        charts.append(inline_svg(figure))
    return charts
