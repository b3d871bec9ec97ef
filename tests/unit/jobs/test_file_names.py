"""Names for files, each for one name that a user gave."""

from __future__ import annotations

import pytest

from picker.jobs.file_names import FileNames


def test_a_strange_name_is_replaced_with_one_warning(caplog):
    names = FileNames("tomogram")
    assert [names.add(name) for name in ("Position 4", "TS_1", "Position 4")] == [
        *("Position_4", "TS_1", "Position_4")
    ]
    assert names.original == {"Position_4": "Position 4", "TS_1": "TS_1"}
    (record,) = caplog.records
    text = "tomogram 'Position 4' is called Position_4 in the names of files"
    assert text in record.getMessage()


def test_two_names_that_would_be_one_are_refused():
    names = FileNames("particle")
    names.add("a b")
    match = "particles 'a b' and 'a_b' would both be called a_b in the names of files"
    with pytest.raises(ValueError, match=match):
        names.add("a_b")
    with pytest.raises(ValueError, match=r"name '\.\./c' cannot be used"):
        names.add("../c")
