"""Faces that are found limit picks, unless known picks or the user say otherwise."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from picker.config import Particle, PreprocessSettings, TomogramRow
from picker.core.picks import picks_from_arrays
from picker.core.slab import level_slab
from picker.core.tomogram import Tomogram
from picker.formats.picks.star import write_picks
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.ome_zarr import read_volume
from picker.formats.volumes.read import read_mask
from picker.jobs.preprocess import preprocess_tomogram
from picker.jobs.slab import slab_of
from picker.project.manifests import read_preprocessed, write_manifest
from tests.unit.volumes.slabs import SHAPE, V, lamella, tilted

PARTICLES = (Particle(name="ribosome", radius=120),)
LOW, HIGH = tilted(370, 6), tilted(830, 6)
SETTINGS = PreprocessSettings()


@pytest.fixture(scope="module")
def tomogram():
    return Tomogram(name="a", volume=lamella(LOW, HIGH), voxel_size=V)


def at(*heights):
    """Picks in the middle at heights z [Å]."""
    return picks_from_arrays(
        [[z, 800, 800] for z in heights], ["ribosome"] * len(heights)
    )


def test_the_log_says_where_the_faces_are(tomogram, caplog):
    caplog.set_level(logging.INFO, "picker")
    slab, warnings = slab_of(tomogram, PARTICLES, SETTINGS)
    assert slab.ratio > 1.5
    assert warnings == []
    (message,) = caplog.messages
    for part in (
        "a: slab found, z in the middle from 3",
        " Å (tilted by ",
        "times that",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("heights", "used"),
    [
        ([600] * 9 + [100], True),
        ([600] * 9 + [100, 100], False),
        ([600] * 28 + [100, 1100], True),
        ([100], False),
        ([600, 100], True),
        ([600, 340], True),  # within the margin
        ([], True),
    ],
)
def test_known_picks_outside_show_that_a_slab_is_wrong(tomogram, heights, used):
    slab, warnings = slab_of(tomogram, PARTICLES, SETTINGS, at(*heights))
    assert (slab is not None) == used
    assert bool(warnings) == (not used)


def test_the_warning_says_what_to_do(tomogram):
    _, (warning,) = slab_of(tomogram, PARTICLES, SETTINGS, at(100, 100, 600, 1100))
    assert "a: 3 of 4 known picks lie outside of the slab" in warning
    assert "expected at most 1, so it is not used: check the picks, or give" in warning


def test_a_slab_thinner_than_a_particle_or_not_asked_for_is_none(tomogram):
    large = (*PARTICLES, Particle(name="capsid", radius=300))
    off = PreprocessSettings(find_slab=False)
    assert slab_of(tomogram, large, SETTINGS) == (None, [])
    assert slab_of(tomogram, PARTICLES, off) == (None, [])


def preprocessed(folder, volume, picks=None, **more):
    settings = more.pop("settings", SETTINGS)
    write_volume(folder / "a.mrc", volume, V)
    files = ()
    if picks:
        write_picks(folder / "a.star", picks)
        files = (folder / "a.star",)
    return preprocess_tomogram(
        TomogramRow(
            tomogram="a",
            path=folder / "a.mrc",
            split="labeled" if picks else "predict",
            picks=files,
            **more,
        ),
        PARTICLES,
        settings,
        volume=folder / "v" / "a.zarr",
        labels=folder / "l" / "a.star" if picks else None,
        mask=folder / "m" / "a.zarr",
        noise=folder / "n" / "a.zarr",
    )


def test_vacuum_gets_no_picks_and_does_not_count(tomogram, tmp_path):
    entry = preprocessed(tmp_path, tomogram.volume, at(600, 640, 700))
    region = read_mask(entry.mask, SHAPE)
    assert region[60].all()
    assert not region[:15].any()
    assert not region[105:].any()
    # The default margin, beyond a face that is known to a layer.
    assert 1 <= (37 - np.flatnonzero(region[:, 80, 80])[0]) <= 11
    volume = read_volume(entry.volume)[0].astype(np.float32)
    assert volume[region].std() == pytest.approx(1, abs=0.01)
    assert volume[~region].std() < 0.75
    assert entry.slab.low.z(800, 800) == pytest.approx(370, abs=60)
    assert not entry.warnings


def test_mask_and_gold_limit_too(tomogram, tmp_path):
    volume = tomogram.volume.copy()
    volume[58:64, 77:83, 77:83] = -60
    mask = np.ones(SHAPE, np.float32)
    mask[:, :40] = 0
    write_volume(tmp_path / "mask.mrc", mask, V)
    gold = PreprocessSettings(avoid_gold=10)
    entry = preprocessed(tmp_path, volume, mask=tmp_path / "mask.mrc", settings=gold)
    region = read_mask(entry.mask, SHAPE)
    assert not region[:, :40].any()
    assert not region[:15].any()
    assert not region[60, 80, 80]
    assert region[60, 100, 100]


def test_a_mask_outside_of_the_slab_shows_that_it_is_wrong(tomogram, tmp_path):
    mask = np.zeros(SHAPE, np.float32)
    mask[:10] = 1
    write_volume(tmp_path / "mask.mrc", mask, V)
    entry = preprocessed(tmp_path, tomogram.volume, mask=tmp_path / "mask.mrc")
    assert (read_mask(entry.mask, SHAPE) == (mask > 0)).all()
    assert entry.slab is None
    assert "mask has no voxel in the slab" in entry.warnings[0]


def test_a_users_slab_is_the_users(tomogram, tmp_path):
    entry = preprocessed(tmp_path, tomogram.volume, slab_z_low=0.0)
    # Recorded as it was given, with no search and no margin.
    assert entry.slab == level_slab(0.0, None)
    assert entry.slab.ratio is None
    assert read_mask(entry.mask, SHAPE).all()


def test_without_vacuum_all_is_as_without_the_search(tmp_path):
    volumes = []
    for number, find in enumerate((True, False)):
        folder = tmp_path / str(number)
        folder.mkdir()
        settings = PreprocessSettings(find_slab=find)
        entry = preprocessed(folder, lamella(), at(600), settings=settings)
        assert (entry.mask, entry.slab) == (None, None)
        volumes.append(read_volume(entry.volume)[0])
    assert (volumes[0] == volumes[1]).all()


def test_the_manifest_keeps_the_faces(tomogram, tmp_path):
    entry = preprocessed(tmp_path, tomogram.volume)
    write_manifest(tmp_path / "m.json", [entry])
    (back,) = read_preprocessed([tmp_path / "m.json"])
    assert back.slab == entry.slab
    assert preprocessed(tmp_path, tomogram.volume).slab == entry.slab
