"""What rounds of answers brought: their table, and this run's figure beside it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from picker.formats.tables.tsv import text_of_rows
from picker.jobs.review_rounds import record_round
from picker.jobs.rounds_shown import rounds_shown
from picker.jobs.run_figure import EXPECTED, Figure, figure_of
from picker.project.layout import Results
from tests.unit.predicted import predicted, write_predicted

NOW = Figure(
    text="mean F1@0.5 0.750 on test", measure="f1@0.5", value=0.75, judged_on="a1"
)
NUMBERS = {"right": 3, "wrong": 2, "other": 0, "missed": 1}


def line(number, table, **changes):
    """Return a line about a run that was measured as this one."""
    return {
        **{"round": f"round_{number}", "table": table, "method": "vnet", **NUMBERS},
        **{"before": "mean F1@0.5 0.700 on test", "measure": "f1@0.5"},
        **{"value": 0.7, "judged_on": "a1", **changes},
    }


def named(number):
    return f"reviewed/round_{number}/tomograms.tsv"


FIRST = named(1)


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Return what the report of a run with a round's table shows of some lines."""
    monkeypatch.chdir(tmp_path)
    rounds = Path("reviewed/rounds.tsv")
    rounds.parent.mkdir()

    def of(*lines, table=FIRST, now=NOW):
        rounds.write_text(text_of_rows(lines))
        return rounds_shown(rounds, Path(table), "vnet", now)

    return of


def test_each_round_has_its_answers_and_this_runs_difference(shown):
    lines = [
        line(1, "tomograms.tsv", value=0.5, before="mean F1@0.5 0.500 on test"),
        line(2, named(1)),
        # It goes back to the first, so it is no part of what the second has.
        line(3, named(1)),
    ]
    first, second = shown(*lines, table=named(2))
    assert (first.name, second.name) == ("round_1", "round_2")
    assert first.answers == NUMBERS
    assert first.before == "mean F1@0.5 0.500 on test"
    assert first.difference == pytest.approx(0.25)
    assert second.difference == pytest.approx(0.05)
    assert [one.name for one in shown(*lines, table=named(3))] == ["round_1", "round_3"]
    # Whatever way the table is named.
    assert len(shown(*lines, table=Path(named(2)).resolve())) == 2


def test_a_table_that_is_no_rounds_has_none(shown):
    assert shown(line(1, "tomograms.tsv"), table="other/tables/tomograms.tsv") == []
    assert shown(line(1, "tomograms.tsv"), table=named(2)) == []
    # Nor do lines that name each other end never.
    circle = shown(line(1, named(2)), line(2, named(1)))
    assert [one.name for one in circle] == ["round_2", "round_1"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"judged_on": "b2"}, "not comparable: other tomograms"),
        ({"measure": "recall@0.5"}, "not comparable: another measure"),
        ({"measure": "", "value": "", "judged_on": ""}, "perhaps not comparable"),
        (
            {"before": "", "measure": "", "value": "", "judged_on": ""},
            "nothing to compare",
        ),
    ],
)
def test_what_cannot_be_compared_is_not(shown, changes, why):
    (one,) = shown(line(1, "tomograms.tsv", **changes))
    assert one.difference is None
    assert one.why.startswith(why)
    assert one.before == (
        changes.get("before", line(1, "")["before"]) or "not measured"
    )


def test_a_run_that_nobody_measured_has_no_difference(shown):
    (one,) = shown(line(1, "tomograms.tsv"), now=None)
    assert (one.difference, one.why) == (None, "this run is not measured")
    (one,) = shown(line(1, "tomograms.tsv"), now=replace(NOW, value=None))
    assert one.difference is None


def test_the_run_before_may_be_of_another_method(shown):
    (one,) = shown(line(1, "tomograms.tsv", method="fpn"))
    assert one.before == "mean F1@0.5 0.700 on test (fpn)"


