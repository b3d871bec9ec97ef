from __future__ import annotations

import re

import numpy as np

from picker.report import charts
from picker.report.charts import draw_training
from picker.training import teaching
from tests.unit.report.examples import PARTICLES


def titled(chart: str) -> str:
    """Return a chart's title, which is its last text."""
    return re.findall(r"<text[^>]*>(.*?)</text>", chart)[-1]


def test_a_log_with_holes_has_the_charts_of_what_it_has() -> None:
    step, loss = np.arange(2.0), np.array([0.5, 0.4])
    f1 = np.array([np.nan, 0.25])
    columns = {"step": step, "loss": loss, "validation_f1": f1}
    assert len(draw_training(columns, PARTICLES)) == 2
    assert draw_training({"loss": loss}, PARTICLES) == []
    assert draw_training({"step": step, "loss": np.full(2, np.nan)}, PARTICLES) == []


def test_the_columns_of_the_teacher_are_those_that_training_writes() -> None:
    assert (charts.PSEUDO, charts.DIFFERENCE) == (teaching.PSEUDO, teaching.DIFFERENCE)


def test_what_the_teacher_proposes_is_in_the_colors_of_the_classes() -> None:
    step = np.arange(3.0)
    columns = {"step": step, "loss": step + 1, charts.DIFFERENCE: step / 4}
    before = draw_training(columns, PARTICLES)
    assert [titled(chart) for chart in before] == [
        "Loss",
        "Student's difference from teacher",
    ]
    proposed = {f"{charts.PSEUDO}{p.name}": 5 - step for p in PARTICLES}
    *others, chart = draw_training(columns | proposed, PARTICLES)
    assert others == before
    assert titled(chart) == "Pseudo-particles of each class"
    assert all(f"stroke: {p.color}" in chart for p in PARTICLES)
    # Of a log whose classes have other names nothing is known.
    assert draw_training(columns | {f"{charts.PSEUDO}other": step}, PARTICLES) == before
