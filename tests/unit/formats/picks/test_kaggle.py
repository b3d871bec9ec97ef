"""Kaggle's table of picks."""

from __future__ import annotations

import numpy as np
import pytest

from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks.kaggle import read_submission, write_submission
from picker.formats.picks.records import TomogramPicks


def make_tomogram(name, picks):
    return TomogramPicks(
        tomogram=name, voxel_size=10.012, shape_zyx=(12, 20, 28), picks=picks
    )


def test_rows_are_as_kaggle_wants_them_and_scores_stand_beside(tmp_path):
    first = picks_from_arrays([[30, 20.5, 10]], ["ribosome"], [0.9])
    second = picks_from_arrays([[1, 2, 1 / 3], [4, 5, 6]], ["a", "b"], [0.25, 1])
    tomograms = [make_tomogram("TS_1", first), make_tomogram("01", second)]
    write_submission(tmp_path, tomograms)
    assert (tmp_path / "submission.csv").read_text().splitlines() == [
        "id,experiment,particle_type,x,y,z",
        "0,TS_1,ribosome,10.0,20.5,30.0",
        "1,01,a,0.3333333333333333,2.0,1.0",
        "2,01,b,6.0,5.0,4.0",
    ]
    lines = (tmp_path / "submission_scores.csv").read_text().splitlines()
    assert lines[:2] == [
        "id,experiment,particle_type,x,y,z,score",
        "0,TS_1,ribosome,10.0,20.5,30.0,0.9",
    ]
    found = read_submission(tmp_path / "submission_scores.csv")
    assert list(found) == ["TS_1", "01"]
    for name, picks in (("TS_1", first), ("01", second)):
        np.testing.assert_array_equal(found[name].position_zyx, picks.position_zyx)
        np.testing.assert_array_equal(found[name].particle, picks.particle)
        np.testing.assert_array_equal(found[name].score, picks.score)
    plain = read_submission(tmp_path / "submission.csv")
    assert plain["TS_1"].score.tolist() == [1]


def test_no_picks(tmp_path, caplog):
    write_submission(tmp_path, [make_tomogram("TS_1", no_picks())])
    assert read_submission(tmp_path / "submission.csv") == {}
    assert "no picks; submission.csv has a header alone" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,x,y,z\n", "has the columns id, x, y, z; expected id, experiment"),
        (
            "id,experiment,particle_type,x,y,z\n0,TS_1,a,1,here,3\n",
            "experiment TS_1: could not convert .*expected x, y, z in Å",
        ),
        (
            "id,experiment,particle_type,x,y,z\n0,TS_1,a,1,nan,3\n",
            "position of pick 1 is not finite",
        ),
    ],
)
def test_damaged_tables(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_submission(tmp_path / "a.csv")
