"""A pipe has no end: what reads one unchecked never returns."""

from __future__ import annotations

import os

import numpy as np
import pytest

from picker.config import PickSettings
from picker.formats.picks import kaggle, star
from picker.formats.picks.read import read_coordinates
from picker.formats.tables.star_table import read_comments
from picker.formats.tables.thresholds import read_thresholds
from picker.formats.tables.tilt_series import read_tilt_series
from picker.formats.tables.tomograms import read_table
from picker.formats.volumes import ome_zarr
from picker.formats.volumes.read import read_mask, read_tomogram
from picker.jobs.settings import read_particles, read_section
from picker.project.json_files import read_json
from picker.project.manifests import read_manifest
from picker.project.stale import stale_manifests
from picker.training.checkpoint import load_checkpoint
from picker.training.model_file import load_weights
from tests.unit.formats.memory import little_memory

READERS = {
    "manifest": read_manifest,
    "JSON of a stage": read_json,
    "pick.json": lambda path: read_section([path], "pick", PickSettings),
    "particles.json": lambda path: read_particles([path]),
    "thresholds": lambda path: read_thresholds(path, "", []),
    "table": read_table,
    "picks": read_coordinates,
    "our picks": star.read_picks,
    "comments of picks": read_comments,
    "submission": kaggle.read_submission,
    "tomograms.star": read_tilt_series,
    "model": load_weights,
    "checkpoint": load_checkpoint,
    "volume": lambda path: read_tomogram(path, "a", 10.0),
    "mask": read_mask,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_no_reader_waits_for_a_pipe_or_a_device(tmp_path, name, make):
    path = tmp_path / name
    make(path)
    # Whoever reads a device all the same has no memory for it.
    with (
        little_memory(2**28),
        pytest.raises(ValueError, match=f"{name} is a pipe, a socket or a device; ex"),
    ):
        READERS[name](path)


@pytest.mark.timeout(60)
def test_a_pipe_in_a_volume_of_ours_is_no_metadata(tmp_path):
    volume = np.zeros((16, 16, 16), np.float16)
    ome_zarr.write_volume(tmp_path / "a.zarr", volume, 10.0, {})
    (tmp_path / "a.zarr/zarr.json").unlink()
    os.mkfifo(tmp_path / "a.zarr/zarr.json")
    with pytest.raises(ValueError, match=r"zarr\.json is not a file; expected Zarr"):
        ome_zarr.read_attributes(tmp_path / "a.zarr")


@pytest.mark.timeout(60)
def test_a_pipe_in_a_manifest_s_place_is_made_again(tmp_path):
    path = tmp_path / "manifest.json"
    os.mkfifo(path)
    assert stale_manifests([path]) == [path]
