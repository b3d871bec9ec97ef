import numpy as np
import pytest

from picker.core.picks import concatenate, no_picks, picks_from_arrays
from picker.scoring.reproducibility import (
    Halves,
    found_again,
    reproducibility,
    reproducibility_curve,
)
from tests.unit.scoring.examples import RIBOSOME, on_line

SIDE = 6000.0


def halves(whole, even, odd):
    return Halves(whole=whole, even=even, odd=odd, extent_zyx=(0.0, 0.0, 1000.0))


def test_a_find_has_the_score_of_the_nearest_one_of_its_class_in_the_other_half():
    even = on_line([100, 400], [0.9, 0.7])
    odd = concatenate([on_line([130], [0.6]), on_line([400], [0.8], "vlp")])
    found = found_again([halves(no_picks(), even, odd)], RIBOSOME, 0.5)
    assert found.score == pytest.approx([0.9, 0.7, 0.6])
    assert found.again == pytest.approx([0.6, 0, 0.9])
    # Turned by 180° the other half's pick lies at 870.
    assert found.by_chance == pytest.approx([0, 0, 0])
    chance = on_line([850], [0.5])
    found = found_again([halves(no_picks(), chance, odd)], RIBOSOME, 0.5)
    assert found.again == pytest.approx([0, 0])
    assert found.by_chance == pytest.approx([0.6, 0.5])


def tomogram(rng, num=80, noise=60, other=0):
    """Return a tomogram's halves, and which picks of the whole are right.

    Scores are the particle's own, and noise of each half apart; noise makes as many
    picks in each volume. `other` structures are taken for particles.
    """
    place = rng.random((num + other, 3)) * SIDE
    strength = rng.normal(0.7, 0.1, num + other)

    def seen(spread):
        score = strength + rng.normal(0, spread, num + other)
        kept = score > 0.4
        wrong = rng.random((noise, 3)) * SIDE
        places = np.concatenate(
            [place[kept] + rng.normal(0, 8, (kept.sum(), 3)), wrong]
        )
        scores = np.concatenate([score[kept], 0.4 + rng.exponential(0.08, noise)])
        right = np.concatenate([(np.arange(num + other) < num)[kept], [False] * noise])
        names = ["ribosome"] * len(scores)
        return picks_from_arrays(places, names, np.clip(scores, 0, 1)), right

    whole, right = seen(0.07)
    (even, _), (odd, _) = seen(0.1), seen(0.1)
    made = Halves(whole=whole, even=even, odd=odd, extent_zyx=(SIDE, SIDE, SIDE))
    return made, whole.score, right


def pooled(seed=0, **more):
    rng = np.random.default_rng(seed)
    made, scores, right = zip(*(tomogram(rng, **more) for _ in range(8)), strict=True)
    found = found_again(made, RIBOSOME, 0.5)
    return found, np.concatenate(scores), np.concatenate(right)


@pytest.mark.parametrize("threshold", [0.42, 0.5, 0.6, 0.7])
def test_what_is_expected_comes_true(threshold):
    found, scores, right = pooled()
    kept = scores >= threshold
    told = reproducibility(found, threshold)
    assert told.num_picks == kept.sum()
    assert told.precision == pytest.approx(right[kept].mean(), abs=0.06)
    # Particles that are easy to find count more than others.
    recall = right[kept].sum() / (8 * 80)
    assert recall - 0.02 <= told.recall <= recall + 0.22


def test_halves_cannot_tell_another_structure_from_a_particle():
    found, scores, right = pooled(other=80)
    told = reproducibility(found, 0.6)
    assert told.precision > right[scores >= 0.6].mean() + 0.3


def test_neighbours_by_chance_are_not_counted():
    # A hundred times as dense: without the correction half would seem to be found.
    rng = np.random.default_rng(0)
    places = [rng.random((4000, 3)) * 2000 for _ in range(3)]
    noise = [picks_from_arrays(p, ["ribosome"] * 4000, [0.6] * 4000) for p in places]
    made = Halves(whole=noise[0], even=noise[1], odd=noise[2], extent_zyx=(2000.0,) * 3)
    found = found_again([made], RIBOSOME, 0.5)
    assert (found.again > 0).mean() > 0.2
    told = reproducibility(found, 0.5)
    assert told.found_again < 0.05
    assert told.precision < 0.05


def test_of_few_picks_nothing_is_expected():
    even, odd = on_line([0, 300, 600, 900], [0.9] * 4), on_line([0], [0.9])
    whole = on_line([0, 300], [0.9, 0.8])
    found = found_again([halves(whole, even, odd)], RIBOSOME, 0.5)
    told = reproducibility(found, 0.5)
    assert (told.precision, told.recall) == (None, None)
    assert (told.num_picks, told.num_half_picks) == (2, 2.5)
    assert told.found_again == pytest.approx(0.4)
    none = reproducibility(found, 0.95)
    assert (none.num_picks, none.num_half_picks, none.found_again) == (0, 0, None)


def test_a_curve_falls_from_the_highest_score_and_has_the_threshold_of_the_picks():
    found, *_ = pooled()
    curve = reproducibility_curve(found, 0.4321)
    thresholds = [one.threshold for one in curve]
    assert thresholds == sorted(thresholds, reverse=True)
    assert 0.4321 in thresholds
    assert thresholds[-1] == 0.02
    assert [one.num_picks for one in curve] == sorted(o.num_picks for o in curve)
    empty = found_again([], RIBOSOME, 0.5)
    assert [one.threshold for one in reproducibility_curve(empty, 0.3)] == [0.3]
