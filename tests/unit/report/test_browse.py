"""Pages of tomograms: what their scripts know, and that names do no harm."""

import json
import re

import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import concatenate, no_picks, picks_from_arrays
from picker.core.slab import Face, Slab
from picker.core.tomogram import Tomogram
from picker.report.browse import TomogramPages, View, _shares
from picker.report.run_pages import RunPages
from tests.unit.report.examples import PARTICLES, some_picks

VOLUME = np.random.default_rng(0).normal(size=(12, 20, 28)).astype(np.float16)
THRESHOLDS = {"ribosome": 0.65, "apo-ferritin": 0.5}


def view(name="TS_1", picks=None, volume=VOLUME, **more):
    tomogram = Tomogram(name=name, volume=volume, voxel_size=10.0)
    found = some_picks() if picks is None else picks
    return View(tomogram=tomogram, candidates=found, **more)


def written(folder, *views, particles=PARTICLES, **more):
    run = RunPages(
        **{"method": "blobs", "run": "r", "thresholds": THRESHOLDS}
        | {"particles": particles, **more}
    )
    pages = TomogramPages(folder, run)
    for one in views:
        pages.add(one)
    pages.write()
    return pages.thumbnails


def data_of(folder, name="TS_1"):
    script = (folder / "tomograms" / f"{name}.js").read_text()
    return json.loads(re.fullmatch(r"pickerTomogram\((.*)\);\n", script)[1])


def test_candidates_are_the_best_first_with_scores_of_float32(tmp_path):
    score = np.float32([0.1, 0.7, 0.3])
    picks = picks_from_arrays(
        [[10.04, 20, 30], [1, 2, 3.25], [7, 8, 9]], ["ribosome"] * 3, score
    )
    written(tmp_path, view(picks=picks))
    ribosome, ferritin = data_of(tmp_path)["classes"]
    assert ribosome["score"] == [0.7, 0.3, 0.1]
    assert np.array_equal(np.float32(ribosome["score"]), np.sort(score)[::-1])
    assert ribosome["position"][:3] == [3.2, 2, 1]
    assert ribosome["position"][6:] == [30, 20, 10]
    assert "known" not in ribosome
    assert ferritin["score"] == []


def test_each_candidate_says_whether_it_is_a_known_particle(tmp_path):
    truth = picks_from_arrays([[50, 100, 140], [0, 0, 0]], ["ribosome"] * 2)
    written(tmp_path, view(truth=truth))
    ribosome, ferritin = data_of(tmp_path)["classes"]
    assert (ribosome["right"], ribosome["numKnown"]) == ("10", 2)
    assert ribosome["known"] == [140, 100, 50, 0, 0, 0]
    assert (ferritin["right"], ferritin["numKnown"]) == ("0", 0)


def test_faces_and_shape_are_in_x_y_z(tmp_path):
    slab = Slab(low=None, high=Face(offset=80, slope_y=0.1, slope_x=0.2), ratio=2)
    written(tmp_path, view(slab=slab, is_partial=True))
    data = data_of(tmp_path)
    assert data["slab"] == [[80, 0.2, 0.1]]
    assert data["shape"] == data["pixels"] == [28, 20, 12]
    assert data["partial"] is True


