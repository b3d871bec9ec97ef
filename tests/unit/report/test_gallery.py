"""What galleries keep of tomograms that are added one by one, and their pages."""

import html
import json
import re

import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.core.tomogram import Tomogram
from picker.report.class_page import CLASSES, write_class_pages
from picker.report.disputed import Look
from picker.report.gallery import MAX_BOXES, NUM_SHOTS, Best, Galleries
from picker.report.run_pages import RunPages
from tests.unit.report.examples import FERRITIN, PARTICLES, RIBOSOME

SIZE = 24


def tomogram(name="TS_1", seed=0):
    noise = np.random.default_rng(seed).normal(0, 1, (SIZE, SIZE, SIZE))
    return Tomogram(name=name, volume=noise.astype(np.float32), voxel_size=10.0)


def candidates(scores, seed=0, name="ribosome", size=2000.0):
    """Candidates that are far enough from each other to be told apart."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(1000)[: len(scores)]
    grid = np.stack(np.unravel_index(places, (10, 10, 10)), 1) * 110.0
    assert grid.max() < size
    return picks_from_arrays(grid, [name] * len(scores), scores)


def gathered(scores_of, threshold=0.5):
    galleries = Galleries([RIBOSOME], {"ribosome": threshold})
    for number, scores in enumerate(scores_of):
        galleries.add(tomogram(f"TS_{number}"), candidates(scores, number))
    return galleries.classes[0]


def scores(shots):
    return [round(shot.score, 3) for shot in shots.things()]


def test_each_gallery_has_its_part_of_all_tomograms_scores():
    rng = np.random.default_rng(0)
    all_scores = rng.permutation(np.linspace(0.1, 0.9, 161)).round(3)
    one = gathered(all_scores.reshape(7, 23))
    ranked = sorted((round(float(np.float32(s)), 3) for s in all_scores), reverse=True)
    picks = [s for s in ranked if s >= 0.5]
    assert scores(one.highest) == picks[:NUM_SHOTS]
    assert scores(one.lowest) == picks[::-1][:NUM_SHOTS]
    assert scores(one.below) == [s for s in ranked if s < 0.5][:NUM_SHOTS]
    assert (one.num_picks, one.num_below) == (len(picks), 161 - len(picks))


def test_averages_take_the_best_of_each_tomogram_in_turn(monkeypatch):
    monkeypatch.setattr("picker.report.gallery.MAX_BOXES", 6)
    rich, poor = np.linspace(0.9, 0.8, 20), [0.6, 0.55]
    one = gathered([rich, poor, rich])
    keys = [key for key, _, _ in one.boxes._kept]  # noqa: SLF001
    assert [rank for rank, _ in keys] == [0, 0, 0, 1, 1, 1]
    assert [round(-score, 2) for _, score in keys] == [0.9, 0.9, 0.6, 0.89, 0.89, 0.55]


def test_memory_of_boxes_does_not_grow_with_classes():
    many = [Particle(name=f"p{i}", radius=50) for i in range(60)]
    for particles in ([RIBOSOME], many):
        galleries = Galleries(particles, {p.name: 0.5 for p in particles})
        rooms = [one.max_boxes for one in galleries.classes]
        assert max(rooms) <= MAX_BOXES
        assert 2 * sum(rooms) <= 1440


def test_things_of_high_keys_are_never_made():
    best = Best(2)
    for key in (3, 1, 2, 5, 2):
        best.offer((key,), lambda key=key: pytest.fail("made") if key == 5 else key)
    assert best.things() == [1, 2]


def look(name, picks, threshold=0.5):
    return Look(name=name, found=picks, thresholds={"ribosome": threshold})


def test_disputed_have_the_places_and_scores_of_the_pages_own_candidates():
    """So an answer about one is an answer about it in every gallery."""
    places = np.array([[50, 50, 50], [50, 50, 180], [180, 50, 50], [180, 180, 180]])
    names = ["ribosome"] * 4
    whole = picks_from_arrays(places[:3], names[:3], [0.9, 0.8, 0.3])
    even = picks_from_arrays(places + 10, names, [0.8, 0.7, 0.2, 0.9])
    odd = picks_from_arrays(places - 10, names, [0.8, 0.2, 0.2, 0.3])
    galleries = Galleries([RIBOSOME], {"ribosome": 0.5})
    pair = (look("even half", even), look("odd half", odd))
    galleries.add(tomogram(), whole, looks=[pair])
    one = galleries.classes[0]
    shown = one.disputed.things()
    assert [shot.position_zyx.tolist() for shot in shown] == [
        [190, 190, 190],  # the whole tomogram has none there
        [50, 50, 180],
    ]
    assert scores(one.disputed) == [0.9, 0.8]
    assert [shot.said for shot in shown] == [
        "even half 0.900, odd half 0.300",
        "even half 0.700, odd half 0.200",
    ]
    halves = ("even half (threshold 0.500)", "odd half (threshold 0.500)")
    assert one.compared == {halves: 1}


def test_a_tomogram_without_candidates_has_those_of_its_halves():
    found = picks_from_arrays([[100, 100, 100]], ["ribosome"], [0.9])
    galleries = Galleries([RIBOSOME], {"ribosome": 0.5})
    pair = (look("even half", found), look("odd half", no_picks()))
    galleries.add(tomogram(), no_picks(), looks=[pair])
    (shot,) = galleries.classes[0].disputed.things()
    assert (round(shot.score, 3), shot.position_zyx.tolist()) == (0.9, [100, 100, 100])


def test_neighbours_and_maps_count_picks_alone():
    places = [[50, 50, 50], [50, 50, 200], [200, 50, 50], [100, 100, 100]]
    found = picks_from_arrays(places, ["ribosome"] * 4, [0.9, 0.8, 0.3, 0.2])
    galleries = Galleries([RIBOSOME], {"ribosome": 0.5})
    galleries.add(tomogram(), found)
    one = galleries.classes[0]
    assert one.map_xy.sum() == one.map_xz.sum() == 2
    # 150 Å, in bins of a quarter of a radius of 100 Å.
    assert np.flatnonzero(one.neighbours).tolist() == [6]
    assert one.neighbours.sum() == 2
    assert one.distances == {}


def test_distances_of_picks_are_counted_where_they_are_known():
    far = np.array([30.0, np.inf, np.nan, 30.0])
    found = picks_from_arrays(
        [[50, 50, 50], [50, 50, 200], [200, 50, 50], [200, 200, 200]],
        ["ribosome"] * 4,
        [0.9, 0.8, 0.7, 0.2],
        context={"gold": far, "edge": far - 200},
    )
    galleries = Galleries([RIBOSOME], {"ribosome": 0.5})
    galleries.add(tomogram(), found)
    galleries.add(tomogram("TS_2"), found)
    of = galleries.classes[0].distances
    # In bins of 25 Å from -100 Å to 1000 Å, of two tomograms.
    assert dict(enumerate(of["gold"])) == dict.fromkeys(range(44), 0) | {5: 2, 43: 2}
    assert np.flatnonzero(of["edge"]).tolist() == [0, 43]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    galleries = Galleries(PARTICLES, {"ribosome": 0.5, "apo-ferritin": 0.5})
    galleries.add(tomogram("TS_<b>ä&"), candidates(np.linspace(0.9, 0.1, 60)))
    galleries.add(tomogram("TS_2", 1), candidates([0.7], name=FERRITIN.name))
    folder = tmp_path_factory.mktemp("report")
    thresholds = {p.name: 0.5 for p in PARTICLES}
    run = RunPages(
        method="</script>", run="r'1", particles=PARTICLES, thresholds=thresholds
    )
    write_class_pages(galleries, folder, run)
    return [folder / CLASSES / f"{p.name}.html" for p in PARTICLES]


def test_a_page_shows_each_candidate_where_a_review_expects_it(pages):
    text = pages[0].read_text()
    shown = [
        json.loads(html.unescape(value))
        for value in re.findall(r'judged"[^>]* data-candidate="(.*?)"', text)
    ]
    assert len(shown) == 3 * NUM_SHOTS
    assert shown[0]["tomogram"] == "TS_<b>ä&"
    assert (shown[0]["particle"], shown[0]["score"]) == ("ribosome", 0.9)
    best = candidates(np.linspace(0.9, 0.1, 60)).position_zyx[0]
    assert shown[0]["position"] == best[::-1].tolist()
    place = ",".join(f"{value:g}" for value in best[::-1])
    assert (
        f"../tomograms/TS_%3Cb%3E%C3%A4%26.html#at={place}&amp;particle=ribosome"
        in text
    )


def test_names_end_no_tag_and_no_script(pages):
    text = pages[0].read_text()
    assert "<b>ä" not in text
    assert text.count("</script>") == 2
    run = re.search(r"window.pickerRun = (.*);</script>", text)[1]
    assert json.loads(run) == {
        "method": "</script>",
        "run": "r'1",
        "particles": [
            {"name": p.name, "color": p.color, "radius": p.radius} for p in PARTICLES
        ],
    }


def test_a_class_with_few_candidates_has_a_page_without_averages(pages):
    assert [page.name for page in pages] == ["ribosome.html", "apo-ferritin.html"]
    text = pages[1].read_text()
    assert text.count("Too few to average.") == 2
    assert "Agreement of two halves" not in text
    assert "There are none." in text
    assert "<h2>The most disputed</h2>" not in text
    assert "There is nothing to\ncompare" in text


def test_noise_has_no_aligned_average(pages):
    assert 'alt="unaligned average"' in pages[0].read_text()
    assert 'alt="aligned average"' not in pages[0].read_text()
