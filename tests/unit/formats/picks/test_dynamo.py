"""Dynamo's tables, and the names of tomograms beside them."""

from __future__ import annotations

import pytest

from tests.unit.formats.picks.reading import PLACE_ZYX, check, read


def row(tag, tomogram, xyz, cc=0.0, shift=(0, 0, 0)):
    values = ["0"] * 35
    values[0], values[9], values[19] = str(tag), str(cc), str(tomogram)
    values[3:6], values[23:26] = map(str, shift), map(str, xyz)
    values[27] = "0+1.5i"  # Dynamo writes complex axes
    return " ".join(values) + "\n"


def test_a_table_of_dynamo(tmp_path, caplog):
    path = tmp_path / "ribosome.tbl"
    path.write_text(row(1, 7, (30, 40, 20)))
    (warning,) = check(path, caplog, "Dynamo table")
    assert "do not say whether the first voxel is 0 or 1; taken as 0" in warning
    path.write_text(row(1, 7, (30, 40, 20), 0.25, (0, 1.5, 0)))
    picks, warnings = read(path)
    assert len(warnings) == 1
    assert picks.score.tolist() == [0.25]
    assert picks.position_zyx.tolist() == [[200, 415, 300]]


@pytest.mark.parametrize("name", ["ribosome.doc", "indices_column20.doc"])
def test_a_tables_tomograms_have_names_in_its_doc(tmp_path, name):
    path = tmp_path / "ribosome.tbl"
    path.write_text(row(1, 2, (30, 40, 20)) + row(2, 5, (1, 2, 3)))
    with pytest.raises(
        ValueError, match=r"holds tomograms 2, 5 .* no ribosome.doc .*'1 TS_01.mrc'"
    ):
        read(path)
    (tmp_path / name).write_text("2 /data/rec/TS_2.mrc\n5 C:\\data\\TS_1.rec\n")
    assert read(path)[0].position_zyx.tolist() == [[30, 20, 10]]
    assert read(path, "TS_2")[0].position_zyx.tolist() == [PLACE_ZYX]
    (tmp_path / name).write_text("2 TS_2.mrc\n")
    with pytest.raises(ValueError, match=f"{name} does not name tomogram 5 of ribos"):
        read(path)
    (tmp_path / name).write_text("2 TS_2.mrc too much\n")
    with pytest.raises(ValueError, match=f"{name}, line 1 is '2 TS_2.mrc too much'"):
        read(path)


def test_damaged_tables(tmp_path):
    path = tmp_path / "ribosome.tbl"
    path.write_text(row(1, 1, (1, 2, 3)) + "2 1 0 0\n")
    with pytest.raises(ValueError, match="line 2 has 4 columns; expected 26 or more"):
        read(path)
    path.write_text(row(1, 1, (1, 2, 3)) + row(2, 1, (1, "NaN", 3)))
    with pytest.raises(ValueError, match="line 2 has 'NaN'; expected a finite number"):
        read(path)
