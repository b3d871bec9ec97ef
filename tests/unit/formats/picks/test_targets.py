"""Picks written for other programs come back where they were."""

from __future__ import annotations

import itertools
import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from picker.config import ExportSettings, Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks import targets
from picker.formats.picks.imod_layout import CONTOUR, MODEL
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.targets import FILES, write_target
from tests.unit.formats.examples import (
    KINDS,
    PARTICLE,
    SHAPE,
    T,
    V,
    random_picks,
    write_kind,
)

WITHOUT_SCORES = {"portal", "imod", "tomotwin", "kaggle"}
DECIMALS = 0.5e-6
"""Rounding of a file with six decimals, in its own unit."""


def tolerance(kind):
    """Return how far [Å] a kind may move a position."""
    if kind == "relion3":
        return V / 2  # RELION 3.1 reads whole numbers alone
    if kind in ("imod", "peet"):
        # Pixels are float32, half an ulp below 1024.
        return float(np.spacing(np.float32(max(SHAPE)))) / 2 * V
    unit = {"relion4": T, "eman2": T, "relion5": 1}.get(kind, V)
    return 0.0 if kind in ("picker", "copick", "kaggle") else unit * DECIMALS


def read(path, name="TS_1"):
    picks, _ = read_known_picks([path], name, [PARTICLE], V, SHAPE, T)
    return picks


@pytest.fixture(scope="module")
def truth():
    return random_picks(np.random.default_rng(0), 1000)


@pytest.fixture(scope="module")
def written(truth, tmp_path_factory):
    """Return kind: the picks that its file gives back."""
    return {
        kind: read(write_kind(kind, tmp_path_factory.mktemp(kind), truth))
        for kind in KINDS
    }


def distance(picks, other):
    assert len(picks) == len(other)
    return np.abs(picks.position_zyx - other.position_zyx).max()


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_picks_come_back(written, truth, kind):
    picks = written[kind]
    # A hair more than the rounding: sums of floats near 5,000 Å.
    assert distance(picks, truth) <= tolerance(kind) + 1e-11
    assert set(picks.particle.tolist()) == {PARTICLE.name}
    expected = np.ones(1000) if kind in WITHOUT_SCORES else truth.score
    np.testing.assert_array_equal(picks.score, expected.astype(np.float32))


PAIRS = list(itertools.permutations(KINDS, 2))


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-".join(p) for p in PAIRS])
def test_each_kind_turns_into_each_other(written, truth, tmp_path, first, second):
    again = read(write_kind(second, tmp_path, written[first]))
    if len(again) < 1000:
        # Whole voxels: two of a thousand may fall into one, and are one pick then.
        assert first == "relion3"
        assert len(again) == len(np.unique(written[first].position_zyx, axis=0))
        return
    limit = tolerance(first) + tolerance(second)
    if "relion3" in (first, second):
        limit += V * 1e-6  # halves go either way
    assert distance(again, truth) <= limit + 1e-11


@pytest.mark.parametrize("kind", KINDS)
def test_faces_of_the_tomogram(tmp_path, kind):
    ends = [[-0.5 * V] * 3, [(n - 0.5) * V for n in SHAPE], [0, 0, 0]]
    picks = picks_from_arrays(ends, [PARTICLE.name] * 3)
    again = read(write_kind(kind, tmp_path, picks))
    # RELION 3.1 stops at a particle outside: its rows stay within the voxels.
    if kind == "relion3":
        assert len(again) == 2  # -0.5 and 0 become the same voxel
    else:
        assert distance(again, picks) <= tolerance(kind) + 1e-11


def test_a_tomograms_own_pixel_size_wins(tmp_path):
    picks = picks_from_arrays([[200, 400, 302.5]], ["ribosome"])
    common = {"shape_zyx": (64, 120, 150), "picks": picks, "voxel_size": 10.0}
    tomograms = [
        TomogramPicks(tomogram="a", tilt_pixel_size=2.5, **common),
        TomogramPicks(tomogram="b", **common),
    ]
    settings = ExportSettings(tilt_series_pixel_size=2)
    write_target("relion4", tmp_path, tomograms, [PARTICLE], settings)
    rows = (tmp_path / "ribosome.star").read_text().splitlines()
    assert [row.split()[1] for row in rows if row.startswith(("a ", "b "))] == [
        *("122.0", "152.25")
    ]
    # Of two sizes none can stand above the table.
    assert not rows[0].startswith("# tilt")
    write_target("eman2", tmp_path, tomograms, [PARTICLE], settings)
    for name, x in (("a", -179.0), ("b", -223.75)):
        content = json.loads((tmp_path / f"{name}_info.json").read_text())
        assert content["boxes_3d"] == [[x, *content["boxes_3d"][0][1:]]]


TWO = (PARTICLE, Particle(name="virus", radius=400, color="#0000ff"))


