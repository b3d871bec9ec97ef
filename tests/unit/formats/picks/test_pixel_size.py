"""Voxels of several sizes in one file: the size that fits, or an error."""

from __future__ import annotations

import pytest

from picker.config import Particle
from picker.formats.picks.known import read_known_picks

SHAPE = (60, 120, 160)
V = 10.0
HEAD = """data_optics

loop_
_rlnOpticsGroup #1
_rlnTomoTiltSeriesPixelSize #2
_rlnImagePixelSize #3
1 {tilt} {image}

data_particles

loop_
_rlnTomoName #1
_rlnCoordinateX #2
_rlnCoordinateY #3
_rlnCoordinateZ #4
_rlnOpticsGroup #5
"""
PLACES = ((75, 100, 50), (175, 125, 62.5))
"""Voxels 30, 40, 20 and 70, 50, 25 in voxels of 4 Å."""


def read(tmp_path, places, tilt=0.7894, image=4.0):
    path = tmp_path / "ribosome.star"
    rows = ["TS_1.tomostar {} {} {} 1\n".format(*place) for place in places]
    path.write_text(HEAD.format(tilt=tilt, image=image) + "".join(rows))
    return read_known_picks([path], "TS_1", [Particle(name="a", radius=1)], V, SHAPE)


@pytest.mark.parametrize(("tilt", "image"), [(0.7894, 4.0), (4.0, 0.7894)])
def test_the_size_that_fits_is_taken_and_told(tmp_path, tilt, image):
    picks, (warning,) = read(tmp_path, PLACES, tilt, image)
    assert picks.position_zyx.tolist() == [[200, 400, 300], [250, 500, 700]]
    assert "may count voxels of " in warning
    assert "0.7894 Å (rlnT" in warning or "0.7894 Å (rlnI" in warning
    assert "; read as voxels of 4 Å, which alone put the 2 picks into" in warning


def test_the_tomograms_own_voxels_may_be_the_ones_that_fit(tmp_path):
    picks, (warning,) = read(tmp_path, [(150, 110, 55), (8, 7, 6)], 0.5, 25.0)
    assert picks.position_zyx.tolist() == [[550, 1100, 1500], [60, 70, 80]]
    assert "read as voxels of 10 Å" in warning
    # Two names of one size are no two sizes.
    assert read(tmp_path, [(3, 2, 1)], 10.01, 10.0)[1] == []


@pytest.mark.parametrize(
    ("places", "why"),
    [
        # 0.3 of x as 4 Å, 0.8 as 10 Å.
        ([(120, 90, 45)], "more than one of them puts"),
        ([(7, 10, 5), (12, 10, 5)], "none of them puts"),
        ([(5000, 10, 5)], "none of them puts"),
    ],
)
def test_an_uncertain_size_is_an_error_with_all_readings(tmp_path, places, why):
    x, y, z = places[0]
    message = (
        r"ribosome.star \(Warp STAR\) counts voxels of 4 Å \(rlnImagePixelSize\) or"
        r" 0.7894 Å \(rlnTomoTiltSeriesPixelSize\); expected the tomogram's, 10 Å:"
        rf" \({x}, {y}, {z}\) read as pixels of 4 Å is at .* Å, read as pixels of"
        rf" 0.7894 Å is at .* Å, read as voxels of the tomogram at .* Å; {why} all"
        r" picks into .*--voxel-size 4 --shape 150 300 400 --unit voxels"
    )
    with pytest.raises(ValueError, match=message):
        read(tmp_path, places)


def test_a_size_of_each_row_is_uncertain(tmp_path):
    path = tmp_path / "ribosome.star"
    head = HEAD.format(tilt=1, image=4.0).replace("1 1 4.0\n", "1 1 4.0\n2 1 4.4\n")
    path.write_text(head + "TS_1.tomostar 75 100 50 1\nTS_1.tomostar 175 125 62 2\n")
    with pytest.raises(ValueError, match=r"4 Å \(rlnImagePixelSize\) or 4.4 Å"):
        read_known_picks([path], "TS_1", [Particle(name="a", radius=1)], V, SHAPE)


def test_a_file_that_names_the_tomograms_own_size_is_ordinary(tmp_path):
    # To the last voxels: by 4 they would lie in a quarter of every axis.
    picks, warnings = read(tmp_path, [(30, 40, 59), (159, 119, 20)], 2.5, V)
    assert picks.position_zyx.tolist() == [[590, 400, 300], [200, 1190, 1590]]
    assert warnings == []
    picks, warnings = read(tmp_path, [(30, 35, 15)], 2.5, V)
    assert picks.position_zyx.tolist() == [[150, 350, 300]]
    assert warnings == []


def test_picks_that_fill_the_tomogram_are_its_voxels_and_not_the_tilt_series(tmp_path):
    places = [(10 * i + 9, 110, 59) for i in range(16)]
    picks, (warning,) = read(tmp_path, places, 2.5, 0.5)
    assert picks.position_zyx[-1].tolist() == [590, 1100, 1590]
    assert "read as voxels of 10 Å" in warning


def test_a_stray_pick_does_not_make_another_size_fit(tmp_path):
    places = [(15 + 7 * i, 40, 20) for i in range(20)]
    for some in (places, places[:2]):
        with pytest.raises(ValueError, match="more than one of them puts"):
            read(tmp_path, [*some, (140, 100, 50), (163, 100, 50)])
    picks, (told, left_out) = read(
        tmp_path, [*((2.5 * x, 2.5 * y, 2.5 * z) for x, y, z in places), (410, 40, 20)]
    )
    assert picks.position_zyx[0].tolist() == [200, 400, 150]
    assert len(picks) == 20
    assert "read as voxels of 4 Å" in told
    assert left_out.endswith("left out")


def test_few_picks_in_a_corner_do_not_belie_the_only_size_that_a_file_names(tmp_path):
    path = tmp_path / "ribosome.star"
    head = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
    path.write_text(f"{head}_rlnLCCmax\n_rlnDetectorPixelSize\n30 40 20 0.4 5.0\n")
    with pytest.raises(ValueError, match=r"into one corner \(so few picks may lie"):
        read_known_picks([path], "TS_1", [Particle(name="a", radius=1)], V, SHAPE)


def test_sizes_that_a_file_leaves_empty_are_not_known(tmp_path):
    picks, warnings = read(tmp_path, [(30, 40, 20)], "<NA>", "nan")
    assert picks.position_zyx.tolist() == [[200, 400, 300]]
    assert warnings == []
