"""From a file's own numbers to positions."""

from __future__ import annotations

import pytest

from picker.formats.picks.units import centre_position
from tests.unit.formats.picks.reading import PLACE_ZYX, SHAPE, WARP, V, read


def test_a_missing_pixel_size_of_the_tilt_series_names_the_column(tmp_path):
    path = tmp_path / "ribosome"
    path.write_text(WARP + "_rlnTomoName\n121 161 81 TS_1\n")
    with pytest.raises(ValueError, match="fill in the column tilt_pixel_size of the t"):
        read(path)
    assert read(path, tilt_pixel_size=2.5)[0].position_zyx.tolist() == [PLACE_ZYX]
    # Coordinates that were left in the binned tomogram's voxels.
    path.write_text(WARP + "_rlnTomoName\n" + "149 100 60 TS_1\n" * 2)
    assert read(path, tilt_pixel_size=2.5)[0].position_zyx[0, 0] == 147.5


def test_relion_5s_other_centre_is_told_by_the_caller(tmp_path):
    one = centre_position(SHAPE, V, 2.5)
    other = centre_position(SHAPE, V, 2.5, "size/2-1")
    assert (one - other).tolist() == [2.5, 2.5, 2.5]