def test_a_page_stays_below_300_kilobytes_and_says_what_is_left_out(tmp_path):
    rng = np.random.default_rng(0)
    number = 9000
    picks = picks_from_arrays(
        rng.uniform(0, 900, (number, 3)),
        rng.choice(["ribosome", "apo-ferritin"], number, p=[0.99, 0.01]),
        rng.uniform(0, 1, number).astype(np.float32),
    )
    volume = rng.normal(size=(90, 300, 300)).astype(np.float16)
    truth = concatenate([picks, picks])
    written(tmp_path, view(picks=picks, truth=truth, volume=volume))
    sizes = [path.stat().st_size for path in (tmp_path / "tomograms").iterdir()]
    assert len(sizes) == 3
    assert sum(sizes) < 300_000
    ribosome, ferritin = data_of(tmp_path)["classes"]
    few = int((picks.particle == "apo-ferritin").sum())
    assert (len(ferritin["score"]), ferritin["left"]) == (few, 0)
    assert len(ribosome["score"]) == 4000 - few
    assert ribosome["left"] == number - 4000
    # Each is known; of the known ones a part is drawn, and all count.
    assert set(ribosome["right"]) == set(ferritin["right"]) == {"1"}
    drawn = [len(one["known"]) // 3 for one in (ribosome, ferritin)]
    assert drawn == [2000 - 2 * few, 2 * few]
    assert [ribosome["numKnown"], ferritin["numKnown"]] == [18_000 - 2 * few, 2 * few]


@pytest.mark.parametrize(
    ("numbers", "shares"),
    [
        ([3, 2], [3, 2]),
        ([100, 2], [8, 2]),
        ([100, 100], [5, 5]),
        ([0, 0, 40], [0, 0, 10]),
    ],
)
def test_small_classes_are_shown_whole(numbers, shares):
    assert _shares(numbers, 10) == shares


def test_a_tomogram_without_picks_has_a_page(tmp_path):
    (one,) = written(tmp_path, view(picks=no_picks(), volume=np.zeros((4, 4, 4))))
    assert one.circles == []
    assert (tmp_path / "tomograms" / "TS_1.html").is_file()


def test_pages_link_to_their_neighbours_and_to_the_report(tmp_path):
    written(tmp_path, *(view(name) for name in ("a", "b", "c")))
    pages = {n: (tmp_path / f"tomograms/{n}.html").read_text() for n in "abc"}
    links = {
        n: re.findall(r'<a (?:rel="\w+" )?href="(.*?)"', p) for n, p in pages.items()
    }
    report = "../../report.html"
    assert links == {
        "a": [report, "b.html"],
        "b": [report, "a.html", "c.html"],
        "c": [report, "b.html"],
    }
    # Whatever a page loads is there.
    for page in pages.values():
        for file in re.findall(r'(?:src|<link[^>]*href)="(.*?)"', page):
            assert (tmp_path / "tomograms" / file).is_file()


def test_names_do_no_harm(tmp_path):
    evil = "ü</script><script>alert('1')<!--&"
    particle = Particle.model_construct(name=evil, radius=100.0, color="#ff0000")
    name = "Ä<script>&\"'"
    picks = picks_from_arrays([[50, 100, 120]], [evil], [0.5])
    one = view(name, picks=picks, truth=picks, split=evil)
    (thumbnail,) = written(
        tmp_path, one, particles=(particle,), method=evil, run=evil, thresholds={}
    )
    page = (tmp_path / "tomograms" / f"{name}.html").read_text()
    # Those of the template alone.
    assert page.count("<script") == page.count("</script") == 6
    assert "<!--" not in page
    script = (tmp_path / "tomograms" / f"{name}.js").read_text()
    assert not set("<>&") & set(script)
    assert data_of(tmp_path, name)["classes"][0]["name"] == evil
    assert thumbnail.href == "tomograms/%C3%84%3Cscript%3E%26%22%27.html"


def test_circles_of_thumbnails_are_of_picks_and_as_wide_as_their_spheres(tmp_path):
    """The middle slice is at z 60 Å; one ribosome's centre is 60 Å off."""
    places = [[120, 50, 100], [60, 30, 200], [60, 30, 100]]
    picks = picks_from_arrays(places, ["ribosome"] * 3, [0.9, 0.8, 0.6])
    (one,) = written(tmp_path, view(picks=picks))
    assert one.z == 60
    assert one.circles == [
        (10.5, 14.5, pytest.approx(8), "#ff0000"),
        (20.5, 16.5, pytest.approx(10), "#ff0000"),
    ]


def test_a_micrograph_has_one_slice(tmp_path):
    volume = np.random.default_rng(0).normal(size=(1, 1200, 1800)).astype(np.float16)
    picks = picks_from_arrays([[0, 50, 70]], ["ribosome"])
    (one,) = written(tmp_path, view(picks=picks, volume=volume))
    data = data_of(tmp_path)
    assert (data["shape"], data["step"]) == ([1800, 1200, 1], [2, 2, 1])
    assert (data["pixels"], data["columns"]) == ([900, 600, 1], 1)
    assert (one.z, one.size) == (0, (1800, 1200))
    ((x, y, radius, _),) = one.circles
    assert (x, y, radius) == (7.5, 1194.5, PARTICLES[0].radius / 10)
