"""The program's own STAR files, which come back exactly."""

from __future__ import annotations

import numpy as np
import pytest
import starfile

from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks import star
from picker.formats.tables.star_table import read_comments
from tests.unit.formats.picks.star_examples import make_picks, rows


def equal(picks, other):
    np.testing.assert_array_equal(picks.position_zyx, other.position_zyx)
    np.testing.assert_array_equal(picks.particle, other.particle)
    np.testing.assert_array_equal(picks.score, other.score)
    return True


def test_our_own_round_trip_is_exact(tmp_path):
    rng = np.random.default_rng(0)
    picks = picks_from_arrays(
        rng.uniform(0, 5000, (50, 3)),
        ["01", "nan-A", "1e5", "data_x", "b"] * 10,
        rng.random(50, np.float32),
    )
    star.write_picks(tmp_path / "new" / "a.star", picks)
    assert equal(star.read_picks(tmp_path / "new" / "a.star"), picks)


def test_our_columns_are_x_y_z_in_angstrom(tmp_path):
    star.write_picks(tmp_path / "a.star", make_picks())
    (table,) = starfile.read(tmp_path / "a.star", always_dict=True).values()
    assert list(table.columns) == [
        "pickerPositionX",
        "pickerPositionY",
        "pickerPositionZ",
        "pickerParticle",
        "pickerScore",
    ]
    assert rows(tmp_path / "a.star")[0] == "41.125 30.25 20.5 01 0.9"
    assert "angstrom" in (tmp_path / "a.star").read_text().splitlines()[0]


def test_no_picks_are_a_header_alone(tmp_path):
    star.write_picks(tmp_path / "a.star", no_picks())
    assert len(star.read_picks(tmp_path / "a.star")) == 0
    assert rows(tmp_path / "a.star") == []


def test_notes_come_back(tmp_path):
    notes = {"fingerprint": "abc: 1", "tomogram": "TS_01"}
    star.write_picks(tmp_path / "a.star", make_picks(), notes)
    assert read_comments(tmp_path / "a.star") == notes
    assert equal(star.read_picks(tmp_path / "a.star"), make_picks())


def test_crlf_and_a_byte_order_mark(tmp_path):
    star.write_picks(tmp_path / "a.star", make_picks(), {"n": "1"})
    text = (tmp_path / "a.star").read_text().replace("\n", "\r\n")
    (tmp_path / "a.star").write_bytes(text.encode("utf-8-sig"))
    assert equal(star.read_picks(tmp_path / "a.star"), make_picks())


HEAD = "data_\nloop_\n_pickerPositionX\n_pickerPositionY\n_pickerPositionZ\n"
OURS = HEAD + "_pickerParticle\n_pickerScore\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (OURS + "1 2 3 a 1\n4 5 6\n", "row 2 has no picker.*fix the row"),
        (OURS + "1 2 3 a 1\n4 5 6 b 1 9\n", "cannot be read as STAR"),
        (OURS + "1 2 3 a 1 9\n", "cannot be read as STAR"),
        (OURS + "1 2 nan a 1\n", "row 1 has no pickerPositionZ"),
        (OURS + "1 2 <NA> a 1\n", "row 1 has no pickerPositionZ"),
        (OURS + "1 2 3 a 1\n1 -inf 3 a 1\n", "row 2 has pickerPositionY '-inf'; exp"),
        (OURS + "1 2 3 a high\n", "row 1 has pickerScore 'high'; expected a finite"),
        (OURS.replace("_pickerPositionZ\n", "") + "1 2 a 1\n", "no column pickerPosi"),
        (HEAD + "1 2 3\n", "holds picker coordinates; expected picks of this program"),
        ("data_\nloop_\n_rlnImageName\na.mrc\n", "has no coordinates; expected rlnCe"),
        ("garbage\n", "has no STAR table"),
        ("", "has no STAR table"),
        (b"\xff\xfe\x00", "is not text; expected a STAR file"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "a.star").write_bytes(raw)
    with pytest.raises(ValueError, match=f"a.star.*{message}"):
        star.read_picks(tmp_path / "a.star")


def test_a_fixed_file_is_read_again(tmp_path):
    (tmp_path / "a.star").write_text(OURS + "1 2 3 a 1\n4 5 6 b 1 9\n")
    with pytest.raises(ValueError, match="cannot be read"):
        star.read_picks(tmp_path / "a.star")
    star.write_picks(tmp_path / "a.star", make_picks())
    assert equal(star.read_picks(tmp_path / "a.star"), make_picks())
