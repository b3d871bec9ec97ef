"""STAR files of other programs, written by hand as those programs write them."""

from __future__ import annotations

import pytest

from picker.formats.picks.read import read_coordinates
from picker.formats.picks.star_coordinates import read_star
from tests.unit.formats.picks.reading import WARP, check, read
from tests.unit.formats.picks.star_examples import places_of

PYTOM = (
    "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnCoordinateZ #3\n"
    "_rlnAngleRot #4\n_rlnAngleTilt #5\n_rlnAnglePsi #6\n_rlnLCCmax #7\n"
    "_rlnCutOff #8\n_rlnDetectorPixelSize #9\n_rlnMicrographName #10\n"
    "30 40 20 12.5 1 2 0.25 0.1 {size} TS_1\n"
)


def test_pytoms_voxels_have_their_size_beside_them(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(PYTOM.format(size=10.01))
    kind = "pytom-match-pick STAR"
    assert check(path, caplog, kind, score=0.25) == []
    path.write_text(PYTOM.format(size=20))
    with pytest.raises(
        ValueError, match=r"counts voxels of 20 Å \(rlnDetectorPixelSize\); expected"
    ):
        read(path)


def test_pytoms_relion_5_mode(tmp_path, caplog):
    path = tmp_path / "ribosome"
    text = PYTOM.format(size=10).replace("rlnMicrographName", "rlnTomoName")
    text = text.replace("rlnDetectorPixelSize", "rlnTomoTiltSeriesPixelSize")
    for axis in "XYZ":
        text = text.replace(f"rlnCoordinate{axis}", f"rlnCenteredCoordinate{axis}Angst")
    path.write_text(text.replace("\n30 40 20", "\n-450 -200 -120"))
    assert check(path, caplog, "RELION 5 STAR", score=0.25) == []


def test_warps_fractions_of_the_tomogram(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(WARP + f"_rlnMicrographName\n0.2 {40 / 120} 0.3125 TS_1.tomostar\n")
    assert check(path, caplog, "Warp STAR") == []
    assert read_coordinates(path).unit == "fractions of the tomogram"
    # One number above 1, or whole numbers alone, are voxels.
    for numbers in ("0.2 0.5 1.25", "0 1 1"):
        path.write_text(WARP + f"_rlnMicrographName\n{numbers} TS_1.tomostar\n")
        assert read_coordinates(path).unit == "voxels"


def test_ais_writes_voxels_beside_relions_names(tmp_path, caplog):
    path = tmp_path / "ribosome"
    path.write_text(WARP + "_rlnTomoName\n_aisParticleSize\n30 40 20 TS_1 9\n")
    (warning,) = check(path, caplog, "Ais STAR")
    assert "is of Ais; read as voxels, not as unbinned pixels" in warning
    path.write_text(
        WARP + "_rlnMicrographName\n_aisParticleSize\n30 40 20 TS_1.mrc 9\n"
    )
    assert check(path, caplog, "Ais STAR") == []


THREE = "data_particles\nloop_\n" + "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")


def test_tables_are_neither_lost_nor_replaced(tmp_path):
    path = tmp_path / "a.star"
    other = THREE.replace("particles", "more")
    path.write_text(f"{THREE}4 2 1\n\n{other}5 2 1\n")
    with pytest.raises(ValueError, match=r"in 2 tables \(data_particles, data_more\)"):
        places_of(path, "TS_1")
    path.write_text(f"{THREE}4 2 1\n\n{THREE}5 2 1\n")
    with pytest.raises(ValueError, match="several tables called data_particles; exp"):
        places_of(path, "TS_1")


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("rlnMicrographName", "tomograms/TS_1.mrc", "TS_1"),
        ("rlnMicrographName", "TS_1.tomostar", "TS_1"),
        ("rlnMicrographName", "TS_1.0", "TS_1.0"),
        ("rlnTomoName", "TS_1.tomostar", "TS_1"),
        ("rlnTomoName", "TS.rec", "TS.rec"),
    ],
)
def test_names_of_tomograms(tmp_path, column, value, name):
    header = "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")
    (tmp_path / "a.star").write_text(
        f"data_\nloop_\n{header}_{column}\n1 2 3 {value}\n"
    )
    assert read_star(tmp_path / "a.star").tomogram == [name]
