"""A WarpTools project as the table of tomograms."""

from __future__ import annotations

from pathlib import Path

import pytest

from picker.config import Config
from picker.formats.tables.tomograms import tomogram_rows

SETTINGS = """<?xml version="1.0" encoding="utf-8"?>
<Settings>
  <Param Name="Runtime" Value="0" />
  <Import>
    <Param Name="DataFolder" Value="tomostar" />
    <Param Name="ProcessingFolder" Value="warp_tiltseries" />
    <Param Name="DoRecursiveSearch" Value="False" />
    <Param Name="Extension" Value="*.tomostar" />
  </Import>
</Settings>
"""


@pytest.fixture
def warp(tmp_path, monkeypatch):
    """Return a project of three tilt series, two of them reconstructed."""
    monkeypatch.chdir(tmp_path)
    Path("warp_tiltseries.settings").write_text("\ufeff" + SETTINGS, encoding="utf-8")
    volumes = tmp_path / "warp_tiltseries/reconstruction"
    for folder in ("tomostar", *(volumes / half for half in ("even", "odd", "deconv"))):
        Path(folder).mkdir(parents=True)
    for name in ("TS_1", "TS_2", "TS_11"):
        Path(f"tomostar/{name}.tomostar").touch()
    for folder in (volumes, volumes / "even", volumes / "odd"):
        (folder / "TS_1_10.00Apx.mrc").touch()
    (volumes / "TS_11_10.00Apx.mrc").touch()
    return volumes


def rows(**settings):
    tomograms = {"source": "warp", "splits": None, "settle": 0, **settings}
    particles = [{"name": "ribosome", "radius": 120}]
    found = Config.model_validate({"particles": particles, "tomograms": tomograms})
    return tomogram_rows(found)


def test_reconstructions_are_found_with_their_halves(warp, caplog):
    one, other = rows()
    assert (one.tomogram, other.tomogram) == ("TS_1", "TS_11")
    assert [path.name for path in one.files] == ["TS_1_10.00Apx.mrc"] * 3
    assert (one.even.parent.name, one.odd.parent.name) == ("even", "odd")
    assert (other.halves, other.voxel_size) == ((), None)
    assert "1 tomograms of warp_tiltseries.settings are left" in caplog.text
    assert "TS_2 has no reconstruction of 10.00 Å" in caplog.text


def test_a_size_chooses(warp):
    (warp / "TS_2_12.55Apx.mrc").touch()
    with pytest.raises(ValueError, match=r"of 10.00 Å, 12.55 Å; .*warp\.voxel_size"):
        rows()
    # The name's size is the true one, rounded.
    (row,) = rows(warp={"voxel_size": 12.5475})
    assert row.path.name == "TS_2_12.55Apx.mrc"


def test_what_is_counted_on_must_be_there(warp):
    Path("splits.tsv").write_text(
        "tomogram\tsplit\nTS_2\tlabeled\nTS_1.tomostar\ttest\n"
    )
    with pytest.raises(ValueError, match="line 2: tomogram TS_2 has no reconstruction"):
        rows(splits="splits.tsv")


def test_settings_of_another_kind_are_refused(warp):
    with pytest.raises(ValueError, match="deconv has no reconstruction, such as"):
        rows(warp={"volume": "deconv"})
    with pytest.raises(ValueError, match=r"none.settings does not exist; expected the"):
        rows(warp={"settings": "none.settings"})
    path = Path("warp_tiltseries.settings")
    for text, match in (
        (SETTINGS.replace("DataFolder", "Folder"), "names no DataFolder"),
        (SETTINGS.replace('"tomostar"', '"away"'), "away, the DataFolder of .* is no"),
        ("<Settings>", r"cannot be read \(no element found"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Settings/>', "definitions of its own"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=match):
            rows()
