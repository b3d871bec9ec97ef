import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import concatenate, picks_from_arrays
from picker.refining.proposals import for_every_class, proposals_of, scores_of_number

SMALL, LARGE = Particle(name="small", radius=40), Particle(name="large", radius=80)
# One further from the next than both radii, but for the last two.
ROW = [[0.0, 0, 100 * i] for i in range(6)] + [[0.0, 0, 530]]
SCORE = [0.9, 0.8, 0.6, 0.55, 0.42, 0.2, 0.19]


def candidates(name="small"):
    return picks_from_arrays(ROW, [name] * len(ROW), SCORE)


def test_the_surest_teach_and_the_less_sure_are_doubtful():
    found = proposals_of(candidates(), (SMALL,), 0.5, 0.8, None)
    assert found.sure.score == pytest.approx(SCORE[:4])
    assert found.doubtful.score == pytest.approx(SCORE[4:5])


def test_beyond_the_greatest_number_the_sure_are_doubtful_too():
    found = proposals_of(candidates(), (SMALL,), 0.5, 0.8, 2)
    assert found.sure.score == pytest.approx(SCORE[:2])
    assert found.doubtful.score == pytest.approx(SCORE[2:5])


def test_a_class_has_one_proposal_within_its_radius_and_none_of_another_counts():
    found = proposals_of(candidates(), (SMALL, LARGE), 0.0, 0.0, None)
    # The last one is 30 Å from a better one.
    assert found.sure.score == pytest.approx(SCORE[:6])
    assert not len(found.sure.of("large"))
    assert not len(proposals_of(candidates("other"), (SMALL,), 0.0, 0.0, None).sure)
    assert np.array_equal(found.sure.position_zyx, ROW[:6])


def test_a_proposal_for_every_class_is_where_the_best_class_is():
    # A large one 50 Å from the first small one, which scores more.
    other = picks_from_arrays([[0.0, 0, -50], [0, 300, 0]], ["large"] * 2, [0.95, 0.7])
    both = concatenate([candidates(), other])
    found = for_every_class(both, (SMALL, LARGE), 0.5, 0.8, None)
    assert np.array_equal(found.sure.of("small").score, found.sure.of("large").score)
    assert sorted(found.sure.of("small").score) == pytest.approx(
        [0.55, 0.6, 0.7, 0.8, 0.95]
    )
    assert found.doubtful.particle.tolist() == ["small"]


@pytest.mark.parametrize(
    ("number", "score"), [(2, 0.7), (6, 0.2), (100, 0.2), (0, 0.5)]
)
def test_above_a_score_lie_so_many_candidates(number, score):
    # The last one in the row is too near to another.
    scores = scores_of_number([candidates()], (SMALL, LARGE), [number, 3])
    assert scores == pytest.approx([score, 0.5])


def test_of_several_tomograms_the_candidates_count_together():
    assert scores_of_number(2 * [candidates()], (SMALL,), [4]) == pytest.approx([0.7])
