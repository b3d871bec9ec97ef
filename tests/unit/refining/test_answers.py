import numpy as np

from picker.config import Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.refining.answers import (
    Answers,
    answered,
    answers_of,
    latest,
    unjudged_near,
)

PARTICLES = Particle(name="a", radius=100), Particle(name="b", radius=60)
RADIUS = {"a": 100, "b": 60}


def along_x(*given):
    """Picks on a line: class, x and score of each."""
    names, x, score = zip(*given, strict=True)
    return picks_from_arrays([[50, 50, value] for value in x], names, list(score))


def as_rows(picks):
    return [
        (str(name), float(x), float(score))
        for name, (_, _, x), score in zip(
            picks.particle, picks.position_zyx, picks.score, strict=True
        )
    ]


def test_scores_tell_answers_from_picks_that_nobody_judged():
    given = Answers(
        right=along_x(("a", 0, 0.3)),
        wrong=along_x(("a", 500, 0.9)),
        unjudged=along_x(("a", 600, 1.0), ("b", 700, 0.0), ("b", 800, 0.25)),
    )
    found = answers_of(given.picks)
    assert as_rows(found.right) == [("a", 0, 1)]
    assert as_rows(found.wrong) == [("a", 500, 0)]
    assert [row[:2] for row in as_rows(found.unjudged)] == [
        ("a", 600),
        ("b", 700),
        ("b", 800),
    ]


def test_of_two_answers_about_one_particle_the_later_one_stands():
    given = along_x(
        ("a", 0, 1),
        ("a", 300, 1),
        ("b", 600, 1),
        ("b", 900, 0),
        ("a", 1200, 1),
        # Half of the smaller radius is 50 Å for two of a, 30 Å for a and b.
        ("a", 50, 0),
        ("a", 351, 0),
        ("a", 630, 1),
        ("a", 901, 1),
        ("a", 1201, 1),
    )
    found, contradicted = latest(given, RADIUS)
    assert as_rows(contradicted) == [("a", 0, 1), ("b", 600, 1)]
    assert as_rows(found) == [
        ("a", 300, 1),
        ("b", 900, 0),
        ("a", 50, 0),
        ("a", 351, 0),
        ("a", 630, 1),
        # That no b is there and an a is are no contradiction.
        ("a", 901, 1),
        ("a", 1201, 1),
    ]


def test_picks_that_nobody_judged_are_kept_where_an_answer_reaches():
    picks = along_x(
        ("a", 40, 0.9),  # the particle itself
        ("b", 99, 0.9),  # no other one has its centre in it
        ("b", 101, 0.9),
        ("b", 161, 0.9),  # does not reach its ball
        ("a", 1051, 0.9),  # beside what is wrong
        ("a", 1049, 0.9),  # judged
        ("b", 1010, 0.9),  # what is no a may be one of b, and that of a class is known
        ("a", 1201, 0.9),
    )
    right, wrong = along_x(("a", 0, 1)), along_x(("a", 1000, 0))
    found = unjudged_near(picks, right, wrong, PARTICLES)
    assert [row[:2] for row in as_rows(found)] == [("a", 1051), ("b", 101)]


def test_picks_as_the_answers_have_them():
    picks = along_x(("a", 0, 0.9), ("a", 500, 0.9), ("b", 510, 0.9), ("a", 800, 0.9))
    answers = Answers(
        right=along_x(("b", 1000, 1), ("a", 10, 1)),
        wrong=along_x(("a", 505, 0)),
        unjudged=no_picks(),
    )
    found = sorted(as_rows(answered(picks, answers, PARTICLES)))
    assert [row[:2] for row in found] == [
        ("a", 10),
        ("a", 800),
        ("b", 510),
        ("b", 1000),
    ]
    assert np.isclose(found[1][2], 0.9)
