"""What an earlier run stored is kept only while its input and files hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from picker.config import Particle, PreprocessSettings, TomogramRow
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.mrc import write_volume
from picker.jobs.preprocess import preprocess_tomogram
from picker.jobs.provenance import file_stamps, finished_record, input_key

PARTICLES = (Particle(name="ribosome", radius=30),)
SETTINGS = PreprocessSettings()


class Stored:
    """A preprocessed tomogram with picks and a slab."""

    def __init__(self, folder):
        volume = np.random.default_rng(0).normal(7, 3, (24, 40, 56))
        write_volume(folder / "a.mrc", volume.astype(np.float32), 10.0)
        picks = picks_from_arrays([[120, 200, 280]], ["ribosome"])
        write_picks(folder / "a.star", picks)
        self.row = TomogramRow(
            tomogram="a",
            path=folder / "a.mrc",
            split="labeled",
            picks=(folder / "a.star",),
            slab_z_low=50,
        )
        self.files = {
            "volume": folder / "volumes" / "a.zarr",
            "labels": folder / "labels" / "a.star",
            "mask": folder / "masks" / "a.zarr",
            "noise": folder / "noise" / "a.zarr",
        }
        self.record = self.preprocess()
        self.key = self.record.fingerprint

    def preprocess(self):
        return preprocess_tomogram(self.row, PARTICLES, SETTINGS, **self.files)

    def finished(self, key=None):
        return finished_record(*self.files.values(), key or self.key)


@pytest.fixture
def stored(tmp_path):
    return Stored(tmp_path)


def test_what_holds_is_kept(stored):
    assert stored.finished() == stored.record
    time = (stored.files["volume"] / "zarr.json").stat().st_mtime_ns
    assert stored.preprocess() == stored.record
    assert (stored.files["volume"] / "zarr.json").stat().st_mtime_ns == time


@pytest.mark.parametrize("name", ["volume", "labels", "mask"])
def test_a_lost_file_is_made_again(stored, name):
    file = stored.files[name]
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink()
    assert stored.finished() is None
    assert stored.preprocess() == stored.record
    assert file.exists()


@pytest.mark.parametrize("name", ["volume", "mask"])
def test_a_lost_chunk_makes_the_tomogram_again(stored, name):
    chunk = next(f for f in stored.files[name].rglob("c/**/*") if f.is_file())
    chunk.unlink()
    assert stored.finished() is None


def test_another_key_is_not_finished(stored):
    assert stored.finished("other") is None


def test_a_mask_of_another_key_does_not_hold(stored):
    """A job may have been killed after it wrote the mask."""
    settings = PreprocessSettings(clip="none")
    other = {**stored.files, "volume": stored.files["volume"].with_name("b.zarr")}
    preprocess_tomogram(stored.row, PARTICLES, settings, **other)
    assert stored.finished() is None


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"split": "unlabeled"}, True),
        ({"stacks_are_volumes": True}, True),
        ({"slab_z_low": 60}, False),
        ({"voxel_size": 9.0}, False),
        ({"tilt_pixel_size": 1.5}, False),
        ({"picks": ()}, False),
        ({"even": Path(__file__), "odd": Path(pytest.__file__)}, False),
    ],
)
def test_the_key_changes_with_what_changes_results(stored, change, same):
    row = stored.row.model_copy(update=change)
    assert (input_key(row, PARTICLES, SETTINGS) == stored.key) == same


def test_particles_matter_to_tomograms_with_picks_alone(stored):
    other = (Particle(name="ribosome", radius=40),)
    row = stored.row.model_copy(update={"picks": (), "tilt_pixel_size": 1.5})
    bare = row.model_copy(update={"tilt_pixel_size": None})
    assert input_key(row, other, SETTINGS) == input_key(bare, PARTICLES, SETTINGS)
    assert input_key(stored.row, other, SETTINGS) != stored.key


def test_a_missing_file_has_no_stamp_and_no_key(stored):
    stored.row.picks[0].unlink()
    assert list(file_stamps(stored.row)) == [str(stored.row.path)]
    with pytest.raises(
        FileNotFoundError, match=r"a\.star does not exist; .* fix its path"
    ):
        input_key(stored.row, PARTICLES, SETTINGS)


def test_membranes_and_given_faces_are_recorded_and_make_nothing_again(stored):
    assert stored.record.slab.low.offset == 50
    assert (stored.record.slab.high, stored.record.membranes) == (None, None)
    mask = stored.row.path.with_name("membranes.mrc")
    mask.write_bytes(b"read by nobody yet")
    stored.row = stored.row.model_copy(update={"membranes": mask})
    time = (stored.files["volume"] / "zarr.json").stat().st_mtime_ns
    again = stored.preprocess()
    assert (stored.files["volume"] / "zarr.json").stat().st_mtime_ns == time
    assert (again.membranes, again.fingerprint) == (mask, stored.key)
    # The workflow sees it replaced, and `picker explain` tells of it.
    assert str(mask) in again.stamps
