"""The page of tomograms only a part of whose particles has labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from picker.config import EvaluateSettings
from picker.core.picks import no_picks
from picker.report.data import TomogramRecord
from picker.report.page import render_report
from picker.report.tables import counts_by_tomogram, curve_columns
from picker.scoring.evaluate_partial import (
    PartialTruth,
    metrics_of_partial,
    partial_tomogram_rows,
    recall_rows,
)
from picker.scoring.found_labels import PartialLabels
from tests.unit.report.examples import PARTICLES, some_picks
from tests.unit.report.test_page import full_report, read

if TYPE_CHECKING:
    from picker.report.data import ReportData


def partial_report(**changes: Any) -> ReportData:
    """Return the report of a project with labels of one class alone."""
    some = some_picks()
    labels = PartialLabels(
        trained=no_picks(), held_out=some.of("ribosome"), expected={"ribosome": 40}
    )
    truth = PartialTruth(by_tomogram={"TS_1": labels}, particles=PARTICLES)
    picks, thresholds = {"TS_1": some}, {"ribosome": 0.41, "apo-ferritin": 0.5}
    rows = recall_rows(picks, truth, 0.5)
    rule = {"rule": "f1", "number": 38.4, "number_is": "estimated", "recall": 0.75}
    unknown = {"rule": "none", "number": None, "number_is": "unknown", "recall": None}
    made: dict[str, Any] = {
        "tomograms": [
            TomogramRecord(
                tomogram="TS_1",
                split="partial",
                num_picks={"ribosome": 2, "apo-ferritin": 1},
                num_truth={"ribosome": 2, "apo-ferritin": 0},
                is_partial=True,
            )
        ],
        "thresholds": thresholds,
        "rules": {
            "ribosome": {
                "threshold": 0.41,
                "f": 0.8,
                "num_truth": 2,
                "partial": rule,
            },
            "apo-ferritin": {
                "threshold": 0.5,
                "f": None,
                "num_truth": 0,
                "partial": unknown,
            },
        },
        "metrics": metrics_of_partial(
            picks, picks, truth, EvaluateSettings(), thresholds
        ),
        "curves": curve_columns(
            [{key: str(value) for key, value in row.items()} for row in rows]
        ),
        "by_tomogram": {},
    }
    return full_report(**made | changes)


def test_where_a_part_has_labels_there_is_recall_and_no_pick_is_wrong() -> None:
    text = " ".join(read(render_report(partial_report())).text)
    assert "1.00 mean recall of labels at 0.5 r, 1 partial tomogram" in text
    assert "so there is neither precision nor F1" in text
    assert "Recall of the N best at 0.5 r" in text
    assert "ribosome 1.00 1.00 1.00 1.00 1.00 0.41 40 expected 2 held out 2" in text
    assert "apo-ferritin – – – – – 0.50 0 labels 0 none 1" in text
    assert "Recall among the best" in text
    assert "TS_1 partial 2 · 2 labeled 1 · 0 labeled 3" in text
    assert "ribosome 0.41 highest F 38 estimated from the held-out labels" in text
    assert "apo-ferritin 0.50 none: nothing is known – unknown – – 0" in text
    for word in ("wrong picks", "Kaggle", "Precision at"):
        assert word not in text
    assert "What thresholds rest on" not in render_report(full_report())


def test_labels_that_are_found_in_each_tomogram_stand_beside_its_picks() -> None:
    some = some_picks()
    labels = PartialLabels(trained=no_picks(), held_out=some)
    truth = PartialTruth(
        by_tomogram={"TS_1": labels, "TS_9": labels}, particles=PARTICLES
    )
    rows = partial_tomogram_rows({"TS_1": some}, truth, 0.5)
    text = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in rows
    ]
    html = render_report(partial_report(by_tomogram=counts_by_tomogram(text)))
    read(html)
    table = html[html.index("In each tomogram, the worst first") :]
    table = table[: table.index("</table>")]
    cells = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td.*?</td>", table)]
    assert cells == [
        *("TS_9", "0.00", "0 / 2 · 0 picks", "0 / 1 · 0 picks"),
        *("TS_1", "1.00", "2 / 2 · 2 picks", "1 / 1 · 1 pick"),
    ]