@pytest.mark.parametrize("changes", [{"right": "many"}, {"value": "high"}])
def test_a_damaged_line_is_named(shown, changes):
    with pytest.raises(ValueError, match=r"reviewed/rounds\.tsv, round_1: .*Correct"):
        shown(line(1, "tomograms.tsv", **changes))


def evaluation(folder, names=("TS_1", "TS_2"), known=7, split="test"):
    """Write what an evaluation leaves behind."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = {"f1@0.5": {"mean": 0.7}, "num_truth": {"a": known}, "split": split}
    rows = [{"tomogram": name, "particle": p} for name in names for p in ("all", "a")]
    files = [folder / "metrics.json", folder / "by_tomogram.tsv"]
    files[0].write_text(json.dumps(metrics))
    files[1].write_text(text_of_rows(rows))
    return files


def test_figures_are_comparable_on_the_same_known_particles_alone(tmp_path):
    first = figure_of(evaluation(tmp_path / "1"), None, [])
    assert first.text == "mean F1@0.5 0.700 on test"
    assert (first.measure, first.value) == ("f1@0.5", 0.7)
    # The worst tomogram stands first, which may be another one.
    same = figure_of(evaluation(tmp_path / "2", names=("TS_2", "TS_1")), None, [])
    assert same == first
    for changes in (
        {"names": ("TS_1", "TS_3")},
        {"known": 8},
        {"split": "validation"},
    ):
        other = figure_of(evaluation(tmp_path / "3", **changes), None, [])
        assert other.judged_on != first.judged_on


def halves(folder, *names):
    """Write what is left of predicting halves; return table and manifest."""
    row = {
        **{"particle": "a", "threshold": 0.5, "is_threshold": 1, "tomograms": 1},
        **{"found_again": 0.8, EXPECTED: 0.9},
    }
    folder.mkdir(parents=True, exist_ok=True)
    table, manifest = folder / "reproducibility.tsv", folder / "halves.json"
    table.write_text(text_of_rows([row]))
    entries = [
        replace(predicted(Path(f"{name}.star"), name, split), half="even")
        for name, split in (*((name, "predict") for name in names), ("L", "labeled"))
    ]
    write_predicted(manifest, entries)
    return table, [manifest]


def test_without_known_particles_it_is_the_precision_to_expect(tmp_path):
    first = figure_of([], *halves(tmp_path / "1", "TS_1"))
    assert (first.measure, first.value) == (EXPECTED, 0.9)
    assert first.text.startswith("mean precision of at most 0.90 to expect")
    assert figure_of([], *halves(tmp_path / "2", "TS_1")) == first
    other = figure_of([], *halves(tmp_path / "3", "TS_2"))
    assert other.judged_on != first.judged_on
    assert figure_of([], None, []) is None


def test_a_line_has_how_good_the_run_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Results().run("vnet")
    files = evaluation(Path(run.metrics).parent)
    now = figure_of(files, None, [])
    record_round(Path("reviewed/round_1"), Path("tomograms.tsv"), [], run)
    (one,) = rounds_shown(Path("reviewed/rounds.tsv"), Path(named(1)), "vnet", now)
    assert (one.before, one.difference) == (now.text, 0.0)
    # Of a run without known particles halves tell.
    for file in files:
        file.unlink()
    table, (manifest,) = halves(tmp_path / "made", "TS_1")
    Path(run.reproducibility).write_bytes(table.read_bytes())
    shard = Path(run.halves("predict-0001of0001"))
    shard.parent.mkdir(parents=True)
    shard.write_bytes(manifest.read_bytes())
    record_round(Path("reviewed/round_2"), Path(named(1)), [], run)
    now = figure_of([], table, [manifest])
    one, two = rounds_shown(Path("reviewed/rounds.tsv"), Path(named(2)), "vnet", now)
    assert one.why == "not comparable: another measure"
    assert (two.before, two.difference) == (now.text, 0.0)
