import json

import pytest

from picker.__main__ import main

RECORD = {"method": "m", "tomograms": 5, "noisy": True, "shards": {"test-1": 5}}


def test_the_state_is_printed_and_nothing_that_a_terminal_obeys(tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(RECORD | {"method": "m\x1b[2J"}))
    assert main(["status", "--results", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == r"5 tomograms in 1 shards, method m\x1b[2J"
    assert said[2].split() == ["preprocess", "0", "of", "1", "0", "0"]


def test_a_folder_where_nothing_ran_is_an_error(tmp_path, capsys):
    assert main(["status", "--results", str(tmp_path)]) == 1
    assert "nothing has run there yet" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"method": 3}', "\xff"])
def test_what_a_run_says_of_itself_may_be_damaged(tmp_path, capsys, text):
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    assert main(["status", "--results", str(tmp_path)]) == 1
    assert "is damaged; expected the record of a run" in capsys.readouterr().err
