from __future__ import annotations

from typing import Any

import pytest

from picker.config.methods import METHODS
from picker.core.picks import no_picks, picks_from_arrays
from picker.report.page import LEARNS_FROM, render_report
from picker.report.proposals import (
    ANY_CLASS,
    ProposalsView,
    fullest_height,
    proposals_pictures,
)
from tests.unit.report.examples import PARTICLES
from tests.unit.report.test_page import full_report, read

# Of radii 100 and 60 Å: right, right but for its class, wrong.
PROPOSED = picks_from_arrays(
    [[50, 100, 120], [90, 150, 60], [200, 10, 10]],
    ["ribosome", "ribosome", "ribosome"],
)
KNOWN = picks_from_arrays([[60, 100, 120], [90, 140, 60]], ["ribosome", "apo-ferritin"])


def view(**changes: Any) -> ProposalsView:
    made: dict[str, Any] = {
        "tomogram": "TS_1",
        "stage": "pretrain",
        "voxel_size": 10.0,
        "size": (30, 20),
        "z": 50.0,
        "webp": "UklGRg==",
        "any_class": False,
        "proposals": PROPOSED,
        "found": KNOWN,
    }
    return ProposalsView(**made | changes)


def test_the_slice_is_the_one_that_cuts_most() -> None:
    assert fullest_height(PROPOSED, PARTICLES, 10.0, 40) == 14
    assert fullest_height(no_picks(), PARTICLES, 10.0, 40) == 20
    assert fullest_height(PROPOSED, PARTICLES, 10.0, 1) == 0


def test_each_picture_has_circles_of_what_the_slice_cuts_and_counts_all() -> None:
    shown = proposals_pictures(view(), PARTICLES, KNOWN, KNOWN, split="test")
    proposed, found, picks = shown.panels
    assert proposed.circles == [
        (12.5, 9.5, 10.0, "#ff0000"),
        (6.5, 4.5, pytest.approx(9.165, abs=1e-3), "#ff0000"),
    ]
    assert (proposed.number, proposed.right) == (3, 1)
    assert (found.number, found.right, picks.right) == (2, 2, 2)
    assert [color for *_, color in shown.known] == ["#ff0000", "#00ff00"]
    assert shown.num_known == 2


def test_what_may_be_any_class_is_right_at_a_particle_of_any() -> None:
    shown = proposals_pictures(view(any_class=True), PARTICLES, None, KNOWN)
    proposed = shown.panels[0]
    assert proposed.right == 2
    assert proposed.circles is not None
    assert {color for *_, color in proposed.circles} == {ANY_CLASS}


def test_where_a_part_is_known_nothing_is_counted_as_right() -> None:
    shown = proposals_pictures(view(), PARTICLES, KNOWN, KNOWN, split="partial")
    assert {panel.right for panel in shown.panels} == {None}
    assert len(shown.known) == 2


def test_the_page_shows_three_pictures_and_what_they_are() -> None:
    shown = proposals_pictures(view(), PARTICLES, KNOWN, KNOWN, split="labeled")
    html = render_report(full_report(proposals=shown))
    text = " ".join(read(html).text)
    for title in ("1. Proposals", "2. What the network finds after pretrain"):
        assert title in text
    assert "3. Final picks" in text
    assert "known particles, 2 in the tomogram" in text
    assert "1 of them right" in text
    assert "picks may be better here than elsewhere" in text
    assert "any class:" not in text
    section = html[html.index('id="proposals"') :]
    assert section[: section.index("</section>")].count('class="known"') == 6


def test_missing_picks_and_odd_names_are_told_and_escaped() -> None:
    one = view(tomogram="<b>TS</b>", any_class=True)
    shown = proposals_pictures(one, PARTICLES, None, None, why="<i>gone</i>")
    html = render_report(full_report(proposals=shown))
    text = " ".join(read(html).text)
    assert "There are none: <i>gone</i>" in text
    assert "any class:" in text
    assert "dashed: known" not in text
    assert "of them right" not in text
    assert "<b>TS</b>" not in html
    assert "From proposals to picks" not in render_report(full_report())


def test_curves_of_every_stage_say_what_it_learns_from() -> None:
    rows = [row.pretrained() for row in METHODS.values()]
    assert {stage.name for row in rows for stage in row.stages} == set(LEARNS_FROM)
    training = {"pretrain": full_report().training["burn_in"]}
    text = " ".join(read(render_report(full_report(training=training))).text)
    assert "pretrain learns from proposals, without labels" in text
