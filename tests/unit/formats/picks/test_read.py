"""Files of any kind: recognised by content, parsed once, and again if they change."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from picker.config import Particle
from picker.formats.picks import dynamo
from picker.formats.picks import read as reader
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.tomogram_rows import (
    of_tomogram,
)
from tests.unit.formats.picks.reading import PLACE_ZYX, SHAPE, WARP, read


def test_a_tomogram_may_be_called_as_a_block_of_star(tmp_path):
    path = tmp_path / "ribosome.csv"
    for mark in (",", "\t"):
        rows = ["tomogram,particle,x,y,z", "data_01,ribosome,300,400,200"]
        path.write_text("\n".join(rows).replace(",", mark) + "\n")
        picks, warnings = read(path, "data_01")
        assert (picks.position_zyx.tolist(), warnings) == ([PLACE_ZYX], [])
    path.write_text("  data_ # a comment\r\n" + WARP.partition("\n")[2] + "30 40 20\n")
    assert read(path)[0].position_zyx.tolist() == [PLACE_ZYX]


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder; expected a file of picks, n"):
        read(tmp_path)


def test_an_index_cannot_name_itself_or_folders(tmp_path):
    path = tmp_path / "index.star"
    for name in ("index.star", ".", "a" * 300, "/dev/zero"):
        path.write_text(
            "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\nTS_1 "
            + name
            + "\n"
        )
        with pytest.raises(ValueError, match=r"has no coordinates|does not exist"):
            read(path)


CSV = "tomo,object,x,y,z,score\n"


@pytest.fixture
def parsed(monkeypatch):
    """Return the list of files that are parsed from here on."""
    files = []
    read = reader.rows_by_tomogram
    monkeypatch.setattr(
        reader, "rows_by_tomogram", lambda names: files.append(1) or read(names)
    )
    reader._parsed.cache_clear()  # noqa: SLF001
    return files


def old(path, age=60):
    """Make a file so many seconds old."""
    os.utime(path, (time.time() - age, time.time() - age))


def test_a_file_is_parsed_once_for_all_its_tomograms(tmp_path, parsed):
    path = tmp_path / "a.csv"
    rows = [f"T{i % 50},ribosome,{i + 0.5},{i % 7}.5,3,0.{i % 9}" for i in range(500)]
    path.write_text(CSV + "\n".join(rows) + "\n")
    old(path)
    whole = read_coordinates(path)
    for number in range(50):
        found = read_coordinates(path, f"T{number}")
        expected, _ = of_tomogram(whole, f"T{number}")
        np.testing.assert_array_equal(found.value_zyx, expected.value_zyx)
        np.testing.assert_array_equal(found.score, expected.score)
        assert found.tomogram == expected.tomogram == [f"T{number}"] * 10
        assert found.value_zyx[:, 2].tolist() == [
            number + 50 * k + 0.5 for k in range(10)
        ]
    assert len(parsed) == 1


def test_a_file_that_changed_is_read_again(tmp_path, parsed):
    path = tmp_path / "a.csv"
    for age, x in ((60, 1), (50, 2)):
        path.write_text(CSV + f"T1,ribosome,{x},2,3,1\n")
        old(path, age)
        for _ in range(2):
            assert read_coordinates(path, "T1").value_zyx.tolist() == [[3, 2, x]]
    assert len(parsed) == 2
    # One second later a disk's clock may show the same time.
    for x in (3, 4):
        path.write_text(CSV + f"T1,ribosome,{x},2,3,1\n")
        os.utime(path, (time.time(), time.time()))
        assert read_coordinates(path, "T1").value_zyx.tolist() == [[3, 2, x]]


def test_a_dynamo_tables_map_belongs_to_it(tmp_path, parsed):
    path = tmp_path / "a.tbl"
    row = ["1"] * dynamo.NUM_COLUMNS
    path.write_text(" ".join(row) + "\n")
    path.with_suffix(".doc").write_text("1 TS_1.mrc\n")
    old(path)
    for name, age in (("TS_1", 60), ("TS_2", 50)):
        path.with_suffix(".doc").write_text(f"1 {name}.mrc\n")
        old(path.with_suffix(".doc"), age)
        assert read_coordinates(path).tomogram == [name]
    assert len(parsed) == 2


def test_a_score_of_nan_is_none(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(
        "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n_rlnLCCmax\n"
        "30 40 20 nan\n31 41 21 0.5\n32 42 22 <NA>\n"
    )
    particles = [Particle(name="ribosome", radius=1)]
    picks, warnings = read_known_picks([path], "a", particles, 10.0, SHAPE)
    assert picks.score.tolist() == [1, 0.5, 1]
    (warning,) = warnings
    assert "2 of 3 picks have no score (nan or nothing); taken as 1" in warning
    path.write_text(path.read_text().replace("0.5", "inf"))
    with pytest.raises(
        ValueError, match="row 2 has rlnLCCmax 'inf'; expected a finite"
    ):
        read_coordinates(path)


def test_many_small_tables_take_little_time(tmp_path):
    path = tmp_path / "a.star"
    loops = "".join(
        f"data_{i}\nloop_\n_a{i} #1\n_b{i} #2\n{i} 2\n\n" for i in range(5000)
    )
    path.write_text(
        loops + "data_p\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n"
        "_rlnCoordinateZ\n1 2 3\n"
    )
    start = time.process_time()
    assert read_coordinates(path).value_zyx.tolist() == [[3, 2, 1]]
    # 0.2 s; what looks at every column for each table needs more than 100.
    assert time.process_time() - start < 5
