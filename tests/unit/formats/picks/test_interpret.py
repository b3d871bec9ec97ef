"""What the user says and what the file says."""

from __future__ import annotations

from tests.unit.formats.picks.reading import PLACE_ZYX, WARP, read


def test_two_pixel_sizes_of_the_tilt_series_are_told(tmp_path):
    path = tmp_path / "ribosome"
    path.write_text(
        "# tilt_series_pixel_size: 2.0\n" + WARP + "_rlnTomoName\n121 161 81 TS_1\n"
    )
    picks, (warning,) = read(path, tilt_pixel_size=2.5)
    assert picks.position_zyx.tolist() == [PLACE_ZYX]
    assert "tilt_pixel_size 2.5 Å was set, the file says 2 Å" in warning
    assert read(path, tilt_pixel_size=2.01)[1] == []
    picks, warnings = read(path)
    assert (picks.position_zyx.tolist(), warnings) == ([[160, 320, 240]], [])
