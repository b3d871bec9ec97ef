import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs import training_data
from picker.jobs.training_data import (
    common_voxel_size,
    labeled_where_picked,
    patch_source,
)
from picker.project.records import failed
from tests.unit.predicted import preprocessed


def entry(name, split, labels=None, error=None):
    found = preprocessed(name, split, labels=labels)
    return failed(found, found.volume, error) if error else found


def test_unlabeled_tomograms_that_have_picks_can_be_labeled_ones():
    entries = [
        entry("a", "labeled", "a.star"),
        entry("b", "unlabeled", "b.star"),
        entry("c", "unlabeled"),
        entry("d", "unlabeled", "d.star", error="truncated"),
        entry("e", "test", "e.star"),
    ]
    splits = {e.tomogram: e.split for e in labeled_where_picked(entries)}
    assert splits == {
        "a": "labeled",
        "b": "labeled",
        "c": "unlabeled",
        "d": "unlabeled",
        "e": "test",
    }


def test_unlabeled_tomograms_without_picks_say_what_to_do():
    entries = [entry("a", "labeled", "a.star"), entry("c", "unlabeled")]
    with pytest.raises(ValueError, match=r"none of the 1 has; name their files in the"):
        labeled_where_picked(entries)


def test_a_network_sees_voxels_of_one_size():
    sizes = (9.8, 10.0, 10.2)
    entries = [preprocessed(f"TS_{size}", voxel_size=size) for size in sizes]
    assert common_voxel_size(entries) == pytest.approx(10.0)
    entries.append(preprocessed("TS_5", voxel_size=5.0))
    with pytest.raises(ValueError, match=r"5 Å voxels, TS_10.*_voxel_size: 10\.2$"):
        common_voxel_size(entries)


def test_training_without_a_labeled_tomogram_says_what_to_do():
    with pytest.raises(ValueError, match="got none; give some rows of the table split"):
        common_voxel_size([])


def test_known_picks_outside_are_kept_apart(tmp_path, monkeypatch):
    volume = np.zeros((10, 10, 20), np.float32)
    monkeypatch.setattr(training_data, "stored_volume", lambda entry: volume)
    mask = np.zeros(volume.shape, np.uint8)
    mask[..., 10:] = 1
    write_volume(tmp_path / "mask.zarr", mask, 10.0, {})
    positions = [(50.0, 50, 130), (50, 50, 80), (50, 50, 205)]
    write_picks(tmp_path / "l.star", picks_from_arrays(positions, ["a", "b", "a"]))
    given = preprocessed(
        "t",
        "labeled",
        labels=tmp_path / "l.star",
        mask=tmp_path / "mask.zarr",
        shape_zyx=volume.shape,
    )
    classes = Particle(name="a", radius=40), Particle(name="b", radius=30)
    source = patch_source(given, classes, labeled=True)
    assert source.index_zyx.tolist() == [[5, 5, 13]]
    assert source.particle.tolist() == [0]
    assert source.outside_zyx.tolist() == [[5, 5, 8], [5, 5, 20.5]]
    assert source.outside_particle.tolist() == [1, 0]
    known = source.known(np.zeros(3, int), volume.shape, 1)
    assert known[5, 5].tolist() == 12 * [0] + 5 * [1] + 3 * [0]
    # Nobody's labels are looked at in an unlabeled tomogram.
    assert not len(patch_source(given, classes).outside_zyx)


def test_of_a_reviewed_tomogram_answers_are_known(tmp_path, monkeypatch):
    volume = np.zeros((10, 10, 20), np.float32)
    monkeypatch.setattr(training_data, "stored_volume", lambda entry: volume)
    positions = [(50.0, 50, 130), (50, 50, 80), (50, 50, 205), (50, 50, 40)]
    answers = picks_from_arrays(positions, ["a", "b", "b", "a"], [1.0, 0.0, 0.0, 0.4])
    write_picks(tmp_path / "l.star", answers)
    given = preprocessed(
        "t", "reviewed", labels=tmp_path / "l.star", shape_zyx=volume.shape
    )
    classes = Particle(name="a", radius=40), Particle(name="b", radius=30)
    source = patch_source(given, classes, labeled=True)
    assert source.index_zyx.tolist() == [[5, 5, 13]]
    # What lies beyond the last voxel is not looked at.
    assert source.review.wrong.index_zyx.tolist() == [[5, 5, 8]]
    assert source.review.wrong.particle.tolist() == [1]
    assert source.review.unjudged.index_zyx.tolist() == [[5, 5, 4]]
    assert patch_source(given, classes).review is None
