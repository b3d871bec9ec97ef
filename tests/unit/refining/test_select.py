from dataclasses import replace

import numpy as np
import pytest

from picker.config import Particle, PickSettings
from picker.core.picks import no_picks, picks_from_arrays
from picker.core.rotations import are_known, random_rotations
from picker.refining.select import (
    classes_apart,
    in_mask,
    in_region,
    select_picks,
    suppress_close,
    with_labels,
)

PARTICLES = (Particle(name="a", radius=50), Particle(name="b", radius=100))
SHAPE = (20, 40, 60)


def select(candidates, mask=None, **settings):
    return select_picks(
        candidates,
        PARTICLES,
        {"a": 0.5, "b": 0.3},
        PickSettings(**settings),
        10.0,
        SHAPE,
        mask,
    )


def picks(*rows):
    return picks_from_arrays(
        [row[1:4] for row in rows], [row[0] for row in rows], [row[4] for row in rows]
    )


def test_each_class_has_its_threshold_and_the_setting_overrides():
    candidates = picks(
        ("a", 50, 50, 50, 0.5), ("a", 50, 200, 50, 0.49), ("b", 50, 50, 50, 0.3)
    )
    assert select(candidates).particle.tolist() == ["a", "b"]
    assert len(select(candidates, thresholds={"a": 0.4})) == 3


def test_no_two_of_a_class_are_near_but_classes_ignore_each_other():
    candidates = picks(
        ("a", 50, 50, 50, 0.6), ("a", 50, 50, 99, 0.9), ("b", 50, 50, 60, 0.9)
    )
    kept = select(candidates)
    assert kept.particle.tolist() == ["a", "b"]
    assert kept.position_zyx[0].tolist() == [50, 50, 99]
    assert len(select(candidates, min_distance_per_radius=0.5)) == 3


def test_what_lies_outside_of_the_mask_pushes_nothing_away():
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 30:] = True
    candidates = picks(("a", 50, 50, 290, 0.9), ("a", 50, 50, 300, 0.6))
    assert select(candidates, mask).position_zyx.tolist() == [[50, 50, 300]]


def test_a_mask_of_another_resolution_covers_the_same_field():
    mask = np.zeros((10, 20, 30), bool)
    mask[:, :, 15:] = True
    position = np.array([[50.0, 50, 280], [50, 50, 310]])
    assert in_region(position, 10.0, SHAPE, 0, mask).tolist() == [False, True]


def test_outside_of_a_tomogram_its_outermost_voxels_count():
    mask = np.zeros(SHAPE, bool)
    mask[:, :, -1] = True
    position = np.array([[50.0, 50, 612], [50, 50, 575], [-8, 50, 590]])
    assert in_mask(position, 10.0, SHAPE, mask).tolist() == [True, False, True]


def test_each_class_is_apart_by_its_own_radius():
    candidates = picks(
        ("b", 50, 50, 130, 0.6),
        ("b", 50, 50, 50, 0.9),
        ("a", 50, 50, 130, 0.6),
        ("a", 50, 50, 50, 0.9),
        ("c", 50, 50, 50, 0.9),
    )
    kept = classes_apart(candidates, PARTICLES, 1.0)
    assert kept.particle.tolist() == ["a", "a", "b"]
    assert kept.score.tolist() == pytest.approx([0.9, 0.6, 0.9])


def test_edge_margin_counts_from_the_outermost_voxels():
    candidates = picks(
        ("a", 30, 200, 200, 0.9),
        ("a", 29, 100, 100, 0.9),
        ("a", 160, 300, 300, 0.9),
        ("a", 161, 200, 300, 0.9),
    )
    kept = select(candidates, edge_margin=30.0).position_zyx[:, 0]
    assert sorted(kept.tolist()) == [30, 160]


def test_no_candidate_is_no_pick():
    assert len(select(picks_from_arrays([], []))) == 0


