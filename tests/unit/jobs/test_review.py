"""The verb review: a project's picks and saved answers in, a new table out."""

import json
from pathlib import Path

import pytest

from picker.__main__ import main
from picker.config import Particle
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.tomograms import read_table
from picker.project.layout import Results
from picker.project.manifests import write_manifest
from picker.project.records import failed
from picker.refining.answers import answers_of
from picker.report.run_pages import RunPages
from picker.report.templates import FOLDER, template
from tests.unit.predicted import picked

SHAPE = (20, 40, 60)
TABLE = """\
tomogram\tpath\tsplit\tpicks\tcalled
TS_l\tTS_l.mrc\tlabeled\tTS_l.csv\t
TS_t\tTS_t.mrc\ttest\tTS_t.csv\t
TS_u\tTS_u.mrc\tunlabeled\t\tour own
TS_x\tTS_x.mrc\tpredict\t\t
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one run; its tomograms are 600 × 400 × 200 Å."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tomograms.tsv").write_text(TABLE)
    for name in "TS_l.mrc TS_t.mrc TS_t.csv TS_u.mrc TS_x.mrc".split():
        (tmp_path / name).touch()
    results = Results()
    run = results.run("semietpicker")
    folder = tmp_path / "results"
    for labels in (folder / "labels.star", tmp_path / "TS_l.csv"):
        write_picks(labels, picks_from_arrays([[100.0] * 3], ["a"]))
    entries = []
    for name, split in (
        ("TS_l", "labeled"),
        ("TS_t", "test"),
        ("TS_u", "unlabeled"),
        ("TS_x", "predict"),
    ):
        # A pick that is judged below, and one beside it.
        found = picks_from_arrays(
            [[100, 100, 300], [100, 100, 340]], ["a", "b"], [0.9, 0.8]
        )
        write_picks(folder / f"{name}.star", found)
        labels = folder / "labels.star" if split in ("labeled", "test") else None
        entry = picked(
            folder / f"{name}.star",
            name,
            split,
            labels=labels,
            shape_zyx=(10, 20, 30),
            voxel_size=20.0,
            source_shape_zyx=SHAPE,
            source_voxel_size=10.0,
        )
        entries.append(entry)
    entries[-1] = failed(entries[-1], entries[-1].picks, "truncated")
    write_manifest(tmp_path / run.picked, entries)
    sections = {
        "particles": [{"name": "a", "radius": 30}, {"name": "b", "radius": 20}],
        "tomograms": {"source": "table"},
        "method": "semietpicker",
    }
    for name, value in sections.items():
        path = tmp_path / results.settings(name)
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(json.dumps(value))
    return tmp_path


def answer(tomogram="TS_u", answer="right", position=(300, 100, 100), **values):
    given = {"tomogram": tomogram, "particle": "a", "position": position}
    return {**given, "score": 0.5, "answer": answer, **values}


def save(folder, *answers, name="review.json", **values):
    content = {"picker_review": 1, "method": "semietpicker", "run": "a1"}
    path = folder / name
    path.write_text(json.dumps({**content, "answers": answers, **values}))
    return str(path)


def rows(path):
    return {row.tomogram: row for row in read_table(Path(path))}


def kept(path):
    """Return class and x of what is right, wrong and not judged."""
    answers = answers_of(read_picks(Path(path)))
    return [
        [(str(n), float(p[2])) for n, p in zip(s.particle, s.position_zyx, strict=True)]
        for s in (answers.right, answers.wrong, answers.unjudged)
    ]


def test_answers_make_a_reviewed_tomogram_and_leave_the_table_as_it_is(project):
    file = save(
        project,
        answer(),
        answer(answer="wrong", position=[500, 100, 100]),
        answer(answer="other", other="b", position=[50, 300, 100]),
        answer(answer="missed", score=None, particle="b", position=[594, 394, 194]),
    )
    assert main(["review", file]) == 0
    assert (project / "tomograms.tsv").read_text() == TABLE
    before, after = rows("tomograms.tsv"), rows("reviewed/round_1/tomograms.tsv")
    assert list(before) == list(after)
    changed = after.pop("TS_u")
    assert changed.split == "reviewed"
    assert changed.called == "our own"
    assert [str(file) for file in changed.picks] == ["reviewed/round_1/TS_u.star"]
    assert before.pop("TS_u").path == changed.path
    assert before == after
    assert kept(changed.picks[0]) == [
        [("a", 300), ("b", 50), ("b", 594)],
        [("a", 500)],
        [("b", 340)],
    ]
    table = (project / "reviewed/rounds.tsv").read_text().splitlines()
    assert [line.split("\t") for line in table] == [
        [
            *("round", "table", "method", "right", "wrong", "other", "missed"),
            *("before", "measure", "value", "judged_on"),
        ],
        [
            *("round_1", "tomograms.tsv", "semietpicker", "1", "1", "1", "1"),
            *("", "", "", ""),
        ],
    ]


def test_a_later_round_and_a_later_file_stand(project, capsys):
    first = save(project, answer(), answer(answer="wrong", position=[500, 100, 100]))
    assert main(["review", first]) == 0
    one = save(project, answer(answer="right", position=[505, 100, 100]), name="1.json")
    two = save(project, answer(answer="wrong", position=[305, 100, 100]), name="2.json")
    table = "reviewed/round_1/tomograms.tsv"
    assert main(["review", one, two, "--table", table]) == 0
    assert kept("reviewed/round_2/TS_u.star") == [
        [("a", 505)],
        [("a", 305)],
        # Not near what is wrong of a, as it is none of a; a pick of a there was judged.
        [],
    ]
    assert "2 answers that a later one contradicts" in capsys.readouterr().err
    assert (project / "reviewed/rounds.tsv").read_text().count("\n") == 3


def test_rounds_build_on_each_other_without_a_run_between_them(project, capsys):
    assert main(["review", save(project, answer(), answer("TS_l"))]) == 0
    capsys.readouterr()
    second = save(project, answer(position=[500, 100, 100]))
    assert main(["review", second]) == 0
    assert kept("reviewed/round_2/TS_u.star")[0] == [("a", 300), ("a", 500)]
    said = capsys.readouterr().err
    assert "added to those of reviewed/round_1/tomograms.tsv" in said
    found = rows("reviewed/round_2/tomograms.tsv")
    assert [str(file) for file in found["TS_l"].picks] == [
        "TS_l.csv",
        "reviewed/round_1/TS_l.star",
    ]
    # The third is about a run that trained on the first.
    settings = project / Results().settings("tomograms")
    table = "reviewed/round_1/tomograms.tsv"
    settings.write_text(json.dumps({"source": "table", "table": table}))
    third = save(project, answer(answer="missed", position=[100, 300, 100]))
    assert main(["review", third]) == 0
    assert len(kept("reviewed/round_3/TS_u.star")[0]) == 3


@pytest.mark.parametrize("change", ["another table", "other rows", "no rounds"])
def test_earlier_answers_about_another_table_are_not_mixed_in(project, capsys, change):
    file = save(project, answer())
    assert main(["review", file]) == 0
    if change == "another table":
        settings = project / Results().settings("tomograms")
        (project / "tomograms.tsv").rename(project / "mine.tsv")
        settings.write_text(json.dumps({"source": "table", "table": "mine.tsv"}))
    elif change == "other rows":
        (project / "tomograms.tsv").write_text(TABLE.replace("predict", "unlabeled"))
    else:
        (project / "reviewed/rounds.tsv").unlink()
    assert main(["review", file]) == 1
    named = "--table reviewed/round_1/tomograms.tsv"
    assert f"Name it: {named} keeps the earlier answers" in capsys.readouterr().err
    assert not (project / "reviewed/round_2").exists()
    assert main(["review", file, *named.split()]) == 0


def test_earlier_answers_are_read_as_their_row_says(project):
    header = "_rlnTomoName _rlnCoordinateX _rlnCoordinateY _rlnCoordinateZ".split()
    star = ["data_particles", "loop_", *header, "other 100 20 20"]
    (project / "a.star").write_text("\n".join(star) + "\n")
    (project / "by_hand.tsv").write_text(
        "tomogram\tpath\tsplit\tpicks\tcalled\ttilt_pixel_size\n"
        "TS_u\tTS_u.mrc\treviewed\ta.star\tother\t5.0\n"
    )
    assert main(["review", save(project, answer()), "--table", "by_hand.tsv"]) == 0
    assert kept("reviewed/round_1/TS_u.star")[0] == [("a", 495), ("a", 300)]
    assert rows("reviewed/round_1/tomograms.tsv")["TS_u"].called == "other"


def test_a_labeled_tomogram_gets_the_labels_that_it_lacks(project, capsys):
    file = save(
        project,
        answer("TS_l", position=[120, 100, 100]),  # its own label, 20 Å off
        answer("TS_l", position=[300, 100, 100]),
        answer("TS_l", "wrong", position=[500, 100, 100]),
        answer("TS_l", "wrong", position=[90, 100, 100]),
    )
    assert main(["review", file]) == 0
    row = rows("reviewed/round_1/tomograms.tsv")["TS_l"]
    assert row.split == "labeled"
    assert [str(f) for f in row.picks] == ["TS_l.csv", "reviewed/round_1/TS_l.star"]
    assert kept(row.picks[1]) == [[("a", 300)], [], []]
    assert "1 labels of TS_l are called wrong, and stay" in capsys.readouterr().err


def test_validation_tomograms_stay_what_they_are(project, capsys):
    (project / "tomograms.tsv").write_text(
        TABLE.replace("labeled\tTS_l", "validation\tTS_l")
    )
    assert main(["review", save(project, answer("TS_l"), answer())]) == 0
    row = rows("reviewed/round_1/tomograms.tsv")["TS_l"]
    assert row == rows("tomograms.tsv")["TS_l"]
    said = capsys.readouterr().err
    assert "TS_l is a validation tomogram, and its 1 answers are left out" in said


def test_a_table_that_no_thresholds_can_be_chosen_on_is_told(project, capsys):
    def said():
        assert main(["review", save(project, answer())]) == 0
        return capsys.readouterr().err

    assert "will refuse" not in said()
    (project / "reviewed/round_1").rename(project / "other")
    (project / "tomograms.tsv").write_text(TABLE.replace("\tlabeled", "\ttest"))
    assert "warning: the next run will refuse the new table: thresholds of" in said()


@pytest.mark.parametrize(
    ("method", "run", "is_told"),
    [
        ("semietpicker", "a1", False),
        ("semietpicker", "b2", True),
        ("vnet", "b2", False),
        (None, "", False),
    ],
)
def test_answers_of_pages_of_another_run_are_told(
    project, capsys, method, run, is_told
):
    pages = Path(Results().pages) / "classes"
    pages.mkdir(parents=True)
    if method:
        # What a page says of its run, as its template has it.
        lines = FOLDER.joinpath("class_page.html.j2").read_text().splitlines()
        (line,) = [line for line in lines if "pickerRun" in line]
        particles = [Particle(name="a", radius=1)]
        of_run = RunPages(method=method, run=run, particles=particles, thresholds={})
        one = template("class_page.html.j2").environment.from_string(line)
        (pages / "a.html").write_text(one.render(run=of_run))
    assert main(["review", save(project, answer())]) == 0
    assert ("saved on pages of another run" in capsys.readouterr().err) == is_told


@pytest.mark.parametrize("expected", [1, 2])
def test_more_labels_than_expected_are_told_before_the_next_run(
    project, capsys, expected
):
    (project / "tomograms.tsv").write_text(
        "tomogram\tpath\tsplit\tpicks\texpected\n"
        f"TS_l\tTS_l.mrc\tpartial\tTS_l.csv\ta:{expected}\n"
    )
    assert main(["review", save(project, answer("TS_l"))]) == 0
    said = capsys.readouterr().err
    told = "warning: with the answers TS_l has 2 labels of a, more than the 1"
    assert (told in said) == (expected == 1)


def test_test_tomograms_are_trained_on_if_the_user_says_so(project, capsys):
    file = save(project, answer("TS_t"), answer())
    assert main(["review", file]) == 0
    assert rows("reviewed/round_1/tomograms.tsv")["TS_t"].split == "test"
    assert (
        "TS_t is a test tomogram, and its 1 answers are left out"
        in capsys.readouterr().err
    )
    assert main(["review", file, "--train-on-test"]) == 0
    assert rows("reviewed/round_2/tomograms.tsv")["TS_t"].split == "reviewed"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (answer("TS_9"), "answer 2 is about tomogram 'TS_9'"),
        (answer("TS_x"), "tomogram TS_x, which has no picks: truncated"),
        (
            answer(particle="<b>"),
            "answer 2 names the particle '<b>'; expected one of a",
        ),
        (answer(answer="other", other="c"), "answer 2 names the particle 'c'"),
        (answer(position=[595.1, 0, 0]), r"outside of TS_u, of 600 × 400 × 200 Å"),
        (answer(position=[0, 0, -5.1]), r"outside of TS_u, of 600 × 400 × 200 Å"),
    ],
)
def test_an_answer_about_something_else_is_an_error(project, capsys, given, reason):
    file = save(project, answer(position=[595, 395, -5]), given)
    assert main(["review", file]) == 1
    told = capsys.readouterr().err
    assert "review.json, answer 2" in told
    assert reason in told
    assert not (project / "reviewed").exists()


def test_what_cannot_be_reviewed_says_what_to_do(project, capsys):
    other = save(project, answer(), method="vnet", name="other.json")
    assert main(["review", other]) == 1
    assert "results/vnet/manifests/pick.json does not exist" in capsys.readouterr().err
    file = save(project, answer("TS_t"))
    assert main(["review", file, other]) == 1
    assert "answers about several methods" in capsys.readouterr().err
    assert main(["review", file]) == 1
    assert "no answer says anything new" in capsys.readouterr().err
    assert main(["review", file, "--output", "results"]) == 1
    assert "results exists; expected a new folder" in capsys.readouterr().err
    assert not (project / "reviewed").exists()
