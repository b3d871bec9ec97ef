from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from picker.core.picks import no_picks, picks_from_arrays
from picker.core.tomogram import Tomogram
from picker.report.pictures import draw_tomogram, framed, make_picture
from tests.unit.report.examples import PARTICLES, VOXEL_SIZE, picture, some_picks


def pixels(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert image.mode == "P"
    return np.asarray(image.convert("RGB")).astype(int)


def is_red(rgb: np.ndarray) -> np.ndarray:
    return (rgb[..., 0] > 180) & (rgb[..., 1] < 110) & (rgb[..., 2] < 110)


def is_green(rgb: np.ndarray) -> np.ndarray:
    return is_red(rgb[..., [1, 0, 2]])


def test_circle_is_where_the_pick_is() -> None:
    # One pick in the slab's plane: y 90 Å, x 170 Å, radius 60 Å.
    picks = picks_from_arrays([[60, 90, 170]], ["apo-ferritin"])
    rgb = pixels(draw_tomogram(picture(picks=picks), PARTICLES))
    scale = 4  # pixels a voxel, at most
    assert rgb.shape == (20 * scale, 28 * scale, 3)
    ring = is_green(rgb)
    rows, columns = np.nonzero(ring)
    # The centre of voxel 0 is half a voxel from the left and lower edges.
    column, row = (17 + 0.5) * scale - 0.5, 20 * scale - (9 + 0.5) * scale - 0.5
    away = np.hypot(rows - row, columns - column)
    assert abs(away - 6 * scale).max() < 1.6
    for step in (0, 90, 180, 270):
        y = round(row + 6 * scale * np.sin(np.radians(step)))
        x = round(column + 6 * scale * np.cos(np.radians(step)))
        assert ring[y - 1 : y + 2, x - 1 : x + 2].any()
    assert not is_red(rgb).any()


def test_slab_is_drawn_with_y_upwards() -> None:
    slab = np.zeros((20, 28), np.float32)
    slab[2:5, 20:24] = 1
    rgb = pixels(draw_tomogram(picture(slab=slab, picks=no_picks()), PARTICLES))
    rows, columns = np.nonzero(rgb[..., 0] > 200)
    assert rows.mean() == pytest.approx(80 - 3.5 * 4 - 0.5, abs=1)
    assert columns.mean() == pytest.approx(22 * 4 - 0.5, abs=1)


@pytest.mark.parametrize(
    ("away", "radius"), [(0, 100), (60, 80), (-80, 60), (99.9, 4.5), (100, 0)]
)
def test_circle_is_as_wide_as_the_sphere_there(away: float, radius: float) -> None:
    picks = picks_from_arrays([[60 + away, 100, 130]], ["ribosome"])
    drawn = picture(slab=np.ones((20, 28), np.float32), picks=picks)
    columns = np.nonzero(is_red(pixels(draw_tomogram(drawn, PARTICLES))).any(axis=0))[0]
    width = np.ptp(columns) if len(columns) else 0
    assert width == pytest.approx(2 * radius / VOXEL_SIZE * 4, abs=2)
    assert framed(drawn, PARTICLES)["num_shown"] == (radius > 0)


def test_known_particles_are_dashed() -> None:
    flat = np.ones((20, 28), np.float32)
    known = picks_from_arrays([[60, 100, 130]], ["ribosome"])
    solid = pixels(draw_tomogram(picture(slab=flat, picks=known), PARTICLES))
    dashed = pixels(
        draw_tomogram(picture(slab=flat, picks=no_picks(), truth=known), PARTICLES)
    )

    def colored(rgb: np.ndarray) -> int:
        return int((np.ptp(rgb, axis=2) > 60).sum())

    assert 0.2 < colored(dashed) / colored(solid) < 0.8


@pytest.mark.parametrize("shape", [(630, 400), (20, 28), (1, 1), (3, 900)])
def test_pictures_stay_small(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    made = framed(picture(slab=noise, picks=no_picks()), PARTICLES)
    assert max(made["width"], made["height"]) <= 640
    assert len(made["png"]) < 350_000


def test_axes_are_in_nm() -> None:
    made = framed(picture(), PARTICLES)
    assert (made["width"], made["height"]) == (112, 80)
    assert [label for _, label in made["ticks"]["x"]] == ["0", "10", "20"]
    # 10 nm is voxel 10, whose middle is 10.5 voxels from the edge.
    assert made["ticks"]["x"][1][0] == pytest.approx(10.5 * 4)
    assert made["bar"] == (pytest.approx(5 * 4), "5 nm")
    assert made["center_nm"] == 6.0


def test_middle_of_a_tomogram() -> None:
    volume = np.arange(12, dtype=np.float32)[:, None, None] * np.ones((12, 20, 28))
    tomogram = Tomogram(name="T", volume=volume, voxel_size=VOXEL_SIZE)
    made = make_picture(tomogram, some_picks(), thickness=50.0)
    assert made.slab.shape == (20, 28)
    assert made.slab[0, 0] == 6.0
    assert made.center_z == 60.0
    assert made.thickness == 50.0
    flat = Tomogram(name="T", volume=volume[:1], voxel_size=VOXEL_SIZE)
    assert make_picture(flat, no_picks()).thickness == VOXEL_SIZE
