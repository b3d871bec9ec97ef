import numpy as np
import pytest

from picker.formats.volumes.ome_zarr import open_volume, read_volume
from picker.formats.volumes.read import read_geometry as volume_geometry
from picker.formats.volumes.read import read_tomogram
from tests.unit.formats.volumes.zarr_stores import SHAPE, change_metadata, marked, store


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("unit", "step"),
    [("angstrom", 10.012), ("nanometer", 1.0012), ("picometer", 1001.2)],
)
def test_both_versions_and_all_units(tmp_path, version, unit, step):
    path = store(tmp_path / "a.zarr", version, unit, (step,) * 3)
    lazy, size, warnings = open_volume(path)
    assert size == pytest.approx(10.012, abs=1e-5)
    assert warnings == []
    assert lazy.shape == SHAPE
    np.testing.assert_array_equal(lazy[...], marked())
    np.testing.assert_array_equal(read_volume(path)[0], marked())


def test_the_scale_counts_and_not_the_folder(tmp_path):
    path = store(tmp_path / "VoxelSpacing10.000" / "denoised.zarr")
    assert open_volume(path)[1] == 10.012


def test_scales_of_group_and_dataset_are_multiplied(tmp_path):
    path = store(tmp_path / "a.zarr", scale=(2.0, 2.0, 2.0))
    whole = [{"type": "scale", "scale": [5.006] * 3}]
    change_metadata(path, lambda m: m.update(coordinateTransformations=whole))
    assert open_volume(path)[1] == pytest.approx(10.012)


def test_a_translation_is_ignored_with_a_warning(tmp_path):
    path = store(tmp_path / "a.zarr")
    step = {"type": "translation", "translation": [5.0, 0.0, 0.0]}
    change_metadata(
        path, lambda m: m["datasets"][0]["coordinateTransformations"].append(step)
    )
    _, size, warnings = open_volume(path)
    assert size == 10.012
    assert "its translation [5.0, 0.0, 0.0] is ignored" in warnings[0]


@pytest.mark.parametrize("version", [2, 3])
def test_a_missing_scale_must_be_set(tmp_path, version):
    path = store(tmp_path / "a.zarr", version, scale=None)
    with pytest.raises(ValueError, match=r"a\.zarr is missing; set voxel_size"):
        open_volume(path)
    assert open_volume(path, 10.0)[1] == 10.0


@pytest.mark.parametrize(
    ("unit", "shown"), [(None, "missing"), ("parsec", "parsec"), ("second", "second")]
)
def test_units_that_do_not_convert_must_be_set(tmp_path, unit, shown):
    path = store(tmp_path / "a.zarr", unit=unit)
    with pytest.raises(ValueError, match=f"unit is {shown}; expected angstrom, nanom"):
        open_volume(path)
    assert open_volume(path, 10.0)[1:] == (10.0, [])


@pytest.mark.parametrize(
    ("scale", "match"),
    [
        ((1.0, 1.0, 1.0), "exactly 1.0 Å"),
        ((0.0, 0.0, 0.0), "expected more than 0"),
        ((20.0, 10.0, 10.0), "20 x 10 x 10 Å, expected the same along each axis"),
    ],
)
def test_scales_that_cannot_be_true_are_refused(tmp_path, scale, match):
    with pytest.raises(ValueError, match=match):
        open_volume(store(tmp_path / "a.zarr", scale=scale))


@pytest.mark.parametrize("axes", ["xyz", "zxy", "cyx"])
def test_wrong_axes_are_refused(tmp_path, axes):
    with pytest.raises(
        ValueError, match=rf"has axes {', '.join(axes)} of lengths .*; expected z, y, x"
    ):
        open_volume(store(tmp_path / "a.zarr", axes=axes))


def test_four_axes_are_refused_unless_the_first_has_length_one(tmp_path):
    scale = (1.0, 10.0, 10.0, 10.0)
    two = np.stack([marked(), marked()])
    path = store(tmp_path / "two.zarr", axes="czyx", volume=two, scale=scale)
    with pytest.raises(ValueError, match=r"two\.zarr has axes c, z, y, x of lengths"):
        read_volume(path)
    path = store(tmp_path / "one.zarr", axes="czyx", volume=two[:1], scale=scale)
    found, size, _ = read_volume(path)
    assert size == 10
    np.testing.assert_array_equal(found, marked())
    with pytest.raises(ValueError, match=r"has shape \(1, 18, 20, 28\); expected z, y"):
        open_volume(path)
    with pytest.raises(ValueError, match="is a Zarr array of shape"):
        open_volume(path / "0", 10.0)


@pytest.mark.parametrize(
    ("axes", "scale"), [("czyx", (1, 10, 10, 10)), ("tczyx", (1, 1, 10, 10, 10))]
)
def test_an_image_with_one_channel_has_the_geometry_of_its_volume(
    tmp_path, axes, scale
):
    volume = marked().reshape((1,) * (len(axes) - 3) + SHAPE)
    path = tmp_path / "a.zarr"
    store(path, axes=axes, volume=volume, scale=scale, version=3)
    assert volume_geometry(path) == (SHAPE, 10.0, [])
    np.testing.assert_array_equal(read_volume(path)[0], marked())
    two = np.concatenate([volume, volume])
    store(path, axes=axes, volume=two, scale=scale, version=3)
    for reader in (volume_geometry, lambda path: read_tomogram(path, "a")):
        with pytest.raises(ValueError, match="at most with c and t of length 1 before"):
            reader(path)
