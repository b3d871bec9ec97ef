"""Segmentations, which may have other voxels than their tomogram."""

from __future__ import annotations

import numpy as np
import pytest

from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.segmentation import read_segmentation

SHAPE, V = (20, 31, 42), 5.0


def write(path, shape=SHAPE, voxel_size=0.0, value=1.0):
    volume = np.zeros(shape, np.float32)
    volume[3, 4, 5] = value
    write_volume(path, volume, voxel_size)
    return path


def test_of_the_tomogram_s_shape_its_voxel_size_does_not_matter(tmp_path):
    for size in (0.0, 1.0, 99.0):
        path = write(tmp_path / "a.mrc", voxel_size=size)
        mask, found = read_segmentation(path, SHAPE, V)
        assert np.argwhere(mask).tolist() == [[3, 4, 5]]
        assert found == V


@pytest.mark.parametrize(
    ("shape", "size"), [((10, 15, 21), 10.0), ((10, 16, 21), 10.0), ((40, 62, 84), 2.5)]
)
def test_of_other_voxels_it_shows_the_same_field(tmp_path, shape, size):
    path = write(tmp_path / "a.mrc", shape, size)
    mask, found = read_segmentation(path, SHAPE, V)
    assert (mask.shape, found) == (shape, size)


@pytest.mark.parametrize(
    ("shape", "size", "said"),
    [
        ((10, 15, 21), 0.0, "voxel_size of .* is 0 x 0 x 0"),
        ((10, 15, 21), 8.0, "voxels of 8 Å, the tomogram's are of 5 Å"),
        ((20, 31, 21), 5.0, "same field"),
        ((42, 31, 20), 5.0, r"shape \(42, 31, 20\) .*expected \(20, 31, 42\)"),
    ],
)
def test_another_field_is_refused(tmp_path, shape, size, said):
    path = write(tmp_path / "a.mrc", shape, size)
    with pytest.raises(ValueError, match=rf"segmentation .*a.mrc has .*{said}"):
        read_segmentation(path, SHAPE, V)


@pytest.mark.filterwarnings("ignore:Data array contains NaN")
def test_it_may_be_empty_where_that_is_said_but_not_nan(tmp_path):
    path = write(tmp_path / "a.mrc", value=0.0)
    with pytest.raises(ValueError, match=r"a.mrc is 0 everywhere"):
        read_segmentation(path, SHAPE, V)
    assert not read_segmentation(path, SHAPE, V, may_be_empty=True)[0].any()
    write(path, value=np.nan)
    with pytest.raises(ValueError, match=r"a.mrc has voxels that are NaN"):
        read_segmentation(path, SHAPE, V, may_be_empty=True)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_segmentation(tmp_path / "b.mrc", SHAPE, V)
