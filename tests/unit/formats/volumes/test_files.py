"""Believable voxel sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from picker.formats.volumes.files import checked_voxel_size

HERE = Path("TS_01.mrc")


def test_sizes_within_noise_are_averaged_and_cleaned_of_float32():
    assert checked_voxel_size(HERE, [10.0120001, 10.0119999, 10.012], None) == (
        10.012,
        [],
    )
    assert checked_voxel_size(HERE, [10.0, 10.005, 10.0], None)[0] == 10.00167


@pytest.mark.parametrize(
    ("stored", "given", "message"),
    [
        ([], None, "voxel_size of TS_01.mrc is missing; set voxel_size in the table"),
        ([0, 0, 0], None, r"is 0 x 0 x 0 Å, expected more than 0; set voxel_size"),
        ([1, 1, 1], None, r"exactly 1.0 Å.*or tomograms.voxel_size"),
        ([10, 10, 10.02], None, "is 10 x 10 x 10.02 Å, expected the same"),
        ([float("nan"), 10, 10], None, "is nan x 10 x 10 Å"),
        ([10, 10, 10], 0.0, r"is 0.0 Å; expected more than 0"),
        ([10, 10, 10], float("inf"), "is inf Å"),
    ],
)
def test_a_size_that_cannot_be_believed_is_refused(stored, given, message):
    with pytest.raises(ValueError, match=message):
        checked_voxel_size(HERE, stored, given)


@pytest.mark.parametrize("stored", [[], [0, 0, 0], [1, 1, 1], [9, 10, 11]])
def test_a_set_size_replaces_a_bad_one(stored):
    assert checked_voxel_size(HERE, stored, 13.48) == (13.48, [])


def test_a_set_size_wins_with_a_warning():
    size, warnings = checked_voxel_size(HERE, [10, 10, 10], 13.48)
    assert size == 13.48
    assert warnings == [
        "TS_01.mrc: voxel size 13.48 Å was set, the file says 10 Å",
    ]
    assert checked_voxel_size(HERE, [10, 10, 10], 10.012) == (10.012, [])
