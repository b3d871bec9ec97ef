from dataclasses import replace

import numpy as np
import pytest

from picker.config import LinkSettings
from picker.encodings.discs import Discs, discs_on_slice, joined
from picker.finding.linking import linked
from picker.scoring.match import match_picks
from picker.volumes.phantoms.layout import Layout

RADIUS = np.array([8.0, 5.0])
DEPTH = 60
LINK = LinkSettings()


def cut(index_zyx, particle, min_chord=0.5, depth=DEPTH):
    """All discs of particles, exact."""
    number = np.array(particle)
    return joined(
        discs_on_slice(np.array(index_zyx), number, RADIUS, z, min_chord)
        for z in range(depth)
    )


def link(discs, settings=LINK, min_chord=0.5, depth=DEPTH, step=1):
    return linked(discs, RADIUS, depth, settings, min_chord, step)


def crowd(seed):
    """As many particles as fit, most beside another of their class."""
    rng = np.random.default_rng(seed)
    layout = Layout(rng, (DEPTH, 120, 120))
    index, number = [], []
    for kind, count in enumerate([150, 200]):
        own = []
        for _ in range(count):
            near = own[rng.integers(len(own))] if own and rng.random() < 0.7 else None
            centre = layout.add_sphere(RADIUS[kind], near)
            if centre is not None:
                own.append(centre)
        index += own
        number += [kind] * len(own)
    return np.array(index), np.array(number)


@pytest.mark.parametrize(
    ("seed", "min_chord", "step"), [(0, 0.0, 1), (1, 0.5, 1), (0, 0.5, 2), (1, 0.5, 3)]
)
def test_exact_discs_of_a_crowd_are_its_particles(seed, min_chord, step):
    index, number = crowd(seed)
    filled = (4 / 3 * np.pi * RADIUS[number] ** 3).sum() / (DEPTH * 120**2)
    assert filled > 0.25
    discs = cut(index, number, min_chord)
    discs = discs.select(discs.slice_z % step == 0)
    found = link(discs, min_chord=min_chord, step=step)
    assert found.score.min() > 0.8
    right = 0
    for kind, radius in enumerate(RADIUS):
        own = found.particle == kind
        which = match_picks(
            found.index_zyx[own], found.score[own], index[number == kind], radius / 2
        )
        right += int((which >= 0).sum())
    assert 2 * right / (len(found.particle) + len(number)) >= 0.98
    assert (np.diff(found.score) <= 0).all()


def test_a_particle_that_a_face_cuts_is_where_it_is():
    index = [[1.3, 20.25, 30.5], [30.4, 60, 60], [58.9, 20, 90]]
    found = link(cut(index, [0, 0, 0]))
    order = np.argsort(found.index_zyx[:, 0])
    np.testing.assert_allclose(found.index_zyx[order], index, atol=0.05)
    np.testing.assert_allclose(found.score, 1, atol=1e-6)


def test_discs_that_are_all_alike_lie_about_the_middle():
    """As of a network that has learned one side alone."""
    discs = cut([[30.0, 60, 60]], [0])
    found = link(replace(discs, diameter=np.full(len(discs), 12.0)))
    np.testing.assert_allclose(found.index_zyx, [[30, 60, 60]])


def test_two_particles_one_above_the_other_are_two():
    found = link(cut([[20, 50, 50], [35, 51, 50]], [0, 0]))
    assert len(found.particle) == 2
    z = np.sort(found.index_zyx[:, 0])
    np.testing.assert_allclose(z, [20, 35], atol=0.6)
    longer = LINK.model_copy(update={"max_length_per_diameter": 9.0})
    assert len(link(cut([[20, 50, 50], [35, 51, 50]], [0, 0]), longer).particle) == 1


def test_where_unsure_slices_are_a_chain_is_split():
    """One disc on 30 slices, the unsure ones off the middle."""
    z = np.arange(10, 40)
    chain = Discs(
        slice_z=z,
        centre_yx=np.full((30, 2), 50.0),
        diameter=np.full(30, 16.0),
        particle=np.zeros(30, np.int64),
        score=np.where(z == 27, 0.2, 0.8).astype(np.float32),
    )
    found = link(chain)
    assert np.sort(found.index_zyx[:, 0]).tolist() == pytest.approx([18, 33.4], abs=0.1)


def test_gaps_are_bridged_up_to_a_limit_and_cost_score():
    discs = cut([[30, 60, 60]], [0])
    whole = link(discs)
    hole = discs.select((discs.slice_z < 29) | (discs.slice_z > 30))
    (score,) = link(hole).score
    assert len(hole) == len(discs) - 2
    assert score == pytest.approx((len(hole) / len(discs)) ** 0.66)
    assert score < whole.score[0] == 1
    # Both halves are too short alone.
    strict = LINK.model_copy(update={"z_gap": 1})
    assert len(link(hole, strict).particle) == 0


def test_what_lies_aside_or_is_short_is_no_particle():
    discs = cut([[30, 60, 60]], [0])
    aside = np.where(discs.slice_z % 2, 0, 2.5)
    zigzag = replace(discs, centre_yx=discs.centre_yx + aside[:, None])
    assert len(link(zigzag, LINK.model_copy(update={"z_gap": 0})).particle) == 0
    short = discs.select(discs.slice_z < 28)
    assert len(short) > 3
    assert len(link(short).particle) == 0


def test_of_a_micrograph_the_discs_themselves_are_the_particles():
    index = np.array([[0, 10.0, 12], [0, 40, 80], [0, 14, 12]])
    found = link(cut(index, [0, 1, 1], depth=1), depth=1)
    assert found.score.tolist() == [1, 1, 1]
    assert sorted(found.index_zyx.tolist()) == sorted(index.tolist())


def test_nothing_links_to_nothing():
    found = link(cut(np.zeros((0, 3)), np.zeros(0, np.int64)))
    assert found.index_zyx.shape == (0, 3)


def test_split_chains_must_leave_two_particles():
    with pytest.raises(ValueError, match=r"max_length_per_diameter is 0\.7 .* change"):
        LinkSettings(max_length_per_diameter=0.7)
