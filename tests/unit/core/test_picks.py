from __future__ import annotations

import numpy as np

from picker.core.picks import score_histogram


def test_score_histogram() -> None:
    counts = score_histogram(np.array([0.0, 0.019, 0.021, 1.0, 1.2], np.float32))
    assert counts.sum() == 5
    assert counts[[0, 1, 49]].tolist() == [2, 1, 2]
    assert score_histogram(np.empty(0)).sum() == 0
