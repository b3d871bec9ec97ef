import math
from dataclasses import replace

import numpy as np
import pytest

from picker.encodings.heatmap import Gaussians
from picker.training.expected import (
    HiddenMeans,
    mass_of_one,
    rareness,
    room_for_hidden,
)
from picker.training.source import PatchSource

G = Gaussians()
RADIUS = np.array([6.0, 8.0])


def source(name="t", hidden=None, shape=(40, 50, 60), **more):
    return PatchSource(
        name=name,
        volume=np.zeros(shape, np.float32),
        index_zyx=np.array([[20.0, 20, 20]]),
        particle=np.array([1]),
        radius=RADIUS,
        hidden=None if hidden is None else np.array(hidden, float),
        **more,
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_the_mass_of_a_gaussian(stride):
    mass = mass_of_one(Gaussians(), RADIUS, stride)
    sigma = RADIUS / 2 / stride
    np.testing.assert_allclose(mass, (2 * math.pi) ** 1.5 * sigma**3, rtol=0.01)


def test_room_is_the_region_without_what_labels_take():
    taken = 4 / 3 * math.pi * 8**3
    whole = 40 * 50 * 60
    assert room_for_hidden(source(), 2) == pytest.approx((whole - taken) / 8)
    region = np.zeros((40, 50, 60), bool)
    region[:10] = True
    part = source(region=region)
    assert room_for_hidden(part, 1) == pytest.approx(whole / 4 - taken)


def test_means_of_known_and_unknown_numbers():
    sources = [
        source("a", [10, math.nan]),
        source("b", [4, 7], shape=(40, 50, 30)),
        source("c", [2, math.nan]),
        replace(source("complete"), particle=np.array([0])),
    ]
    means = HiddenMeans(sources, Gaussians(), 2)
    mass, room = mass_of_one(Gaussians(), RADIUS, 2), room_for_hidden(sources[0], 2)
    np.testing.assert_allclose(means.of(sources[0]), [10 * mass[0] / room, math.nan])
    assert means.of(sources[3]).tolist() == [0, 0]
    assert means.unknown.tolist() == [False, True]
    # Twelve in a and c together.
    found = means.where_unknown(np.array([math.nan, 12]))
    np.testing.assert_allclose(found, [math.nan, 12 * mass[1] / (2 * room)])
    assert not HiddenMeans(sources[3:], Gaussians(), 2).unknown.any()


def test_a_class_without_labels_is_not_made_to_appear():
    means = HiddenMeans([source("a", [10, 5]), source("b", [math.nan, 5])], G, 2)
    assert means.of(source("a"))[0] == means.of(source("b"))[0] == 0
    assert means.of(source("a"))[1] > 0
    assert not means.unknown.any()


@pytest.mark.parametrize("whole", [40, 30, 17, 16])
def test_weighted_by_rareness_every_voxel_counts_alike(whole):
    rng = np.random.default_rng(0)
    one, patch = source(shape=(whole, 16, 16)), (16, 16, 16)
    seen, plain = np.zeros((2, whole))
    centres = rng.random((5000, 3)) * one.volume.shape
    for centre in centres:
        corner = one.corner(centre, patch)
        weight = rareness(corner, patch, one.volume.shape, 1)
        # Along y and x every patch sees everything.
        assert (weight == weight[:, :1, :1]).all()
        seen[corner[0] : corner[0] + 16] += weight[:, 0, 0]
        plain[corner[0] : corner[0] + 16] += 1
    np.testing.assert_allclose(seen / len(centres), 1, atol=0.1)
    if whole == 40:
        assert plain.max() > 1.8 * plain.min()
