"""Picks outside of the tomogram: dropped with a warning, or refused."""

from __future__ import annotations

import pytest

from picker.core.picks import picks_from_arrays
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.star import write_picks
from tests.unit.formats.picks.reading import PARTICLES, V, read, spread

SMALL = (12, 20, 28)


def read_small(path, **more):
    return read_known_picks([path], "TS_1", PARTICLES, V, SMALL, **more)


def test_picks_outside_are_counted_with_the_bounds(tmp_path):
    path = tmp_path / "ribosome.csv"
    path.write_text("x,y,z\n275,195,115\n-5,-5,-5\n275.1,1,1\n1,1,115.5\n")
    with pytest.raises(ValueError, match="has 2 of 4 picks outside") as caught:
        read_small(path)
    text = str(caught.value)
    assert "the first, pick 3, at x, y, z (275.1, 1, 1) Å, voxel (27.51" in text
    assert "expected 0, 0, 0 to (270, 190, 110) Å" in text


@pytest.mark.parametrize(
    ("outside", "num", "place", "kept"),
    [
        ("drop_few", 2, "20,-2,0", 18),  # 2 of 20, in y as far as its tenth
        ("drop_few", 3, "20,-2,0", None),
        ("drop_few", 1, "20,-2.2,0", None),  # too far
        ("drop", 12, "900,900,900", 8),
        ("drop", 20, "900,900,900", None),  # nothing would be left
        ("error", 1, "20,-2,0", None),
    ],
)
def test_picks_outside_are_left_out_with_a_warning(tmp_path, outside, num, place, kept):
    path = tmp_path / "ribosome.coords"
    rows = [f"{i}.5 10 5" for i in range(20)]
    rows[20 - num :] = [place.replace(",", " ")] * num
    path.write_text("".join(f"{row}\n" for row in rows))
    if kept is None:
        with pytest.raises(ValueError, match=f"has {num} of 20 picks outside"):
            read_small(path, outside=outside)
        return
    picks, (warning,) = read_small(path, outside=outside)
    assert picks.position_zyx.tolist() == [[50, 100, 10 * i + 5] for i in range(kept)]
    assert f"has {num} of 20 picks outside of the tomogram" in warning
    assert warning.endswith("left out")


def test_one_stray_pick_of_two_is_no_other_unit(tmp_path):
    path = tmp_path / "ribosome.coords"
    path.write_text("20 10 5\n34 10 5\n")
    with pytest.raises(ValueError, match="has 1 of 2 picks outside") as caught:
        read_small(path)
    assert "--unit" not in str(caught.value)
    assert str(caught.value).endswith("(picker convert --outside) to drop")


@pytest.mark.parametrize("outside", ["drop_few", "drop"])
def test_leaving_out_all_picks_is_no_advice(tmp_path, outside):
    path = tmp_path / "ribosome.coords"
    path.write_text("29 10 5\n")
    with pytest.raises(ValueError, match="has 1 of 1 picks outside") as caught:
        read_small(path, outside=outside)
    assert "drop" not in str(caught.value)


def test_a_shift_that_moves_a_pick_out_is_no_other_unit(tmp_path):
    names = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
    names += [f"rlnOrigin{axis}Angst" for axis in "XYZ"]
    path = tmp_path / "ribosome.star"
    header = "data_\nloop_\n" + "".join(f"_{name}\n" for name in names)
    path.write_text(header + "100 50 0 0 0 0\n130 50 0 -25 0 0\n")
    picks, (warning,) = read_small(path)
    assert picks.position_zyx.tolist() == [[60, 150, 240]]
    assert "has 1 of 2 picks outside" in warning
    path.write_text(header + "130 50 0 -25 0 0\n")
    with pytest.raises(ValueError, match="has 1 of 1 picks outside") as caught:
        read_small(path)
    assert "--unit" not in str(caught.value)


def test_our_own_files_are_believed(tmp_path):
    picks = picks_from_arrays(spread(20)[:, ::-1], ["ribosome"] * 20)
    write_picks(tmp_path / "a.star", picks)
    assert len(read(tmp_path / "a.star")[0]) == 20


@pytest.mark.parametrize("stray", [149.7, -0.6])
@pytest.mark.parametrize("num", [40, 1])
def test_a_stray_pick_is_no_other_unit(tmp_path, stray, num):
    xyz = spread(num) / 3 + 20
    xyz[-1, 0] = stray
    path = tmp_path / "ribosome"
    path.write_text("".join("{} {} {}\n".format(*row) for row in xyz))
    if num > 1:
        picks, (text,) = read(path)
        assert len(picks) == num - 1
        assert f"has 1 of {num} picks outside" in text
        assert text.endswith("; left out")
    with pytest.raises(ValueError, match=f"has 1 of {num} picks outside") as caught:
        read(path, outside="error")
    text = str(caught.value)
    assert f"the first, pick {num}, at x, y, z ({stray * V:.4g}," in text
    assert f"voxel ({stray:.4g}," in text
    assert "remove picks that lie outside" in text
    assert "--unit" not in text