def two_classes(folder, target):
    """Write two tomograms, the second without a virus; return the folder's files."""
    places = [[20, 40, 30], [21, 41, 31.5]]
    one = picks_from_arrays(np.array(places) * V, ["ribosome", "virus"], [0.9, 0.25])
    tomograms = [
        TomogramPicks(tomogram=name, voxel_size=V, shape_zyx=SHAPE, picks=picks)
        for name, picks in (("TS_1", one), ("TS_2", one.of("ribosome")))
    ]
    write_target(target, folder, tomograms, TWO, ExportSettings())
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def write_pairs(folder, target, tomograms, particles):
    """Write as many picks as there are pairs; return the files that hold some."""
    tomograms = [
        TomogramPicks(
            tomogram=name,
            voxel_size=V,
            shape_zyx=SHAPE,
            picks=picks_from_arrays([[10, 20, 30.0]] * len(particles), particles),
        )
        for name in tomograms
    ]
    wanted = [Particle(name=name, radius=100) for name in particles]
    write_target(target, folder, tomograms, wanted, ExportSettings())
    return [p for p in folder.rglob("*") if p.is_file()]


@pytest.mark.parametrize("target", ["warp", "portal", "tomotwin", "cbox"])
def test_two_pairs_of_names_do_not_share_a_file(tmp_path, target):
    names = (["a", "a_b"], ["b_c", "c"])
    match = f"{target} has one file a_b_c.* for tomogram a with particle b_c and tomogr"
    with pytest.raises(ValueError, match=match) as caught:
        write_pairs(tmp_path, target, *names)
    assert "tomogram a_b with particle c; expected one each" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_warp_gets_one_tomogram_of_a_tilt_series(tmp_path):
    names = ["TS_1_10.00Apx", "TS_2_5.00Apx"]
    write_pairs(tmp_path / "a", "warp", names, ["virus"])
    text = (tmp_path / "a" / "TS_1_10.00Apx_virus.star").read_text()
    assert " TS_1.tomostar " in text
    with pytest.raises(ValueError, match=r"TS_1 and TS_1_10.00Apx are both TS_1.tomos"):
        write_pairs(tmp_path / "b", "warp", ["TS_1", names[0]], ["virus"])


@pytest.mark.parametrize(
    "target", ["relion5", "relion4", "relion3", "copick", "kaggle", "imod", "dynamo"]
)
def test_pairs_of_names_that_other_targets_tell_apart(tmp_path, target):
    assert write_pairs(tmp_path, target, ["a", "a_b"], ["b_c", "c"])


@pytest.mark.parametrize("target", KINDS[1:])
def test_names_that_differ_by_case_alone(tmp_path, target, caplog, monkeypatch):
    names = (["TS_1", "ts_1"], ["Virus"])
    write_pairs(tmp_path / "out", target, *names)
    by_tomogram = "tomogram" in FILES[target]
    assert ("differ by case alone" in caplog.text) == by_tomogram
    monkeypatch.setattr(targets, "_ignores_case", lambda _: True)
    if by_tomogram:
        with pytest.raises(ValueError, match="does not tell apart; rename one"):
            write_pairs(tmp_path / "again", target, *names)
    else:
        assert write_pairs(tmp_path / "again", target, *names)


def by_class(suffix):
    names = itertools.product(("TS_1", "TS_2"), ("ribosome", "virus"))
    return [f"{tomogram}_{particle}.{suffix}" for tomogram, particle in names]


