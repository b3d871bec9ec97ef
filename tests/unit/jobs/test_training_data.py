import pytest

from picker.jobs.training_data import common_voxel_size, labeled_where_picked
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
