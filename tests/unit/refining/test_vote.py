"""Voting: what joins, where it lies, and that it is no worse than the best member."""

from dataclasses import replace

import numpy as np
import pytest

from picker.config import Particle, VoteSettings
from picker.core.picks import no_picks, picks_from_arrays
from picker.core.rotations import are_known, random_rotations
from picker.refining.vote import Ballot, vote
from picker.scoring.comparable import Scale, comparable_picks
from picker.scoring.reliability import reliability
from tests.unit.refining.made import (
    NUMBER,
    PARTICLE,
    of_members_and_vote,
    picks,
    tomograms,
)

SETTINGS = VoteSettings(methods={"supervised": 1, "vnet": 1})


def joined(*found, weights=None, **changed):
    weights = weights or [1.0] * len(found)
    ballots = [Ballot(found=f, weight=w) for f, w in zip(found, weights, strict=True)]
    return vote(ballots, [PARTICLE], SETTINGS.model_copy(update=changed))


def on_line(*places, score):
    return picks([[0.0, 0.0, x] for x in places], score)


def test_one_member_comes_back_as_it_is():
    rng = np.random.default_rng(0)
    # Nearer to each other than the distance, and with equal scores.
    found = picks(rng.uniform(0, 200, (300, 3)), rng.random(300).round(2))
    is_right = rng.random(300) < found.score
    scale = Scale(reliability=reliability(found.score, is_right, 200), threshold=0.5)
    best_first = found.select(np.argsort(-found.score, kind="stable"))
    one = joined(comparable_picks(found, {"ribosome": scale}), weights=[0.3])
    np.testing.assert_array_equal(one.position_zyx, best_first.position_zyx)
    assert (np.diff(one.score) <= 0).all()


def test_a_joined_candidate_lies_between_and_scores_the_weighted_mean():
    one = joined(
        on_line(0.0, score=[0.9]), on_line(24.0, score=[0.3]), weights=[1.0, 3.0]
    )
    assert one.position_zyx[0] == pytest.approx([0, 0, 12.0])
    assert one.score == pytest.approx([(0.9 + 3 * 0.3) / 4])
    # What a member has not found it gives 0 to.
    alone = joined(on_line(0.0, score=[0.9]), no_picks(), weights=[1.0, 3.0])
    assert alone.score == pytest.approx([0.9 / 4])
    either = joined(
        on_line(0.0, score=[0.5]), on_line(0.0, score=[0.5]), score="any_right"
    )
    assert either.score == pytest.approx([0.75])


def test_nothing_chains_and_a_member_counts_once():
    # 25 Å apart each: from end to end twice the distance of 30 Å.
    found = joined(on_line(0.0, 50.0, score=[0.9, 0.8]), on_line(25.0, score=[0.85]))
    assert len(found) == 2
    assert found.position_zyx[1] == pytest.approx([0, 0, 50.0])
    # The nearest of two of one member.
    found = joined(on_line(0.0, score=[0.9]), on_line(-20.0, 10.0, score=[0.6, 0.6]))
    assert sorted(found.position_zyx[:, 2].round()) == [-20.0, 4.0]
    # A candidate at exactly the distance joins.
    assert len(joined(on_line(0, score=[0.9]), on_line(30, score=[0.9]))) == 1


def test_classes_do_not_join_and_lonely_candidates_can_be_left_out():
    other = Particle(name="other", radius=60)
    found = picks_from_arrays([[0.0, 0, 0]], ["other"], [0.9])
    ballots = [Ballot(found=f, weight=1) for f in (on_line(0, 99, score=[1, 1]), found)]
    assert len(vote(ballots, [PARTICLE, other], SETTINGS)) == 3
    assert len(vote(ballots, [PARTICLE], SETTINGS)) == 2
    both = joined(
        on_line(0, 99, score=[0.9, 0.9]), on_line(99, score=[0.9]), min_methods=2
    )
    assert both.position_zyx[:, 2].tolist() == [99.0]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("chances", "junk", "powers", "gain"),
    [
        # Two that err apart, whose scores do not compare at all.
        (lambda _: [0.8, 0.8], (120, 120), (1, 3), 0.03),
        # A good one, and one that finds next to nothing with high scores.
        (lambda _: [0.9, 0.1], (80, 400), (1, 0.3), -0.01),
        # One finds nothing at all.
        (lambda _: [0.9, 0.0], (80, 0), (1, 1), -0.01),
    ],
)
def test_a_vote_is_no_worse_than_its_best_member(chances, junk, powers, gain, seed):
    rng = np.random.default_rng(seed)
    made = tomograms(rng, 12, chances, junk, powers)
    each, voted = of_members_and_vote(made[:4], made[4:])
    assert voted >= max(each) + gain


def test_members_that_know_different_particles_add_up():
    def halves(rng):
        first = rng.random(NUMBER) < 0.5
        return [np.where(first, 0.95, 0.2), np.where(first, 0.2, 0.95)]

    made = tomograms(np.random.default_rng(3), 9, halves, (60, 60), (1, 3))
    each, voted = of_members_and_vote(made[:3], made[3:])
    assert voted > max(each) + 0.1


def test_the_best_that_knows_an_orientation_tells_it():
    turned = random_rotations(1, np.random.default_rng(0))
    best = on_line(0.0, 200.0, score=[0.9, 0.8])
    other = replace(on_line(10.0, score=[0.5]), rotation=turned)
    one = joined(best, other)
    np.testing.assert_array_equal(are_known(one.rotation), [True, False])
    np.testing.assert_array_equal(one.rotation[0], turned[0])
    assert joined(best, best).rotation is None
