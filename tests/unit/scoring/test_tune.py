import numpy as np
import pytest

from picker.config import CalibrateSettings, Particle, PickSettings
from picker.core.picks import no_picks, picks_from_arrays
from picker.scoring.tune import Field, Trial, held_out_f, tried

RIBOSOME = Particle(name="ribosome", radius=40)


def on_line(places, score=None):
    return picks_from_arrays(
        [[50.0, 50.0, x] for x in places], ["ribosome"] * len(places), score
    )


def known(places, found, name="TS_1"):
    field = Field(
        tomogram=name, voxel_size=10.0, shape_zyx=(11, 11, 101), truth=on_line(places)
    )
    return field, found


def trial(*candidates, **picking):
    settings = PickSettings(**picking)
    return tried(candidates, [RIBOSOME], CalibrateSettings(), settings)


def test_a_trial_is_as_good_as_its_best_threshold():
    found = on_line([100, 300, 700], [0.9, 0.3, 0.6])
    one = known([100, 300], found)
    assert trial(one).f() == pytest.approx(0.8)  # all three
    # Others count twice with a copy; a copy finds what the whole does not.
    copy = known([100, 300], on_line([100, 300], [0.9, 0.8]))
    assert trial(one, copy).f() == pytest.approx(2 * 4 / (5 + 4))
    assert trial(one, copy).tomograms == ["TS_1"]
    assert trial(known([100], no_picks())).f() == 0


def test_settings_that_lose_particles_lose_f():
    found = on_line([20, 100, 130, 300], [0.9, 0.8, 0.7, 0.6])
    one = known([20, 100, 130, 300], found)
    assert trial(one, min_distance_per_radius=0.5).f() == 1
    assert trial(one).f() == pytest.approx(2 * 3 / 7)
    assert trial(one, min_distance_per_radius=0.5, top_k=2).f() == pytest.approx(2 / 3)
    # Those at the edge are missed, not left out.
    edge = trial(one, min_distance_per_radius=0.5, edge_margin=50.0)
    assert edge.f() == pytest.approx(2 * 3 / 7)


def test_a_tomogram_held_out_chooses_neither_threshold_nor_settings():
    # In b the right candidate scores lower than the wrong one of a.
    a = known([100], on_line([100, 500], [0.9, 0.5]), "a")
    b = known([100], on_line([100, 500], [0.3, 0.1]), "b")
    one = trial(a, b)
    assert one.f() == pytest.approx(0.8)
    # By b's threshold of .2 both picks of a count, by a's of .7 none of b.
    assert one.counts("a")["ribosome"].num_picks == 2
    assert one.counts("b")["ribosome"].num_picks == 0
    assert held_out_f([one]) == pytest.approx(0.5)
    # Another trial that is better on the others is chosen for both, though one is not.
    nothing = known([100], no_picks(), "b")
    other = trial(known([100], on_line([100], [0.5]), "a"), nothing)
    assert held_out_f([other, one]) == pytest.approx(0.5)


def test_classes_without_particles_do_not_count():
    found = trial(known([], on_line([100])))
    assert found.f() == 0
    assert held_out_f([found]) == 0
    both = Trial(
        matches={
            **found.matches,
            "x": trial(known([100], on_line([100]))).matches["ribosome"],
        },
        beta=1.0,
    )
    assert both.f() == 1
    assert np.isfinite(held_out_f([both]))
