from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from picker.config import (
    Config,
    TomogramRow,
)

RIBOSOME = {"name": "ribosome", "radius": 120}


def config_of(**sections: Any) -> Config:
    return Config.model_validate({"particles": [RIBOSOME], **sections})


@pytest.mark.parametrize("split", ["labeled", "validation"])
def test_a_tomogram_to_learn_from_needs_picks(split: str) -> None:
    row = {"tomogram": "TS_01", "path": "a.mrc", "split": split}
    with pytest.raises(
        ValidationError,
        match=f"TS_01 is {split} but has no picks; expected a file of picks, name it",
    ):
        TomogramRow.model_validate(row)
    assert TomogramRow.model_validate({**row, "picks": ["a.star"]}).split == split


@pytest.mark.parametrize("split", ["unlabeled", "test", "predict"])
def test_other_tomograms_need_no_picks(split: str) -> None:
    row = {"tomogram": "TS_01", "path": "a.mrc", "split": split}
    assert TomogramRow.model_validate(row).picks == ()


@pytest.mark.parametrize(
    ("halves", "message"),
    [
        ({"odd": "o.mrc"}, "a has an odd half and no even one; .* leave odd empty"),
        ({"even": "e.mrc", "odd": "e.mrc"}, "expected three files, the whole"),
        ({"even": "a.mrc", "odd": "o.mrc"}, "fix the one that is twice there"),
    ],
)
def test_halves_are_two_other_files(halves, message):
    with pytest.raises(ValidationError, match=message):
        TomogramRow(tomogram="a", split="predict", path="a.mrc", **halves)


def test_copick_has_both_types_of_halves_or_neither():
    both = {"even_type": "even", "odd_type": "odd"}
    assert config_of(tomograms={"copick": both}).tomograms.copick.odd_type == "odd"
    with pytest.raises(ValidationError, match="expected both or neither, set the one"):
        config_of(tomograms={"copick": {"even_type": "even"}})


@pytest.mark.parametrize(
    "values",
    [
        {"path": "raw/x{y}.mrc"},
        {"path": "a.mrc", "picks": ["p{1.star"]},
        {"path": "a.mrc", "mask": "m}.mrc"},
        {"path": "a.mrc", "even": "e.mrc", "odd": "o{.mrc"},
    ],
)
def test_a_brace_in_a_file_name_is_refused_before_snakemake_trips_over_it(values):
    with pytest.raises(ValidationError, match="has a brace in its name"):
        TomogramRow(tomogram="a", split="predict", **values)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("x" * 5000, "a path of 5000 characters cannot exist"),
        ("/".join(["abc"] * 2000), "a path of 7999 characters cannot exist"),
        ("Å" * 200, "a path of 200 characters cannot exist"),
        ("a\x1b[31m.mrc", "has characters that cannot be printed"),
        ("a\n.mrc", "has characters that cannot be printed"),
        ("a\0.mrc", "has characters that cannot be printed"),
    ],
)
def test_a_path_that_cannot_be_is_refused(path: str, message: str) -> None:
    row = {"tomogram": "a", "path": "a.mrc", "split": "test"}
    for bad in ({"path": path}, {"picks": [path]}, {"mask": path}):
        with pytest.raises(ValidationError, match=message):
            TomogramRow.model_validate(row | bad)
    with pytest.raises(ValidationError, match=message):
        config_of(tomograms={"copick": {"picks": {"test": path}}})
