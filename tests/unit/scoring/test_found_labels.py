from __future__ import annotations

import numpy as np

from picker.core.picks import no_picks
from picker.scoring.found_labels import PartialLabels, found_labels, pooled
from tests.unit.scoring.examples import RIBOSOME, on_line


def labels(trained, held_out, **expected):
    return PartialLabels(
        trained=on_line(trained, [1] * len(trained)),
        held_out=on_line(held_out, [1] * len(held_out)),
        expected=expected,
    )


def test_candidates_are_apart_by_the_label_that_they_lie_at():
    candidates = on_line([10, 310, 600, 900], [0.9, 0.5, 0.75, 0.25])
    found = found_labels(candidates, labels([0, 2000], [300, 3000]), RIBOSOME, 0.5)
    assert found.trained.tolist() == [np.float32(0.9), -np.inf]
    assert found.held_out.tolist() == [0.5, -np.inf]
    assert found.elsewhere.tolist() == [0.5, 0.75, 0.25]
    assert sorted(found.every_candidate) == [0.25, 0.5, 0.75, np.float32(0.9)]
    both = pooled([found, found_labels(no_picks(), labels([], [0]), RIBOSOME, 0.5)])
    assert both.held_out.tolist() == [0.5, -np.inf, -np.inf]
    assert len(pooled([]).elsewhere) == 0


def test_a_label_is_found_once_and_takes_the_better_candidate():
    candidates = on_line([-30, 30], [0.5, 0.75])
    found = found_labels(candidates, labels([], [0]), RIBOSOME, 0.5)
    assert found.held_out.tolist() == [0.75]
    assert found.elsewhere.tolist() == [0.5, 0.75]


def test_what_did_not_train_is_expected_besides_what_did():
    some = labels([0, 500], [900], ribosome=10)
    assert some.num_hidden("ribosome") == 8
    assert some.num_hidden("vlp") is None
    assert some.num_labels("ribosome") == 3
    # At least those that were held out are there, whatever a factor makes of it.
    assert labels([0, 500], [900], ribosome=2).num_hidden("ribosome") == 1
