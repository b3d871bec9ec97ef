from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np

from picker.config import EvaluateSettings, Particle
from picker.core.picks import no_picks, picks_from_arrays, score_histogram
from picker.report.costs import StageCost
from picker.report.data import ReportData, RoundRecord, TomogramRecord
from picker.report.page import render_report
from picker.report.tables import (
    counts_by_tomogram,
    curve_columns,
    reproducibility_columns,
)
from picker.scoring.curves import curve_rows, curves
from picker.scoring.evaluate import metrics, tomogram_rows
from picker.scoring.reliability import Reliability
from tests.unit.report.examples import PARTICLES, some_picks, thumbnail

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
        if data.strip() and self.open[-1] not in ("style", "script"):
            self.text.append(" ".join(data.split()))


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    # One script, in the page itself.
    assert html.count("<script") == html.count("<script>") == 1
    assert "link" not in reader.seen
    # Nothing is loaded: addresses are data or lie in the page itself.
    assert not re.search(r"https?:", html)
    # It links to pages beside it.
    assert not re.search(r'(href|src)="(?!#|data:|report/tomograms/)', html)
    assert not re.search(r"url\((?!#)|@import", html)
    return reader


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
        "thumbnails": [thumbnail()],
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


def test_where_a_score_is_measured_its_worth_decides_which_to_distrust() -> None:
    """Many sure picks of a class whose scores are worth little make none sure."""
    worth = {1: (0.9, 0.2), 2: (0.5, 0.8), 3: (0.7, 0.4), 4: (None, None)}
    worth |= {5: (0.6, 0.5), 6: (0.4, 0.9)}
    records = [
        TomogramRecord(
            tomogram=f"TS_{i}", split="predict", mean_score=score, chance_right=chance
        )
        for i, (score, chance) in worth.items()
    ]
    ranked = [f"TS_{i}" for i in worth]
    html = render_report(full_report(tomograms=records, label_next=ranked))
    assert "Least sure: <b>TS_4, TS_1, TS_3, TS_5, TS_2</b>" in html
    assert "smallest fraction of right picks" in html
    assert "lowest mean score" not in html


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


def test_a_match_distance_in_voxels_has_its_own_column() -> None:
    truth = {"TS_1": some_picks()}
    settings = EvaluateSettings(distance_voxels=10)
    values = metrics(truth, truth, PARTICLES, settings, {}, voxel_size={"TS_1": 8.0})
    text = " ".join(read(render_report(full_report(metrics=values))).text)
    assert "F1 at 10 voxels" in text


def test_each_stage_shows_its_time_and_memory() -> None:
    cost = StageCost(num_jobs=3, seconds=3785.6, longest=3725.4, memory=1500.25)
    short = StageCost(num_jobs=1, seconds=0.2, longest=0.2, memory=None)
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
    assert not {"figure", "svg", "a"} & set(text.seen)


def test_page_without_truth_or_picks() -> None:
    record = TomogramRecord(tomogram="TS_1", split="predict")
    page = full_report(
        tomograms=[record],
        metrics=None,
        curves={},
        histograms={p.name: np.zeros(50, np.int64) for p in PARTICLES},
        thumbnails=[thumbnail(circles=[])],
        training={},
    )
    text = " ".join(read(render_report(page)).text)
    assert "0 picks of 2 classes" in text
    assert "F1" not in text


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
    href = "tomograms/%3Cscript%3E.html"
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
            thumbnails=[thumbnail(evil, href=href)],
            notes=[evil],
        )
    )
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
    assert "TS_200" in text
    assert "all 20,100 0 20,100" in text
    assert "201 warnings odd (TS_0, TS_1, TS_2, TS_3, TS_4 and 196 more)" in text


def test_of_very_many_tomograms_the_first_are_listed_and_drawn(monkeypatch) -> None:
    monkeypatch.setattr("picker.report.page.MAX_TOMOGRAMS", 100)
    monkeypatch.setattr("picker.report.page.MAX_THUMBNAILS", 2)
    names = [f"TS_{i}" for i in range(120)]
    records = [TomogramRecord(tomogram=n, num_picks={"ribosome": 2}) for n in names]
    pictures = [thumbnail(name) for name in names[:4]]
    html = render_report(
        full_report(tomograms=records, thumbnails=pictures, pages="report")
    )
    text = " ".join(read(html).text)
    assert "The first 100 of them:" in text
    assert html.count("data-words=") == 100
    assert "all 120 240 0 240" in text
    assert html.count("<figure>") == 2
    assert "4 of 120 tomograms have a page" in text
    assert "The first 2 are here; the names in the table above open" in text
    assert '<a href="report/tomograms/TS_3.html">TS_3</a>' in html