def test_rows_of_the_portal(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    assert two_classes(tmp_path, "portal") == by_class("ndjson")
    assert (tmp_path / "TS_1_virus.ndjson").read_text() == (
        '{"type": "point", "location": {"x": 31.5, "y": 41.0, "z": 21.0}}\n'
    )
    assert (tmp_path / "TS_2_virus.ndjson").read_text() == ""
    assert "no picks of virus in 1 of 2 tomograms (TS_2)" in caplog.text


def test_rows_of_tomotwin(tmp_path):
    assert two_classes(tmp_path, "tomotwin") == by_class("coords")
    assert (tmp_path / "TS_1_virus.coords").read_text() == "31.5 41.0 21.0\n"


def test_rows_of_dynamo(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    names = ["ribosome.doc", "ribosome.tbl", "virus.doc", "virus.tbl"]
    assert two_classes(tmp_path, "dynamo") == names
    first, second = (tmp_path / "ribosome.tbl").read_text().splitlines()
    assert first.split()[:3] == ["1", "1", "1"]
    assert second.split()[0] == "2"
    columns = {10: "0.9", 20: "1", 22: "1", 24: "30.0", 25: "40.0", 26: "20.0"}
    assert {number: first.split()[number - 1] for number in columns} == columns
    assert len(first.split()) == 35
    assert second.split()[19] == "2"
    assert (tmp_path / "virus.doc").read_text() == "1 TS_1.mrc\n2 TS_2.mrc\n"
    assert "whether the first voxel is 0 or 1" in caplog.text


def test_rows_of_cryolo(tmp_path):
    assert two_classes(tmp_path, "cbox") == by_class("cbox")
    text = (tmp_path / "TS_1_ribosome.cbox").read_text()
    assert [line for line in text.splitlines() if line.startswith("data_")] == [
        *("data_global", "data_cryolo", "data_cryolo_include")
    ]
    # Diameter 300 Å are 40 voxels: the corner lies 20 before the centre.
    assert "\n10.0 20.0 20.0 40 40 40 40 40 0.9 1 0\n" in text


def test_info_of_eman2(tmp_path):
    assert two_classes(tmp_path, "eman2") == ["TS_1_info.json", "TS_2_info.json"]
    content = json.loads((tmp_path / "TS_1_info.json").read_text())
    assert content == {
        "apix_unbin": V,
        "boxes_3d": [
            [-290.0, -270.0, -130.0, "tm", 0.9, 0],
            [-288.5, -269.0, -129.0, "tm", 0.25, 1],
        ],
        "class_list": {
            "0": {"name": "ribosome", "boxsize": 40},
            "1": {"name": "virus", "boxsize": 107},
        },
    }


def test_models_of_imod(tmp_path):
    assert two_classes(tmp_path, "imod") == ["TS_1.mod", "TS_2.mod"]
    raw = (tmp_path / "TS_1.mod").read_bytes()
    header = MODEL.unpack_from(raw, 8)
    assert header[0].rstrip(b"\0") == b"TS_1"
    assert header[1:5] == (*SHAPE[::-1], 2)
    assert raw.count(b"OBJT") == raw.count(b"CONT") == 2
    assert raw.endswith(b"IEOF")
    place = raw.index(b"CONT") + 4 + CONTOUR.size
    assert np.frombuffer(raw, ">f4", 3, place).tolist() == [30.5, 40.5, 20.0]
    # An object without points has no contour.
    assert (tmp_path / "TS_2.mod").read_bytes().count(b"CONT") == 1
    long = Particle(name="a" * 64, radius=1)
    with pytest.raises(ValueError, match="longer name than IMOD keeps"):
        write_target("imod", tmp_path, [], [long], ExportSettings())


@pytest.mark.parametrize("target", KINDS[1:])
def test_two_tomograms_of_one_name_are_kept_apart(tmp_path, target):
    """In a file of both nobody could tell whose picks are whose."""
    picks = random_picks(np.random.default_rng(0), 3)
    common = {"shape_zyx": SHAPE, "picks": picks, "voxel_size": V}
    tomograms = [
        TomogramPicks(tomogram="a", called="TS 1", **common),
        TomogramPicks(tomogram="b", called="TS 1", **common),
    ]
    told = f"{target} has .* in one file, in which a and b are both TS 1; expected"
    if match := {
        **dict.fromkeys(("relion5", "relion4", "kaggle"), told),
        "warp": r"a and b are both TS 1\.tomostar for Warp; expected",
    }.get(target):
        with pytest.raises(ValueError, match=match):
            write_target(target, tmp_path, tomograms, [PARTICLE], ExportSettings())
        tomograms[1] = replace(tomograms[1], called="a")  # a is called otherwise
    write_target(target, tmp_path, tomograms, [PARTICLE], ExportSettings())


@pytest.mark.parametrize("kind", KINDS)
def test_no_picks_are_valid(tmp_path, kind):
    path = write_kind(kind, tmp_path, no_picks())
    picks, warnings = read_known_picks([path], "TS_1", [PARTICLE], V, SHAPE, T)
    assert len(picks) == 0
    assert f"{path} has no picks of TS_1" in warnings
    is_empty = path.stat().st_size == 0
    assert is_empty == (kind in ("portal", "tomotwin", "dynamo"))
    assert any("is empty; taken as a " in text for text in warnings) == is_empty


def test_relion_4s_unknown_pixel_size_is_told_once(tmp_path, caplog):
    common = {"shape_zyx": SHAPE, "picks": no_picks(), "voxel_size": V}
    known = TomogramPicks(tomogram="known", tilt_pixel_size=T, **common)
    one = TomogramPicks(tomogram="one", **common)
    for settings, tomograms, num in (
        (ExportSettings(), [one, known], 1),
        (ExportSettings(), [known], 0),
        (ExportSettings(tilt_series_pixel_size=T), [one], 0),
    ):
        caplog.clear()
        write_target("relion4", tmp_path, tomograms, TWO, settings)
        told = [r.getMessage() for r in caplog.records if "unbinned" in r.getMessage()]
        assert len(told) == num
        for text in told:
            assert "pixel size of 1 tomograms (one) is not known" in text
            assert "export.tilt_series_pixel_size" in text
            assert "column tilt_pixel_size" in text
            assert "--tilt-pixel-size" in text
