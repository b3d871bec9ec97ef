"""The pages in a real browser: slices, thresholds, answers, and the saved file."""

import json
import time

import numpy as np
import pytest
import yaml

from picker.__main__ import main
from picker.core.fingerprint import fingerprint
from picker.formats.picks.star import read_picks
from tests.browser.driver import Browser, chromedriver
from tests.workflow.project import ROOT, SMALL, Project

pytestmark = pytest.mark.browser

METHOD = "blobs"
CONFIG = {name: SMALL[name] for name in ("particles", "tomograms", "simulate")} | {
    "method": METHOD,
    "export": {"targets": ["copick"]},
    "predict": {"min_score": 0.0},
}
TOMOGRAM = "sim_004"
AXE = ROOT / ".axe" / "axe_playwright_python" / "axe.min.js"
PAGE_UP = "\ue00e"
ARROW_RIGHT = "\ue014"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("viewer"), CONFIG)
    made.succeed()
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with chromedriver(tmp_path_factory.mktemp("driver") / "log") as address:
        yield address


@pytest.fixture
def browser(server, tmp_path):
    (tmp_path / "downloads").mkdir()
    made = Browser(server, tmp_path / "downloads")
    made.resize(1400, 1000)
    yield made
    complaints = made.complaints()
    made.close()
    assert complaints == []


@pytest.fixture
def page(project, browser):
    browser.open(project.path("report", "tomograms", f"{TOMOGRAM}.html"))
    wait(browser, "return document.querySelectorAll('.frame circle').length > 0")
    return browser


def wait(browser, condition):
    end = time.monotonic() + 30
    while not browser.run(condition):
        assert time.monotonic() < end, f"never true: {condition}"
        time.sleep(0.05)


def text(browser, selector):
    return browser.run(
        "return document.querySelector(arguments[0]).textContent", selector
    )


def texts(browser, selector):
    script = (
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    )
    return browser.run(script, selector)


def set_threshold(browser, number, value):
    """Move a slider, or what a person types where `value` is text."""
    kind, event = ("number", "change") if isinstance(value, str) else ("range", "input")
    browser.run(
        "const e = document.querySelectorAll(`#classes input[type=${arguments[0]}]`)"
        "[arguments[1]]; e.value = arguments[2];"
        "e.dispatchEvent(new Event(arguments[3]))",
        *(kind, number, value, event),
    )
    browser.frame()


def counts(browser):
    """Return the number of picks of each class that the page shows."""
    return [int(line.split()[0]) for line in texts(browser, ".count")]


def picked(project, folder, thresholds):
    """Return the number of picks of each class that `picker pick` finds."""
    (folder / "pick.json").write_text(json.dumps({"thresholds": thresholds}))
    run = project.path(METHOD)
    words = [
        *("pick", "--manifests"),
        *map(str, sorted((run / "manifests" / "predict").glob("*.json"))),
        *("--thresholds", str(run / "models" / "thresholds.json")),
        *("--settings", str(project.path("settings", "particles.json"))),
        *(str(folder / "pick.json"), "--picks", str(folder / "picks")),
        *("--output", str(folder / "pick_manifest.json")),
    ]
    assert main(words) == 0
    picks = read_picks(folder / "picks" / f"{TOMOGRAM}.star")
    return [len(picks.of(p["name"])) for p in CONFIG["particles"]]


