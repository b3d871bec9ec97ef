from __future__ import annotations

import csv
import io

import numpy as np

from picker.report.tables import training_columns


def test_training_log_with_holes() -> None:
    log = "step\tloss\tvalidation_f1\n0\t0.5\t\n10\t0.4\t0.25\n"
    columns = training_columns(csv.DictReader(io.StringIO(log), delimiter="\t"))
    assert columns["loss"].tolist() == [0.5, 0.4]
    assert np.isnan(columns["validation_f1"][0])
    assert columns["validation_f1"][1] == 0.25
    assert training_columns([]) == {}
