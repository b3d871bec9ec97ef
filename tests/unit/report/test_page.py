from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from picker.config import EvaluateSettings, Particle
from picker.core.picks import Picks, no_picks, picks_from_arrays, score_histogram
from picker.core.tomogram import Tomogram
from picker.report.draw import (
    Picture,
    draw_tomogram,
    draw_training,
    framed,
    make_picture,
)
from picker.report.page import (
    ReportData,
    StageCost,
    TomogramRecord,
    counts_by_tomogram,
    curve_columns,
    render_report,
    stage_cost,
    training_columns,
)
from picker.scoring.curves import curve_rows, curves
from picker.scoring.evaluate import metrics, tomogram_rows
from picker.scoring.reliability import Reliability

if TYPE_CHECKING:
    from collections.abc import Iterator

RIBOSOME = Particle(name="ribosome", radius=100.0, color="#ff0000")
FERRITIN = Particle(name="apo-ferritin", radius=60.0, color="#00ff00")
PARTICLES = (RIBOSOME, FERRITIN)
VOXEL_SIZE = 10.0
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """Checks that each element is closed and gathers the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1] != "style":
            self.text.append(" ".join(data.split()))


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    assert "script" not in reader.seen
    assert "link" not in reader.seen
    # Nothing is loaded: addresses are data or lie in the page itself.
    assert not re.search(r"https?:", html)
    assert not re.search(r'(href|src)="(?!#|data:)', html)
    assert not re.search(r"url\((?!#)|@import", html)
    return reader


def some_picks() -> Picks:
    return picks_from_arrays(
        [[50, 100, 120], [60, 30, 200], [90, 150, 60]],
        ["ribosome", "ribosome", "apo-ferritin"],
        [0.9, 0.6, 0.7],
    )


def picture(**changes: Any) -> Picture:
    noise = np.random.default_rng(0).normal(0, 1, (20, 28)).astype(np.float32)
    made: dict[str, Any] = {
        "tomogram": "TS_1",
        "slab": noise,
        "voxel_size": VOXEL_SIZE,
        "center_z": 60.0,
        "thickness": 50.0,
        "picks": some_picks(),
    }
    return Picture(**made | changes)


def full_report(**changes: Any) -> ReportData:
    truth, picks = {"TS_1": some_picks()}, {"TS_1": some_picks()}
    rows = curve_rows(curves(picks, truth, PARTICLES, 0.5))
    thresholds = {"ribosome": 0.41, "apo-ferritin": 0.52}
    made: dict[str, Any] = {
        "method": "semietpicker",
        "particles": PARTICLES,
        "tomograms": [
            TomogramRecord(
                tomogram="TS_1",
                split="test",
                num_picks={"ribosome": 2, "apo-ferritin": 1},
                num_truth={"ribosome": 7, "apo-ferritin": 5},
                warnings=("z is not the thinnest axis",),
            ),
            TomogramRecord(
                tomogram="TS_2", split="predict", num_picks={"ribosome": 1234}
            ),
            TomogramRecord(tomogram="TS_3", error="ValueError: TS_3.mrc is truncated"),
        ],
        "settings": {"train": {"seed": 3, "augment": {"rotate": True}, "x": None}},
        "training": {
            "burn_in": {
                "step": np.arange(3.0),
                "loss": np.array([0.3, 0.2, 0.1]),
                "validation_f1": np.array([np.nan, np.nan, 0.5]),
            }
        },
        "histograms": {
            p.name: score_histogram(some_picks().of(p.name).score) for p in PARTICLES
        },
        "thresholds": thresholds,
        "metrics": metrics(
            picks, truth, PARTICLES, EvaluateSettings(), thresholds, split="test"
        ),
        "curves": curve_columns(
            [{key: str(value) for key, value in row.items()} for row in rows]
        ),
        "pictures": [picture(truth=some_picks())],
        "notes": ["Simulated, not real."],
    }
    return ReportData(**made | changes)


def test_tomograms_are_compared_the_worst_first() -> None:
    some = some_picks()
    truth = {"TS_1": some, "TS_9": some, "TS_0": no_picks()}
    rows = tomogram_rows({"TS_1": some}, truth, PARTICLES, 0.5)
    text = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in rows
    ]
    html = render_report(full_report(by_tomogram=counts_by_tomogram(text)))
    read(html)
    table = html[html.index("In each tomogram, the worst first") :]
    table = table[: table.index("</table>")]
    cells = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td.*?</td>", table)]
    assert cells == [
        *("TS_9", "0.00", "0 / 2", "0 / 1"),
        *("TS_1", "1.00", "2 / 2", "1 / 1"),
        *("TS_0", "–", "0 / 0", "0 / 0"),
    ]
    alone = counts_by_tomogram(text[:3])
    assert "the worst first" not in render_report(full_report(by_tomogram=alone))


def test_which_tomograms_to_distrust_and_which_to_label_next_is_said() -> None:
    scores = {1: 0.8, 2: None, 3: 0.7, 4: 0.5, 5: 0.9, 6: 0.95}
    records = [
        TomogramRecord(tomogram=f"TS_{i}", split="unlabeled", mean_score=score)
        for i, score in scores.items()
    ]
    records.append(TomogramRecord(tomogram="known", split="test", mean_score=0.1))
    ranked = [f"TS_{i}" for i in (6, 4, 3, 1, 5, 2)]
    html = render_report(full_report(tomograms=records, label_next=ranked))
    assert "Least sure: <b>TS_2, TS_4, TS_3, TS_1, TS_5</b>" in html
    assert "To label next: <b>TS_6, TS_4, TS_3, TS_1, TS_5</b>" in html
    few = render_report(full_report(tomograms=records, label_next=ranked[:5]))
    assert "Least sure:" not in few
    assert "To label next:" not in few


def test_what_to_expect_where_nobody_looked_is_shown_with_the_curves() -> None:
    known = {"ribosome": Reliability(score=(0.1, 0.9), right=(0.0, 0.8), found=1.0)}
    row = {"split": "predict", "particle": "ribosome", "tomograms": "7"}
    row |= {"picks": "1234", "precision": "0.712", "recall": ""}
    html = render_report(full_report(reliability=known, estimate=[row]))
    reader = read(html)
    table = html[html.index("expected precision") : html.index("How good are they?")]
    cells = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td.*?</td>", table)]
    assert cells == ["predict", "ribosome", "7", "1,234", "0.71", "–"]
    assert "What a score is worth" in html
    assert "fraction right" in " ".join(reader.text)
    assert "nobody has looked" not in render_report(full_report())


def test_each_stage_shows_its_time_and_memory() -> None:
    rows = [
        {"s": "3725.4", "max_rss": "812.50"},
        {"s": "0.2", "max_rss": "-"},
        {"s": "60.0", "max_rss": "1500.25"},
    ]
    cost = stage_cost(rows)
    assert cost == StageCost(
        num_jobs=3, seconds=pytest.approx(3785.6), longest=3725.4, memory=1500.25
    )
    short = stage_cost(rows[1:2])
    assert short is not None
    assert short.memory is None
    cut = {"s": "31.5", "max_rss": None}  # written when the disk was full
    assert stage_cost([*rows, cut]) == cost
    assert stage_cost([cut]) is None
    html = render_report(full_report(costs={"predict": cost, "predict_noisy": short}))
    read(html)
    table = html[html.index("Time and memory") :]
    cells = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td.*?</td>", table)]
    assert cells[:5] == ["predict", "3", "1:03:06", "1:02:05", "1500"]
    assert cells[5:10] == ["predict noisy", "1", "0:00:00", "0:00:00", "–"]
    assert "Time and memory" not in render_report(full_report())


def test_page_has_everything() -> None:
    html = render_report(full_report())
    reader = read(html)
    text = " ".join(reader.text)
    assert "Picks of semietpicker" in text
    assert "Simulated, not real." in text
    assert "1,237 picks of 2 classes" in text
    assert "1.00 mean F1 at 0.5 r, 1 test tomogram" in text
    assert "TS_3 failed ValueError: TS_3.mrc is truncated" in text
    assert "1 warning z is not the thinnest axis (TS_1)" in text
    assert "Precision at 0.5 r" in text
    assert "F1 at 0.75 r" in text
    assert "ribosome 1.00 1.00 1.00 1.00 0.41 2 2" in text
    assert "TS_1 test 2 / 7 1 / 5 3" in text
    assert "TS_2 predict 1,234 0 1,234" in text
    assert "all 1,236 1 1,237" in text
    assert "seed 3 augment.rotate true x null" in text
    assert "validation tomograms" in text
    assert "3 of 3 picks here · 3 known in all" in text
    assert reader.seen.count("figure") == 1
    assert html.index('id="problems"') < html.index('id="accuracy"')
    assert "currentColor" in html
    assert "#010203" not in html


def test_page_is_the_same_twice() -> None:
    assert render_report(full_report()) == render_report(full_report())


def test_page_of_nothing() -> None:
    text = read(
        render_report(ReportData(method="m", particles=PARTICLES, tomograms=[]))
    )
    assert "No tomogram was picked." in " ".join(text.text)
    assert not {"figure", "svg"} & set(text.seen)


def test_page_without_truth_or_picks() -> None:
    record = TomogramRecord(tomogram="TS_1", split="predict")
    page = full_report(
        tomograms=[record],
        metrics=None,
        curves={},
        histograms={p.name: np.zeros(50, np.int64) for p in PARTICLES},
        pictures=[picture(picks=no_picks())],
        training={},
    )
    text = " ".join(read(render_report(page)).text)
    assert "0 picks of 2 classes" in text
    assert "F1" not in text
    assert "known in all" not in text
    assert "0 of 0 picks here" in text


def test_class_without_picks_or_truth() -> None:
    one = {"TS_1": some_picks().of("ribosome")}
    page = full_report(
        metrics=metrics(one, one, PARTICLES, EvaluateSettings(), {"ribosome": 0.4}),
        curves=curve_columns([]),
        histograms={"ribosome": score_histogram(np.array([0.5]))},
        thresholds={"ribosome": 0.4},
    )
    text = " ".join(read(render_report(page)).text)
    assert "apo-ferritin – – – – – 0 0" in text


def test_names_and_errors_are_escaped() -> None:
    evil = "<script>alert('1')</script>"
    particle = Particle.model_construct(
        name=evil, radius=100.0, weight=1.0, color="#ff0000"
    )
    picks = picks_from_arrays([[60, 100, 100]], [evil])
    html = render_report(
        ReportData(
            method=evil,
            particles=[particle],
            tomograms=[
                TomogramRecord(tomogram=evil, num_picks={evil: 1}, warnings=[evil]),
                TomogramRecord(tomogram=evil, error=evil),
            ],
            settings={evil: {evil: evil}},
            training={evil: {"step": np.arange(2.0), "loss": np.ones(2)}},
            histograms={evil: score_histogram(picks.score)},
            metrics=metrics(
                {evil: picks}, {evil: picks}, [particle], EvaluateSettings(), {}
            ),
            curves={
                evil: {
                    name: np.ones(1) for name in ("threshold", "precision", "recall")
                }
            },
            pictures=[picture(tomogram=evil, picks=picks)],
            notes=[evil],
        )
    )
    assert "<script" not in html
    assert " ".join(read(html).text).count(evil) > 12


def test_many_tomograms_are_summed_up() -> None:
    records = [
        TomogramRecord(tomogram=f"TS_{i}", num_picks={"ribosome": i}, warnings=["odd"])
        for i in range(201)
    ]
    page = full_report(tomograms=records)
    text = " ".join(read(render_report(page)).text)
    assert "over 201 tomograms" in text
    assert "ribosome 20,100 100.0 100.0 0 200" in text
    assert "TS_49" in text
    assert "TS_50" not in text
    assert "all 201 20,100 0 20,100" in text
    assert "201 warnings odd (TS_0, TS_1, TS_2, TS_3, TS_4 and 196 more)" in text


def test_pictures_are_read_one_by_one_and_no_further() -> None:
    read_so_far = []

    def pictures() -> Iterator[Picture]:
        for number in range(100):
            read_so_far.append(number)
            yield picture(tomogram=f"P_{number}")

    html = render_report(full_report(pictures=pictures(), max_pictures=3))
    assert read_so_far == [0, 1, 2]
    assert html.count("<figure>") == 3
    assert "<figure>" not in render_report(full_report(max_pictures=0))


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


def test_training_log_with_holes() -> None:
    log = "step\tloss\tvalidation_f1\n0\t0.5\t\n10\t0.4\t0.25\n"
    columns = training_columns(csv.DictReader(io.StringIO(log), delimiter="\t"))
    assert columns["loss"].tolist() == [0.5, 0.4]
    assert np.isnan(columns["validation_f1"][0])
    assert columns["validation_f1"][1] == 0.25
    assert len(draw_training(columns)) == 2
    assert draw_training({"loss": columns["loss"]}) == []
    assert draw_training({"step": np.arange(2.0), "loss": np.full(2, np.nan)}) == []
    assert training_columns([]) == {}


def test_score_histogram() -> None:
    counts = score_histogram(np.array([0.0, 0.019, 0.021, 1.0, 1.2], np.float32))
    assert counts.sum() == 5
    assert counts[[0, 1, 49]].tolist() == [2, 1, 2]
    assert score_histogram(np.empty(0)).sum() == 0
