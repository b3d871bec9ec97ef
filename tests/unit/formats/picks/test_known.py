"""Picks that users bring: every kind of file, and every mistake that was seen."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks import copick, star, star_targets
from picker.formats.picks.kaggle import write_submission
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.records import TomogramPicks

SHAPE = (12, 20, 28)
V = 10.0
PARTICLES = (
    Particle(name="ribosome", radius=150),
    Particle(name="beta_amylase", radius=65),
)
PLACES = [[20.5, 30.25, 41.125], [110.0, 0.0, 270.0], [7.0, 8.0, 9.5]]


def make_tomogram(name="TS_1"):
    picks = picks_from_arrays(PLACES, ["ribosome"] * 3, [0.5, 0.25, 1])
    return TomogramPicks(tomogram=name, voxel_size=V, shape_zyx=SHAPE, picks=picks)


def read(*paths, tomogram="TS_1", particles=PARTICLES, **more):
    return read_known_picks(paths, tomogram, particles, V, SHAPE, **more)


def check(picks, places=PLACES, atol=2e-6):
    np.testing.assert_allclose(picks.position_zyx, places, atol=atol, rtol=0)
    assert set(picks.particle.tolist()) == {"ribosome"}
    assert picks.score.tolist() == [0.5, 0.25, 1]


NAMES = ["ribosome"]
BOTH = [make_tomogram("TS_2"), make_tomogram()]


@pytest.mark.parametrize(
    ("write", "name", "kind"),
    [
        (
            lambda folder: star.write_picks(folder / "a.star", BOTH[1].picks),
            "a.star",
            "picker STAR",
        ),
        (
            lambda folder: star_targets.write_relion5(folder, BOTH, NAMES, 3.0),
            "ribosome.star",
            "RELION 5 STAR",
        ),
        (
            lambda folder: star_targets.write_relion5(folder, BOTH, NAMES, 3.0),
            "import/ribosome/index.star",
            "RELION 5 STAR",
        ),
        (
            lambda folder: star_targets.write_relion4(folder, BOTH, NAMES, 3.0),
            "ribosome.star",
            "RELION 4 STAR",
        ),
        (
            lambda folder: star_targets.write_warp(folder, BOTH, NAMES),
            "TS_1_ribosome.star",
            "Warp STAR",
        ),
        (
            lambda folder: copick.write_project(folder, BOTH, PARTICLES, "me", "1"),
            "ExperimentRuns/TS_1/Picks/me_1_ribosome.json",
            "copick JSON",
        ),
        (lambda folder: write_submission(folder, BOTH), "submission_scores.csv", "CSV"),
    ],
)
def test_the_content_tells_the_kind(tmp_path, caplog, write, name, kind):
    write(tmp_path)
    caplog.set_level(logging.INFO)
    caplog.clear()
    # A name that says nothing, but for the class where no column has it.
    path = tmp_path / name
    picks, warnings = read(path)
    check(picks)
    assert warnings == []
    assert f"{path}: 3 picks, read as {kind}" in caplog.text


def test_relion3_takes_the_class_from_the_folder_and_whole_voxels(tmp_path):
    star_targets.write_relion3(tmp_path, BOTH, NAMES)
    picks, _ = read(tmp_path / "ribosome" / "TS_1_pick.star")
    check(picks, [[20, 30, 40], [110, 0, 270], [10, 10, 10]])


def test_the_caller_may_know_the_tilt_series_pixel_size(tmp_path):
    path = tmp_path / "ribosome.star"
    star_targets.write_relion4(tmp_path, BOTH, NAMES, 3.0)
    text = path.read_text().replace("# tilt_series_pixel_size: 3.0\n", "")
    path.write_text(text)
    with pytest.raises(ValueError, match="does not say their size"):
        read(path)
    check(read(path, tilt_pixel_size=3.0)[0])


@pytest.mark.parametrize("separator", [",", "\t", ", "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_of_both_kinds(tmp_path, separator, end):
    rows = [
        ["tomogram", "particle", "x", "y", "z", "score"],
        ["TS_2", "ribosome", "1", "1", "1", "1"],
        *(
            ["TS_1", "ribosome", str(x), str(y), str(z), score]
            for (z, y, x), score in zip(PLACES, ["0.5", "0.25", ""], strict=True)
        ),
    ]
    text = "".join(separator.join(row) + end for row in rows)
    (tmp_path / "a.txt").write_bytes(text.encode("utf-8-sig"))
    check(read(tmp_path / "a.txt")[0])


@pytest.mark.parametrize(
    ("name", "particle"),
    [
        ("ribosome.csv", "ribosome"),
        ("TS_1_beta-amylase.csv", "beta_amylase"),
        ("beta_amylase/TS_1.csv", "beta_amylase"),
    ],
)
def test_the_class_may_be_the_files_name(tmp_path, name, particle):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x,y,z\n1.5,2,3\n")
    assert read(path)[0].particle.tolist() == [particle]


def test_no_class_at_all(tmp_path):
    (tmp_path / "polyribosomes.csv").write_text("x,y,z\n1.5,2,3\n")
    with pytest.raises(
        ValueError, match=r"does not say which particle .*ribosome, beta"
    ):
        read(tmp_path / "polyribosomes.csv")
    picks, _ = read(tmp_path / "polyribosomes.csv", particles=PARTICLES[1:])
    assert picks.particle.tolist() == ["beta_amylase"]


ATP = ("ribosome", "ribosome_80s", "atp", "80s-atp-c")


@pytest.mark.parametrize(
    ("name", "particle"),
    [
        ("ribosome_80s.csv", "ribosome_80s"),  # the one within it is no second one
        ("TS_1-ribosome-80s.x.csv", "ribosome_80s"),
        ("TS_1_ribosome_ribosome.csv", "ribosome"),
        ("atp/ribosome.csv", "ribosome"),
        ("ribosome_grid1_atp.csv", "atp"),  # behind the tomogram's name
        ("my atp picks (2).csv", "atp"),
    ],
)
def test_a_files_name_says_one_class(tmp_path, name, particle):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x,y,z\n1.5,2,3\n")
    particles = [Particle(name=n, radius=1) for n in ATP]
    tomogram = "ribosome_grid1" if "grid" in name else "TS_1"
    picks, _ = read(path, particles=particles, tomogram=tomogram)
    assert picks.particle.tolist() == [particle]


@pytest.mark.parametrize(
    "name",
    [
        "ribosome_grid1_ts03_atp",
        "atp.ribosome_80s",
        "ribosome-ribosome_80s",
        "ribosome_80s_atp_c",  # two that share a word
    ],
)
def test_a_files_name_with_two_classes_is_refused(tmp_path, name):
    path = tmp_path / f"{name}.csv"
    path.write_text("x,y,z\n1.5,2,3\n")
    particles = [Particle(name=n, radius=1) for n in ATP]
    with pytest.raises(ValueError, match=r"names several particles, .* and ") as caught:
        read(path, particles=particles)
    assert f"picker convert {path.name} --particle NAME" in str(caught.value)


def test_a_column_of_classes_that_is_not_understood_is_told_of(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,x,y,z\n1,1.5,2,3\n2,1,2,3\n")
    with pytest.raises(ValueError, match=r"name the file after.*label holds numbers"):
        read(path)


def test_several_files_are_one_set(tmp_path):
    (tmp_path / "ribosome.csv").write_text("x,y,z\n1.5,2,3\n")
    (tmp_path / "beta_amylase.csv").write_text("x,y,z\n1.5,2,3\n4.5,5,6\n")
    picks, warnings = read(tmp_path / "ribosome.csv", tmp_path / "beta_amylase.csv")
    assert picks.particle.tolist() == ["ribosome", "beta_amylase", "beta_amylase"]
    assert warnings == []


def test_copick_names_without_underscores(tmp_path):
    tomogram = TomogramPicks(
        tomogram="TS_1",
        voxel_size=V,
        shape_zyx=SHAPE,
        picks=picks_from_arrays([[1, 2, 3.5]], ["beta_amylase"]),
    )
    copick.write_project(tmp_path, [tomogram], PARTICLES, "me", "1")
    folder = tmp_path / "ExperimentRuns" / "TS_1" / "Picks"
    picks, (warning,) = read(*sorted(folder.iterdir()))
    assert picks.particle.tolist() == ["beta_amylase"]
    assert warning == f"{folder / 'me_1_ribosome.json'} has no picks of TS_1"


def test_another_particle(tmp_path):
    (tmp_path / "a.csv").write_text("particle,x,y,z\nRibosome,1,2,3\n")
    with pytest.raises(
        ValueError, match="has picks of 'Ribosome'; expected ribosome, beta_amylase"
    ):
        read(tmp_path / "a.csv")


def test_another_tomogram(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("tomogram,particle,x,y,z\n1,ribosome,1,2,3\n")
    with pytest.raises(
        ValueError, match=r"no picks of tomogram 01: .*a.csv knows 1; names must be the"
    ):
        read(path, tomogram="01")
    star_targets.write_relion5(tmp_path, BOTH, NAMES)
    with pytest.raises(ValueError, match="knows TS_2, TS_1"):
        read(tmp_path / "ribosome.star", tomogram="TS_01")
    content = {
        "pickable_object_name": "ribosome",
        "run_name": "TS_2",
        "points": [{"location": {"x": 1, "y": 2, "z": 3}}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"a.json knows TS_2"):
        read(tmp_path / "a.json")


def test_particles_that_the_file_calls_otherwise(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("particle,x,y,z\nViral RNP,1.5,2,3\ngold #2,1,1,1.5\n")
    particles = [
        Particle.model_validate({"name": "Viral_RNP", "radius": 1}),
        Particle.model_validate({"name": "bead", "radius": 1, "called": "gold #2"}),
    ]
    picks, (warning,) = read(path, particles=particles)
    assert picks.particle.tolist() == ["Viral_RNP", "bead"]
    assert warning == f"{path}: picks of 'Viral RNP' are taken as those of Viral_RNP"
    named = Particle.model_validate({"name": "Viral RNP", "radius": 1})
    assert (named.name, named.called, named.own_name) == (
        *("Viral_RNP", "Viral RNP", "Viral RNP"),
    )
    assert read(path, particles=[named, particles[1]])[1] == []


def test_one_file_of_two_may_be_without_the_tomogram(tmp_path):
    (tmp_path / "ribosome.csv").write_text("tomogram,x,y,z\nTS_1,1.5,2,3\n")
    (tmp_path / "beta_amylase.csv").write_text("tomogram,x,y,z\nTS_2,1,2,3\n")
    paths = [tmp_path / "ribosome.csv", tmp_path / "beta_amylase.csv"]
    picks, warnings = read(*paths)
    assert len(picks) == 1
    assert warnings == [f"{paths[1]} has no picks of TS_1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,z\n1,2,3\n1,nan,3\n", "line 3 has no y .short row, nan or"),
        ("x,y,z\n1,2,3\n1,,3\n", "line 3 has no y .*fix the line"),
        ("x,y,z\n1,2\n", "line 2 has no z"),
        ("a,b\n1,2\n", r"is no file of picks: it begins with 'a,b.*expected STAR"),
        ("", "is no file of picks"),
        ("{}", "is no copick picks file"),
        ("data_\nloop_\n_rlnImageName\na\n", "has no coordinates"),
    ],
)
def test_damaged_files(tmp_path, text, message):
    (tmp_path / "ribosome").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "ribosome")


def test_files_that_are_not_text_or_not_there(tmp_path):
    for raw in (b"MZ\xff\x90", b"abc\0\0\0"):
        (tmp_path / "a.bin").write_bytes(raw)
        with pytest.raises(ValueError, match=r"a.bin is not text; expected STAR"):
            read(tmp_path / "a.bin")
    with pytest.raises(FileNotFoundError, match=r"file of picks .*b.star does not"):
        read(tmp_path / "b.star")


def test_exact_duplicates_are_kept_once(tmp_path):
    path = tmp_path / "a.csv"
    lines = ["ribosome,1,2,3.5,0.5", "beta_amylase,1,2,3.5,1", "ribosome,1,2,3.5,0.25"]
    path.write_text("particle,x,y,z,score\n" + "\n".join(lines) + "\n")
    picks, warnings = read(path)
    assert picks.particle.tolist() == ["ribosome", "beta_amylase"]
    assert picks.score.tolist() == [0.5, 1]
    assert warnings == ["TS_1 has 1 picks twice; kept once"]


def test_no_picks_are_valid(tmp_path):
    star.write_picks(tmp_path / "a.star", no_picks())
    picks, warnings = read(tmp_path / "a.star")
    assert len(picks) == 0
    assert warnings == [f"{tmp_path / 'a.star'} has no picks of TS_1"]
    (tmp_path / "a.csv").write_text("tomogram,particle,x,y,z\n")
    assert len(read(tmp_path / "a.csv")[0]) == 0
    star_targets.write_relion5(tmp_path, [], NAMES)
    assert len(read(tmp_path / "ribosome.star")[0]) == 0


@pytest.mark.parametrize(
    ("tomogram", "called", "row", "told"),
    [
        ("TS_01", None, "TS_01_10.00Apx", True),
        ("TS_01_10.00Apx", None, "TS_01_10.00Apx", False),
        ("TS_01", None, "TS_01.mrc.tomostar", True),
        ("Position_4", None, "Position 4", True),
        ("Position_4", "Position 4", "Position 4", False),
        ("rec1", None, "_rec1", True),
        ("a", "tomo 7", "tomo 7", False),
    ],
)
def test_names_of_one_tomogram(tmp_path, tomogram, called, row, told):
    path = tmp_path / "a.csv"
    path.write_text(
        f"tomogram,particle,x,y,z\n{row},ribosome,1.5,2,3\nTS_1,ribosome,1,1,1.5\n"
    )
    picks, warnings = read(path, tomogram=tomogram, called=called)
    assert picks.position_zyx.tolist() == [[3, 2, 1.5]]
    name = called or tomogram
    text = f"{path}: rows of {row!r} are taken as those of tomogram {name!r}"
    assert warnings == ([text] if told else [])


def test_the_exact_name_comes_first_and_several_others_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    names = ("TS_1", "TS_1_10.00Apx", "TS_1_5.00Apx")
    rows = "".join(f"{name},ribosome,{i},2,3.5\n" for i, name in enumerate(names))
    path.write_text("tomogram,particle,x,y,z\n" + rows)
    for i, name in enumerate(names):
        assert read(path, tomogram=name)[0].position_zyx[:, 2].tolist() == [i]
    path.write_text(path.read_text().replace("TS_1,", "TS_2,"))
    with pytest.raises(ValueError, match=r"a.csv: tomogram TS_1 may be TS_1_10.00Apx"):
        read(path, tomogram="TS_1")
