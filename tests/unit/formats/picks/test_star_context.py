"""Columns of what lies around picks, in our own files and in those of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import starfile

from picker.config import ExportSettings, Particle
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.picks.targets import write_target
from tests.unit.formats.picks.star_examples import make_picks, make_tomogram

CONTEXT = {
    "membrane": np.array([12.345, np.inf, 0.0]),
    "faces": np.array([-20.0, 3.0, 1e4]),
    "class_density": np.array([np.nan, 0.0, 1910.0]),
}
COLUMNS = ["pickerMembraneDistance", "pickerFaceDistance", "pickerClassDensity"]


def around(picks):
    return replace(picks, context=CONTEXT)


def test_our_own_files_keep_them_and_have_none_without(tmp_path):
    write_picks(tmp_path / "a.star", around(make_picks()))
    write_picks(tmp_path / "b.star", make_picks())
    (table,) = starfile.read(tmp_path / "a.star", always_dict=True).values()
    assert list(table.columns[5:]) == COLUMNS
    found = read_picks(tmp_path / "a.star").context
    assert list(found) == list(CONTEXT)
    for name, values in CONTEXT.items():
        np.testing.assert_allclose(found[name], values, atol=0.006)
    # Densities are per volume, and those of micrographs per area.
    assert "of micrographs a square one" in (tmp_path / "a.star").read_text()
    assert read_picks(tmp_path / "b.star").context == {}
    text = (tmp_path / "b.star").read_text()
    assert "picker" in text
    assert not any(column in text for column in COLUMNS)
    assert "angstrom; densities" not in text


def test_a_value_that_is_no_number_is_refused(tmp_path):
    path = tmp_path / "a.star"
    write_picks(path, around(make_picks()))
    path.write_text(path.read_text().replace("-20.0", "near"))
    with pytest.raises(ValueError, match="row 1 has pickerFaceDistance 'near'"):
        read_picks(path)


def test_a_position_must_not_be_infinite_all_the_same(tmp_path):
    path = tmp_path / "a.star"
    write_picks(path, around(make_picks()))
    path.write_text(path.read_text().replace("30.25", "inf"))
    with pytest.raises(ValueError, match="row 1 has pickerPositionY 'inf'"):
        read_picks(path)


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("relion5", "01.star"),
        ("relion5", "import/01/coordinates/TS_1.star"),
        ("relion4", "01.star"),
        ("relion3", "01/TS_1_pick.star"),
        ("warp", "TS_1_01.star"),
    ],
)
def test_star_files_of_others_have_them_behind_their_own(tmp_path, target, file):
    known = make_tomogram(picks=around(make_picks()))
    tomograms = [known, make_tomogram("TS_2")]
    particles = [Particle(name=name, radius=50) for name in ("01", "ribosome")]
    write_target(
        target, tmp_path / "a", tomograms, particles, ExportSettings(), tmp_path / "a"
    )
    (table,) = starfile.read(tmp_path / "a" / file, always_dict=True).values()
    assert list(table.columns[-3:]) == COLUMNS
    values = table["pickerMembraneDistance"].to_numpy(np.float64)[:2]
    np.testing.assert_allclose(values, [12.34, 0], atol=0.01)
    if len(table) == 4:  # that of the tomogram of which nothing is known
        assert table["pickerFaceDistance"].isna().tolist() == [False] * 2 + [True] * 2
    found = read_coordinates(tmp_path / "a" / file, None)
    np.testing.assert_allclose(found.context["faces"][:2], [-20, 1e4])


def test_an_index_of_files_keeps_them(tmp_path):
    tomograms = [
        make_tomogram(picks=around(make_picks())),
        make_tomogram("TS_2"),
    ]
    particles = [Particle(name="01", radius=50)]
    folder = tmp_path / "a"
    write_target("relion5", folder, tomograms, particles, ExportSettings(), folder)
    found = read_coordinates(folder / "import" / "01" / "index.star", None)
    np.testing.assert_allclose(found.context["faces"], [-20, 1e4, np.nan, np.nan])
