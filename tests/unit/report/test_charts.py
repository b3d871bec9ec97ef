from __future__ import annotations

import numpy as np

from picker.report.charts import draw_training


def test_a_log_with_holes_has_the_charts_of_what_it_has() -> None:
    step, loss = np.arange(2.0), np.array([0.5, 0.4])
    f1 = np.array([np.nan, 0.25])
    assert len(draw_training({"step": step, "loss": loss, "validation_f1": f1})) == 2
    assert draw_training({"loss": loss}) == []
    assert draw_training({"step": step, "loss": np.full(2, np.nan)}) == []
