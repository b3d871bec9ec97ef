"""Answers about a run's candidates, and a second run that learns from them."""

import json
import re
import subprocess
import sys

import pytest

from picker.formats.picks.star import read_picks
from picker.formats.tables.tomograms import read_table

REVIEWED = "sim_002"


def test_the_next_run_learns_from_answers(copy):
    table = (copy.folder / "results/settings/tomograms.json").read_text()
    assert json.loads(table)["source"] == "simulate"
    truth = read_picks(copy.path("simulated", f"{REVIEWED}.star"))
    places = [
        (str(name), [float(value) for value in position[::-1]])
        for name, position in zip(truth.particle, truth.position_zyx, strict=True)
    ]
    empty = [10.0, 10.0, 10.0]
    answers = [
        *({"particle": n, "position": p, "answer": "missed"} for n, p in places[:4]),
        {"particle": "ribosome", "position": empty, "score": 0.2, "answer": "wrong"},
    ]
    content = {"picker_review": 1, "method": "semietpicker", "run": "a1"}
    content["answers"] = [{"tomogram": REVIEWED, **answer} for answer in answers]
    (copy.folder / "review.json").write_text(json.dumps(content))
    words = (sys.executable, "-m", "picker", "review", "review.json")
    subprocess.run(words, check=True, cwd=copy.folder)
    named = "reviewed/round_1/tomograms.tsv"
    rows = read_table(copy.folder / named, check_files=False)
    splits = {row.tomogram: row.split for row in rows}
    assert splits.pop(REVIEWED) == "reviewed"
    assert sorted(splits.values()) == ["labeled", "labeled", "test", "unlabeled"]
    rounds = (copy.folder / "reviewed/rounds.tsv").read_text()
    assert "mean F1@0.5" in rounds

    copy.change("tomograms", source="table", table=named)
    before = copy.path("summary.txt").read_text().partition(";")[0]
    output = copy.succeed()
    assert "rule simulate" not in output
    for stage in ("burn_in", "co_train"):
        log = copy.path("logs", "semietpicker", f"{stage}.log").read_text()
        assert "1 places where somebody said that no particle is" in log
    # Wrong answers are no particles for the page, nor for what to label next.
    assert REVIEWED in copy.path("semietpicker", "label_next.tsv").read_text()
    page = copy.path("report.html").read_text()
    (line,) = re.findall("<tr><td>round_1</td>.*?</tr>", page, re.DOTALL)
    cells = re.findall("<td.*?>(.*?)</td>", line)
    assert cells[1:6] == ["0", "1", "0", "4", before]
    now = copy.path("summary.txt").read_text().partition(";")[0]
    assert f"This run: {now}" in page
    values = [float(re.search(r" (0\.\d+) on test", text)[1]) for text in (before, now)]
    assert float(cells[6]) == pytest.approx(values[1] - values[0], abs=0.0011)
    # A later round's line is none of this run's business.
    with (copy.folder / "reviewed/rounds.tsv").open("a") as file:
        file.write(f"round_2\t{named}\n")
    assert "Nothing to be done" in copy.succeed()
