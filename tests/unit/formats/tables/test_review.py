import copy
import json

import pytest

from picker.formats.tables.review import read_review

GOOD = {
    "picker_review": 1,
    "method": "semietpicker",
    "run": "a1",
    "answers": [
        {
            "tomogram": "TS_01",
            "particle": "ribosome",
            "position": [812.0, 1034.5, 540],
            "score": 0.53,
            "answer": "other",
            "other": "proteasome",
        }
    ],
}


def changed(**values):
    content = copy.deepcopy(GOOD)
    content["answers"][0] |= values
    return content


def write(tmp_path, content):
    path = tmp_path / "review.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_answers_are_read(tmp_path):
    (answer,) = read_review(write(tmp_path, GOOD)).answers
    assert answer.position == (812, 1034.5, 540)
    assert answer.class_there == "proteasome"
    missed = changed(answer="missed", score=None, other=None)
    (answer,) = read_review(write(tmp_path, missed)).answers
    assert answer.class_there == "ribosome"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot be read"),
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ([1], "is no review"),
        ({"answers": []}, "is no review"),
        ({**GOOD, "picker_review": 2}, "picker_review 2; expected version 1"),
        ({**GOOD, "picker_review": True}, "picker_review True; expected version 1"),
        ({**GOOD, "method": "magic"}, "method: Input should be 'semietpicker'"),
        ({**GOOD, "answers": []}, r"answers: .*at least 1 item"),
        ({**GOOD, "more": 1}, "more: unknown setting"),
        (changed(position=[1, 2]), r"answers\.0\.position\.2: Field required"),
        (changed(position=[1, 2, "x"]), r"answers\.0\.position\.2: .*valid number"),
        (changed(position=[1, 2, float("nan")]), "finite"),
        (changed(score=1.5), r"answers\.0\.score: .*less than or equal to 1"),
        (changed(answer="perhaps"), r"answers\.0\.answer: Input should be 'right'"),
        (changed(other=None), "answer is other and other None"),
        (changed(answer="right"), "answer is right and other 'proteasome'"),
    ],
)
def test_what_is_no_review_is_one_error_that_names_the_file(tmp_path, content, reason):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=rf"(?s)review\.json .*{reason}"):
        read_review(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json does not exist; expected the"):
        read_review(tmp_path / "none.json")


def test_a_folder_is_told_from_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder; expected a file, the review"):
        read_review(tmp_path)
