"""Filters of picks by what lies around them."""

from __future__ import annotations

import numpy as np
import pytest

from picker.config.context import ContextSettings
from picker.core.picks import concatenate, picks_from_arrays
from picker.core.slab import level_slab
from picker.refining.context import (
    Surroundings,
    measured,
    with_densities,
    with_distances,
    within_densities,
    within_distances,
)
from picker.refining.distances import segmentation

V, SHAPE = 10.0, (40, 40, 40)


def surroundings(**more):
    return Surroundings(tomogram="TS_1", voxel_size=V, shape_zyx=SHAPE, **more)


@pytest.fixture
def picks():
    """Two classes at 50, 100 and 150 Å along x, which is their distance to an edge."""
    there = [[200.0, 200.0, x] for x in (50.0, 100.0, 150.0)]
    return picks_from_arrays(there * 2, ["atpase"] * 3 + ["ribosome"] * 3)


def test_a_class_has_its_own_range_or_that_of_all(picks):
    settings = ContextSettings(edge={"atpase": (None, 100), "all": (100, None)})
    kept = within_distances(picks, settings, surroundings())
    assert kept.tolist() == [True, True, False, False, True, True]
    settings = ContextSettings(edge={"atpase": (100, 149)})
    kept = within_distances(picks, settings, surroundings())
    assert kept.tolist() == [False, True, False, True, True, True]


def test_all_filters_have_to_be_met(picks):
    mask = np.zeros(SHAPE, np.bool_)
    mask[:, :, 20:] = True
    membranes = segmentation(mask, V)
    settings = ContextSettings(edge={"all": (60, None)}, membrane={"all": (60, None)})
    around = surroundings(membranes=lambda: membranes)
    kept = within_distances(picks, settings, around)
    # The membrane's first voxel is at 200 Å.
    assert kept.tolist() == [False, True, False] * 2


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("membrane", "column membranes"),
        ("faces", "slab_z_low or slab_z_high"),
        ("gold", "preprocess.avoid_gold"),
    ],
)
def test_what_is_not_known_is_an_error_or_drops_nothing(picks, name, cure):
    filters = {name: {"all": (1000, None)}}
    with pytest.raises(ValueError, match=rf"pick.context.{name} .*TS_1.*{cure}"):
        within_distances(picks, ContextSettings(**filters), surroundings())
    kept = ContextSettings(**filters, unknown="keep")
    assert within_distances(picks, kept, surroundings()).all()


def test_the_segmentation_is_read_only_where_it_is_wanted(picks):
    def read():
        raise AssertionError

    settings = ContextSettings(columns=True, edge={"all": (1, None)})
    assert within_distances(picks, settings, surroundings(membranes=read)).all()


def test_only_what_is_known_is_measured(picks):
    around = surroundings(slab=level_slab(150, None), gold=())
    found = measured(picks, around, 500.0, None)
    assert set(found.context) == {"faces", "edge", "gold", "density", "class_density"}
    np.testing.assert_allclose(found.context["faces"], 50)
    assert np.isposinf(found.context["gold"]).all()
    assert set(with_distances(picks, around, ["edge"]).context) == {"edge"}


def test_lonely_picks_are_dropped_by_their_density():
    crowd = np.random.default_rng(0).uniform(150, 250, (20, 3))
    picks = picks_from_arrays(
        [*crowd, [30, 30, 30], [360, 360, 360], [340, 360, 360]],
        [*(["a"] * 20), "a", "a", "b"],
    )
    found = with_densities(picks, surroundings(), 80.0)
    lonely = np.flatnonzero(found.context["density"] == 0)
    assert lonely.tolist() == [20]
    one = ContextSettings(density={"all": (1, None)})
    assert np.flatnonzero(~within_densities(found, one)).tolist() == [20]
    own = ContextSettings(class_density={"a": (1, None)})
    assert np.flatnonzero(~within_densities(found, own)).tolist() == [20, 21]
    most = found.context["class_density"].max()
    assert most > 5 * found.context["density"][21] > 0


def test_context_stays_with_its_pick(picks):
    found = with_distances(picks, surroundings(), ["edge"])
    np.testing.assert_array_equal(
        found.select(np.array([4, 0])).context["edge"], [100, 50]
    )
    both = concatenate([found.of("ribosome"), picks.of("atpase")])
    np.testing.assert_array_equal(
        both.context["edge"], [50, 100, 150, np.nan, np.nan, np.nan]
    )
    with pytest.raises(ValueError, match=r"need \(6,\) edge"):
        picks_from_arrays(
            picks.position_zyx, picks.particle, context={"edge": np.zeros(5)}
        )
