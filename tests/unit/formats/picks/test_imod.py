"""IMOD's models, written by hand as its documentation says."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from picker.config import Particle
from picker.formats.picks.known import read_known_picks
from tests.unit.formats.picks import imod_models
from tests.unit.formats.picks.reading import PLACE_ZYX, V, check, read


def model(*objects, end=b"IEOF"):
    """Return an IMOD model of objects (name, contours), by its documentation."""
    raw = b"IMODV1.2" + struct.pack(">128s", b"a model")
    raw += struct.pack(">4iI4i", 150, 120, 64, len(objects), 0, 1, 1, 0, 255)
    raw += struct.pack(">6f5i", 0, 0, 0, 1, 1, 1, 0, 0, -1, 3, 128)
    raw += struct.pack(">f2i3f", 1, -9, 0, 0, 0, 0)
    assert len(raw) == 240
    for name, contours in objects:
        raw += b"OBJT" + struct.pack(">64s64x", name)
        raw += struct.pack(
            ">iI2i3fi8B2i", len(contours), 0, 0, 1, 0, 1, 0, 0, *[1] * 8, 1, 0
        )
        for points in contours:
            raw += b"CONT" + struct.pack(">iI2i", len(points), 0, 0, 0)
            raw += b"".join(struct.pack(">3f", *point) for point in points)
            raw += b"LABL" + struct.pack(">i", 6) + b"points"
        raw += b"MESH" + struct.pack(">2iI2h", 2, 3, 0, 0, 0) + bytes(2 * 12 + 3 * 4)
        raw += b"IMAT" + struct.pack(">i", 16) + bytes(16)
    return raw + b"VIEW" + struct.pack(">i", 4) + bytes(4) + end


POINT = (30.5, 40.5, 20.0)


def test_points_of_imod_are_half_a_voxel_off_in_x_and_y(tmp_path, caplog):
    path = tmp_path / "virus"
    path.write_bytes(model((b"", [[POINT], [], [(1.5, 2.5, 3.0)]]), (b"", [])))
    places = [PLACE_ZYX, [30, 20, 10]]
    assert check(path, caplog, "IMOD model", places, "virus") == []


def test_a_signaling_nan_in_imod_is_one_error_and_no_warning(tmp_path):
    path = tmp_path / "a.mod"
    whole = model((b"virus", [[(5.0, 6.0, 7.0)]]))
    five = np.array(5.0, ">f4").tobytes()
    assert whole.count(five) == 1
    path.write_bytes(whole.replace(five, b"\x7f\x80\x00\x01"))
    with pytest.raises(ValueError, match=r"a.mod: point 1 is not finite"):
        read(path)


def test_objects_with_names_are_classes(tmp_path):
    path = tmp_path / "a.mod"
    path.write_bytes(model((b"virus", [[POINT]]), (b"ribosome", [[(1, 2, 3)]])))
    assert read(path)[0].particle.tolist() == ["virus", "ribosome"]
    path.write_bytes(model((b"gold", [[POINT]])))
    with pytest.raises(ValueError, match=r"a.mod has picks of 'gold'; expected ribos"):
        read(path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"IMODV1.1" + bytes(300), "is no whole IMOD model"),
        (model()[:100], "is no whole IMOD model: it has 100 bytes"),
        (model((b"", [[POINT]]), end=b""), "part b'' at byte .* 0 are left; copy"),
        (model((b"", [[POINT]]))[:450], "is damaged or truncated"),
        (model((b"", [[(1, 2, float("nan"))]])), "point 1 is not finite"),
    ],
)
def test_damaged_models(tmp_path, raw, message):
    path = tmp_path / "ribosome.mod"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f"ribosome.mod.*{message}"):
        read(path)


def test_an_object_without_a_name_takes_the_files_and_no_other_does(tmp_path):
    path = imod_models.scattered(tmp_path / "bead.mod")
    raw = path.read_bytes()
    start = raw.index(b"OBJT")
    path.write_bytes(raw[:-4] + raw[start:].replace(b"virus", bytes(5)))
    particles = [Particle(name=name, radius=1) for name in ("virus", "bead")]
    picks, _ = read_known_picks([path], "TS_1", particles, V, imod_models.SHAPE)
    assert picks.particle.tolist() == ["virus", "virus", "bead", "bead"]
