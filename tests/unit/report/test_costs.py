from __future__ import annotations

import pytest

from picker.report.costs import StageCost, stage_cost


def test_rows_of_benchmark_files_are_summed_up() -> None:
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
