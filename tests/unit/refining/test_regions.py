import numpy as np

from picker.refining.regions import fullest_regions, in_any_region, region_mask


def test_the_fullest_ball_comes_first_and_none_overlap():
    position = np.array(
        [
            *([0, 0, 0], [0, 0, 40], [0, 0, 80]),  # the middle one holds all three
            *([0, 500, 0], [0, 540, 0]),
            [0, 0, 131],  # its ball would overlap the first
            [2000, 0, 0],
        ],
        np.float64,
    )
    centre, held = fullest_regions(position, 50.0, 4)
    assert centre.tolist() == [1, 3, 6]
    assert held.tolist() == [3, 2, 1]
    centre, _ = fullest_regions(position, 50.0, 2)
    assert centre.tolist() == [1, 3]


def test_without_a_pick_there_is_no_region():
    centre, held = fullest_regions(np.empty((0, 3)), 10.0, 5)
    assert len(centre) == len(held) == 0


def test_a_position_at_the_radius_of_any_region_is_inside():
    centre = np.array([[0, 0, 0], [0, 100, 0]], np.float64)
    position = np.array([[0, 0, 50], [0, 51, 0], [0, 48, 10], [30, 140, 0], [0, 0, 51]])
    inside = in_any_region(position, centre, 50.0)
    assert inside.tolist() == [True, True, True, True, False]


def test_a_mask_has_the_voxels_whose_centres_lie_in_a_region():
    shape_zyx, voxel_size = (8, 12, 20), 10.0
    centre = np.array([[35, 52, 60], [0, 0, 190], [35, 52, 130]], np.float64)
    mask = region_mask(centre, 40.0, voxel_size, shape_zyx)
    place = np.moveaxis(np.indices(shape_zyx), 0, -1).reshape(-1, 3) * voxel_size
    expected = in_any_region(place, centre, 40.0).reshape(shape_zyx)
    assert np.array_equal(mask, expected)
    assert 0 < mask.sum() < mask.size
    assert not region_mask(centre[:0], 40.0, voxel_size, shape_zyx).any()