def test_tomograms_with_a_page_are_linked_wherever_they_are_listed() -> None:
    html = render_report(full_report(pages="report"))
    link = '<a href="report/tomograms/TS_1.html">'
    assert f"<td>{link}TS_1</a></td>" in html
    assert html.count(link) == 2  # in the counts, and its thumbnail
    assert "<td>TS_2</td>" in html
    assert "1 of 2 tomograms have a page" in html
    assert "<figure>" not in render_report(full_report(thumbnails=[]))


def test_what_is_found_again_is_drawn_and_told_at_the_threshold() -> None:
    table = "threshold is_threshold tomograms picks half_picks found_again".split()
    table += ["expected_precision", "expected_recall"]
    lines = {
        "ribosome": ("0.9 0 8 10 7 0.5 0.97 0.6", "0.41 1 8 1300 11 0.4 0.83 0.7"),
        "apo-ferritin": ("0.52 1 8 3 1 0.2  ",),
    }
    rows = [
        {"particle": name} | dict(zip(table, line.split(" "), strict=True))
        for name, some in lines.items()
        for line in some
    ]
    html = render_report(full_report(reproducibility=reproducibility_columns(rows)))
    page = " ".join(read(html).text)
    assert "What is found again in the other half?" in page
    part = html[html.index('id="reproducibility"') :]
    part = part[: part.index("</section>")]
    assert part.count("<svg") == 2
    cells = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td.*?</td>", part)]
    assert [cell.strip() for cell in cells] == [
        *("ribosome", "0.41", "8", "1,300", "0.40", "0.83", "0.70"),
        *("apo-ferritin", "0.52", "8", "3", "0.20", "–", "–"),
    ]
    assert 'id="reproducibility"' not in render_report(full_report())


def test_a_class_that_is_hardly_learned_is_a_problem_with_what_to_do() -> None:
    rule = {"threshold": 0.3, "num_truth": 9, "partial": None}
    rules = {"ribosome": rule | {"f": 0.9}, "apo-ferritin": rule | {"f": 0.1}}
    text = " ".join(read(render_report(full_report(rules=rules))).text)
    assert "ribosome is hardly learned" not in text
    assert "apo-ferritin is hardly learned : F 0.10 on the tomograms" in text
    assert "Label more of it" in text


def test_rounds_of_answers_have_a_table_with_what_they_brought() -> None:
    rounds = [
        RoundRecord(
            name="round_1",
            answers={"right": 1200, "wrong": 2, "other": 0, "missed": 4},
            before="mean F1@0.5 0.500 on test",
            difference=-0.0254,
        ),
        RoundRecord(
            name="round_2",
            answers={"right": 1, "wrong": 2, "other": 0, "missed": 4},
            before="mean F1@0.5 0.600 on validation",
            difference=None,
            why="not comparable: other tomograms",
        ),
    ]
    measured = "mean F1@0.5 0.475 on test"
    html = render_report(full_report(rounds=rounds, measured=measured))
    text = " ".join(read(html).text)
    assert f"This run: {measured}. It has trained on the answers of 2 rounds." in text
    assert "round_1 1,200 2 0 4 mean F1@0.5 0.500 on test -0.025" in text
    assert "validation not comparable: other tomograms" in text
    assert 'id="rounds"' not in render_report(full_report(measured=measured))
    assert "nobody has measured" in render_report(full_report(rounds=rounds))


def test_a_log_with_a_teacher_says_what_pseudo_particles_are() -> None:
    step = np.arange(3.0)
    log = {"step": step, "loss": step + 1}
    plain = render_report(full_report(training={"burn_in": log}))
    taught = log | {"student_teacher_difference": step}
    found = render_report(full_report(training={"burn_in": log, "co_train": taught}))
    assert "Pseudo-particles, in" not in plain
    assert "Pseudo-particles, in" in found
