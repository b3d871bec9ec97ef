"""TomoTwin's coordinates."""

from __future__ import annotations

import pytest

from tests.unit.formats.picks.reading import PLACE_ZYX, check, read


def test_coords_of_tomotwin(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text("# a comment\n30 40 20\r\n\n 1.5\t2.5 3.5\n")
    places = [PLACE_ZYX, [35, 25, 15]]
    assert check(path, caplog, "TomoTwin coords", places) == []
    path.write_text("30 40 20\n1 2\n")
    with pytest.raises(ValueError, match="line 2 has 2 values; expected x y z"):
        read(path)
    path.write_text("30 40 20\n1 2 inf\n")
    with pytest.raises(ValueError, match="line 2 has 'inf'; expected a finite number"):
        read(path)