def test_counts_are_those_of_picking(project, page, tmp_path, monkeypatch):
    monkeypatch.chdir(project.folder)
    shown = read_picks(project.path(METHOD, "picks", f"{TOMOGRAM}.star"))
    names = [p["name"] for p in CONFIG["particles"]]
    assert counts(page) == [len(shown.of(name)) for name in names]
    scores = read_picks(project.path(METHOD, "candidates", f"{TOMOGRAM}.star"))
    first, second = (np.sort(scores.of(name).score) for name in names)
    # A score itself, as float32 in digits: the pick of that score counts.
    cases = [
        (str(first[len(first) // 2]), str(second[-2])),
        ("0.35", "0.9"),
        ("0", "1"),
    ]
    for i, thresholds in enumerate(cases):
        for number, value in enumerate(thresholds):
            set_threshold(page, number, value)
        folder = tmp_path / str(i)
        folder.mkdir()
        values = dict(zip(names, map(float, thresholds), strict=True))
        assert counts(page) == picked(project, folder, values)
    set_threshold(page, 0, 0.4)
    setting = yaml.safe_load(text(page, "#setting"))
    assert setting == {"pick": {"thresholds": {"ribosome": 0.4, "apo-ferritin": 1}}}


def test_right_and_missed_add_up_to_the_known_particles(project, page):
    truth = read_picks(project.path("labels", f"{TOMOGRAM}.star"))
    for line, particle in zip(texts(page, ".count"), CONFIG["particles"], strict=True):
        picks, right, wrong, missed = (int(part.split()[0]) for part in line.split("·"))
        assert right + wrong == picks
        assert right + missed == len(truth.of(particle["name"]))
    known = "return document.querySelectorAll('circle.known').length"
    assert page.run(known) > 0
    page.click("#known input")
    assert page.run(known) == 0


def test_slices_follow_wheel_slider_keys_and_clicks(page):
    def at():
        return [float(v) for v in text(page, "#at").removesuffix(" nm").split(", ")]

    def image(view="xy"):
        return page.run(
            "const c = document.querySelector(`[data-view=${arguments[0]}] canvas`);"
            "return [c.width, c.height]",
            view,
        )

    start = at()
    assert min(image()) > 300
    page.wheel("[data-view=xy] .frame", -40)
    assert at()[2] == pytest.approx(start[2] + 1)  # a voxel of 10 Å
    assert at()[:2] == start[:2]
    page.run("document.querySelector('[data-view=xz] .frame').focus()")
    page.keys(PAGE_UP, ARROW_RIGHT)
    assert at()[1] == pytest.approx(start[1] + 1)
    assert at()[0] == pytest.approx(start[0] + 1)
    page.run(
        "const e = document.querySelector('[data-view=xy] input'); e.value = 2;"
        "e.dispatchEvent(new Event('input'))"
    )
    page.frame()
    assert at()[2] == 2
    page.run(
        "document.querySelectorAll('#classes [type=checkbox]').forEach(e => e.click())"
    )
    page.frame()
    assert page.run("return document.querySelectorAll('circle.pick').length") == 0
    page.click_at("[data-view=xy] .frame", 0.25, 0.25)
    # A quarter of the width beyond the middle, and below it.
    assert at()[0] == pytest.approx(0.75 * 56 - 0.5, abs=0.3)
    assert at()[1] == pytest.approx(0.25 * 48 - 0.5, abs=0.3)
    assert at()[2] == 2


def test_every_view_shows_the_same_voxels(project, page):
    """A pick's own circle is whole in each of the three views."""
    page.keys("n")
    radii = page.run(
        "return [...document.querySelectorAll('circle.selected')].map(c =>"
        " c.getAttribute('r'))"
    )
    assert len(set(radii)) == 1
    assert len(radii) == 3


def test_answers_are_shared_and_saved(project, page, tmp_path):
    page.keys("n", "w", "n", "w", "n", "r", "p")
    assert text(page, ".review-bar [role=status]") == "3 answers"
    page.keys("u", "o")
    page.run(
        "const e = document.querySelector('#selected select');"
        "e.value = [...e.options].find(o => o.value).value;"
        "e.dispatchEvent(new Event('change'))"
    )
    page.keys("m")
    page.click_at("[data-view=xy] .frame", -0.4, -0.4)
    page.keys("\ue00c")  # Escape
    assert text(page, ".review-bar [role=status]") == "4 answers"
    # The next page has them too.
    page.click("a[rel=next]")
    wait(page, "return document.querySelector('.review-bar') !== null")
    assert "answers=4" in page.url()
    assert text(page, ".review-bar [role=status]") == "4 answers"
    assert text(page, ".review-bar .note") == ""
    page.click(".review-bar button")
    saved = tmp_path / "downloads" / "review.json"
    end = time.monotonic() + 30
    while not saved.exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    content = json.loads(saved.read_text())
    model = json.loads(project.path(METHOD, "models", "thresholds.json").read_text())[
        "model"
    ]
    assert (content["picker_review"], content["method"]) == (1, METHOD)
    assert content["run"] == fingerprint(model, project.path().resolve())[:16]
    answers = content["answers"]
    assert [one["answer"] for one in answers] == ["wrong", "right", "other", "missed"]
    assert {one["tomogram"] for one in answers} == {TOMOGRAM}
    candidates = read_picks(project.path(METHOD, "candidates", f"{TOMOGRAM}.star"))
    for one in answers[:3]:
        of_class = candidates.of(one["particle"])
        away = np.linalg.norm(of_class.position_zyx - one["position"][::-1], axis=1)
        nearest = int(away.argmin())
        assert away[nearest] < 0.1
        assert np.float32(one["score"]) == of_class.score[nearest]
    assert answers[2]["other"] != answers[2]["particle"]
    assert answers[3]["score"] is None
    assert answers[3]["position"][:2] == pytest.approx([51, 427], abs=4)
    page.run(
        "setTimeout(() => document.querySelectorAll('.review-bar button')[1].click())"
    )
    time.sleep(0.5)
    page.answer_dialog()
    assert text(page, ".review-bar [role=status]") == "0 answers"


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_everybody_can_use_it(project, server, tmp_path, width, dark):
    """No serious finding of axe-core, and nothing is wider than a phone."""
    browser = Browser(server, tmp_path, dark=dark)
    try:
        browser.resize(width, 900)
        pages = (
            *("report.html", f"report/tomograms/{TOMOGRAM}.html"),
            "report/classes/ribosome.html",
        )
        for page in pages:
            browser.open(project.path(page))
            if page == pages[1]:
                wait(browser, "return document.querySelectorAll('.pick').length > 0")
                browser.keys("n", "r")
            is_dark = "return matchMedia('(prefers-color-scheme: dark)').matches"
            assert browser.run(is_dark) is dark
            browser.run(AXE.read_text())
            found = browser.run("return axe.run().then((found) => found.violations)")
            serious = [
                f"{page}: {one['help']}: {[node['html'] for node in one['nodes']]}"
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == []
            wide = "return document.documentElement.scrollWidth - innerWidth"
            assert browser.run(wide) <= 0, page
    finally:
        browser.close()


def test_a_picture_that_is_missing_is_told(project, browser, tmp_path):
    folder = tmp_path / "tomograms"
    folder.mkdir()
    pages = project.path("report")
    for file in (*pages.glob("*.*"), *pages.glob(f"tomograms/{TOMOGRAM}.[hj]*")):
        (tmp_path / file.relative_to(pages)).write_bytes(file.read_bytes())
    browser.open(folder / f"{TOMOGRAM}.html")
    told = f"{TOMOGRAM}.webp cannot be read"
    wait(
        browser,
        f"return document.querySelector('#step').textContent.includes('{told}')",
    )
    assert any("ERR_FILE_NOT_FOUND" in line for line in browser.complaints())


def test_a_gallerys_link_opens_the_place_of_its_candidate(project, browser):
    browser.open(project.path("report", "classes", "ribosome.html"))
    shot = "document.querySelector('.shot')"
    candidate = json.loads(browser.run(f"return {shot}.dataset.candidate"))
    browser.run(f"{shot}.querySelector('a').click()")
    wait(browser, "return document.querySelector('#at') !== null")
    wait(browser, "return !document.querySelector('#selected').hidden")
    shown = json.loads(
        browser.run("return document.querySelector('#selected').dataset.candidate")
    )
    assert shown == candidate
    place = text(browser, "#at").removesuffix(" nm").split(", ")
    step = np.array([10.0, 10.0, 10.0])
    assert (np.abs(np.array(place, float) * 10 - candidate["position"]) <= step).all()


def test_the_reports_table_can_be_searched_and_sorted(project, browser):
    browser.open(project.path("report.html"))
    shown = "table.sorted tbody tr:not([hidden]) td:nth-child({})"
    names = texts(browser, shown.format(1))
    assert names == sorted(names)
    assert len(names) > 2
    browser.run("document.querySelector('table.sorted th:nth-child(3) button').click()")
    picks = [int(cell.split("/")[0]) for cell in texts(browser, shown.format(3))]
    assert picks == sorted(picks, reverse=True)
    browser.run("document.querySelector('table.sorted th button').click()")
    assert texts(browser, shown.format(1)) == names
    browser.run(
        "const e = document.querySelector('.search input'); e.value = 'TEST 004';"
        "e.dispatchEvent(new Event('input'))"
    )
    assert texts(browser, shown.format(1)) == [TOMOGRAM]
    assert text(browser, ".search output") == f"1 of {len(names)}"
