"""What verbs print with --json: one form for all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from picker import __version__
from picker.__main__ import main

RUN = {"method": "m\x1b[2J", "tomograms": 5, "noisy": False, "shards": {"test-1": 5}}
STATUS = {"record", "counts", "lines"}


class Printed(BaseModel):
    """The form."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str
    verb: str
    result: dict[str, Any]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a working folder with results, picks and settings."""
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    Path("results/run.json").write_text(json.dumps(RUN))
    Path("a.csv").write_text("tomogram,particle,x,y,z\nTS_1,virus,1,2,3\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("status", STATUS),
        (
            "convert a.csv --to relion5 --output out --voxel-size 1 --shape 9 9 9",
            {"output", "kind", "picks"},
        ),
    ],
)
def test_the_form_is_one_and_the_only_thing_on_standard_output(
    folder, capsys, words, keys
):
    assert main([*words.split(), "--json"]) == 0
    text = capsys.readouterr().out
    found = Printed.model_validate_json(text)
    assert (found.version, found.verb) == (__version__, words.split()[0])
    assert set(found.result) == keys
    assert "\x1b" not in text
    if keys == STATUS:
        assert found.result["record"] | RUN == found.result["record"]
        assert found.result["counts"][0]["planned"] == 1
    else:
        assert found.result["picks"] == {"TS_1": 1}
