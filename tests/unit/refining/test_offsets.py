"""Offsets, and what the two ways to count make of them."""

import numpy as np
import pytest

from picker.config import OffsetsSettings, Particle
from picker.core.picks import concatenate, picks_from_arrays
from picker.refining.offsets import (
    ENTRIES,
    offset_vectors,
    with_offsets,
    without_offsets,
)
from picker.scoring.kaggle import counts_per_pick, kaggle_counts, kaggle_score

HARD = Particle(name="beta-galactosidase", radius=90)
EASY = Particle(name="ribosome", radius=150)
ON = OffsetsSettings(particles=("beta-galactosidase",))


def test_fourteen_entries_lie_around_a_pick():
    vectors = offset_vectors(90.0, ON)
    assert vectors.shape == (ENTRIES, 3)
    away = np.linalg.norm(vectors, axis=1)
    assert away == pytest.approx([0] + 6 * [0.116 * 90] + 8 * [0.1 * 90])
    assert vectors.sum(axis=0) == pytest.approx(0)
    assert len(np.unique(vectors.round(6), axis=0)) == ENTRIES


def test_picks_alone_come_back_and_other_classes_have_no_entries():
    hard = picks_from_arrays([[9.0, 8, 7], [500, 0, 0]], [HARD.name] * 2, [0.5, 0.25])
    both = concatenate([hard, picks_from_arrays([[0.0, 0, 0]], ["ribosome"])])
    found = with_offsets(both, [HARD, EASY], ON)
    assert len(found) == 2 * ENTRIES + 1
    assert set(found.of(HARD.name).score.tolist()) == {0.5, 0.25}
    alone = without_offsets(found, ON.particles)
    np.testing.assert_array_equal(alone.position_zyx, both.position_zyx)
    assert alone.particle.tolist() == both.particle.tolist()


def simulated(rng, precision, recall, number=1000):
    """Return known particles, and picks that find a part of them within 0.3 radii."""
    side = 50_000.0
    truth = rng.uniform(0, side, (number, 3))
    hit = truth[: round(recall * number)]
    shift = rng.normal(size=hit.shape)
    shift *= 0.3 * HARD.radius / np.linalg.norm(shift, axis=1, keepdims=True)
    wrong = rng.uniform(0, side, (round(len(hit) * (1 / precision - 1)), 3))
    names = [HARD.name] * number
    found = np.concatenate([hit + shift, wrong])
    return picks_from_arrays(truth, names), picks_from_arrays(
        found, [HARD.name] * len(found)
    )


@pytest.mark.parametrize(
    ("precision", "recall", "before", "official", "per_pick"),
    [(0.79, 0.79, 0.79, 0.43, 0.97), (0.2, 0.86, 0.72, 0.18, None)],
)
def test_offsets_ruin_the_score_and_raise_a_count_per_pick(
    precision, recall, before, official, per_pick
):
    truth, picks = simulated(np.random.default_rng(0), precision, recall)
    more = with_offsets(picks, [HARD], ON)

    def score(found, count):
        return kaggle_score({"a": found}, {"a": truth}, [HARD], count)

    assert score(picks, kaggle_counts) == pytest.approx(before, abs=0.006)
    assert score(picks, counts_per_pick) == pytest.approx(before, abs=0.006)
    assert score(more, kaggle_counts) == pytest.approx(official, abs=0.006)
    if per_pick:
        assert score(more, counts_per_pick) == pytest.approx(per_pick, abs=0.006)