def test_the_best_of_a_chain_keeps_only_its_neighbours_away():
    line = np.array([[0, 0, 0], [0, 0, 8], [0, 0, 16], [0, 0, 26]], float)
    keep = suppress_close(line, np.array([0.5, 0.9, 0.6, 0.1]), 10.0)
    assert keep.tolist() == [False, True, False, True]
    keep = suppress_close(line, np.array([0.9, 0.5, 0.6, 0.1]), 10.0)
    assert keep.tolist() == [True, False, True, True]


def test_picks_exactly_at_the_distance_both_stay():
    pair = np.array([[0, 0, 0], [0, 0, 10]], float)
    assert suppress_close(pair, np.array([0.9, 0.5]), 10.0).all()
    assert suppress_close(pair, np.array([0.9, 0.5]), 10.01).tolist() == [True, False]
    assert suppress_close(pair, np.array([0.5, 0.5]), 11.0).tolist() == [True, False]


def test_labels_stay_beside_the_picks_that_are_none_of_them():
    particles = (Particle(name="a", radius=50), Particle(name="b", radius=50))
    labels = picks_from_arrays([[0, 0, 0], [0, 0, 20]], ["a", "a"])
    picks = picks_from_arrays(
        [[0, 0, 60], [0, 0, 71], [0, 0, 10]], ["a", "a", "b"], [0.9, 0.8, 0.7]
    )
    both = with_labels(picks, labels, particles)
    assert both.position_zyx[:, 2].tolist() == [0, 20, 71, 10]
    assert both.particle.tolist() == ["a", "a", "a", "b"]
    assert len(with_labels(no_picks(), labels, particles)) == 2
    assert len(with_labels(picks, no_picks(), particles)) == 3


def test_no_more_than_the_best_of_each_class_are_kept():
    """Those outside of the mask, or too close to a better one, take no place."""
    mask = np.ones(SHAPE, bool)
    mask[:2] = False
    candidates = picks(
        ("a", 0, 50, 50, 0.9),
        ("a", 50, 50, 50, 0.8),
        ("a", 50, 50, 60, 0.75),
        ("a", 50, 300, 300, 0.7),
        ("a", 50, 300, 500, 0.6),
        ("b", 50, 50, 50, 0.4),
    )
    found = select(candidates, mask, top_k=2)
    np.testing.assert_allclose(found.of("a").score, [0.8, 0.7])
    assert len(found.of("b")) == 1
    assert len(select(candidates, mask).of("a")) == 3


def test_a_micrograph_has_no_faces_along_z():
    position = np.array([[0, 50, 50], [0, 5, 50], [0, 50, 589]], float)
    inside = in_region(position, 10.0, (1, 40, 60), 20.0, None)
    assert inside.tolist() == [True, False, False]


def test_a_label_has_the_orientation_of_the_pick_that_it_was():
    turned = random_rotations(5, np.random.default_rng(0))
    turned[2] = np.nan
    picks = picks_from_arrays(
        [[0, 0, x] for x in (2, 1, 0, 60, 400)], ["a"] * 4 + ["b"], rotation=turned
    )
    own = random_rotations(4, np.random.default_rng(1))
    own[:2] = np.nan
    labels = picks_from_arrays(
        [[0, 0, x] for x in (0, 30, 70, 400)], ["a", "a", "a", "a"], rotation=own
    )
    found = with_labels(picks, labels, PARTICLES)
    # The nearest that has one; none, for each pick is one label; its own; of a class.
    assert are_known(found.rotation).tolist() == [True, False, True, True, True]
    np.testing.assert_array_equal(found.rotation[0], turned[1])
    np.testing.assert_array_equal(found.rotation[2:4], own[2:])
    bare = replace(labels, rotation=None)
    known = are_known(with_labels(picks, bare, PARTICLES).rotation)
    assert known.tolist() == [True, False, True, False, True]
    assert with_labels(replace(picks, rotation=None), bare, PARTICLES).rotation is None
