"""Picks that users bring: every kind of file, and every mistake that was seen."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from picker.config import Particle
from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks import copick, star, star_targets
from picker.formats.picks.given import read_given_picks
from picker.formats.picks.kaggle import write_submission

SHAPE = (12, 20, 28)
V = 10.0
PARTICLES = (
    Particle(name="ribosome", radius=150),
    Particle(name="beta_amylase", radius=65),
)
PLACES = [[20.5, 30.25, 41.125], [110.0, 0.0, 270.0], [7.0, 8.0, 9.5]]


def make_tomogram(name="TS_1"):
    picks = picks_from_arrays(PLACES, ["ribosome"] * 3, [0.5, 0.25, 1])
    return star.TomogramPicks(tomogram=name, voxel_size=V, shape_zyx=SHAPE, picks=picks)


def read(*paths, tomogram="TS_1", particles=PARTICLES, **more):
    return read_given_picks(paths, tomogram, particles, V, SHAPE, **more)


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
    tomogram = star.TomogramPicks(
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


# Mistakes


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


def test_picks_outside_are_counted_with_the_bounds(tmp_path):
    path = tmp_path / "ribosome.csv"
    path.write_text("x,y,z\n275,195,115\n-5,-5,-5\n275.1,1,1\n1,1,115.5\n")
    with pytest.raises(ValueError, match="has 2 of 4 picks outside") as caught:
        read(path)
    text = str(caught.value)
    assert "the first, pick 3, at x, y, z (275.1, 1, 1) Å, voxel (27.51" in text
    assert "expected 0, 0, 0 to (270, 190, 110) Å" in text


@pytest.mark.parametrize(
    ("outside", "num", "place", "kept"),
    [
        ("drop_few", 2, "20,-2,0", 18),  # 2 of 20, in y as far as its tenth
        ("drop_few", 3, "20,-2,0", None),
        ("drop_few", 1, "20,-2.2,0", None),  # too far
        ("drop", 12, "900,900,900", 8),
        ("drop", 20, "900,900,900", None),  # nothing would be left
        ("error", 1, "20,-2,0", None),
    ],
)
def test_picks_outside_are_left_out_aloud(tmp_path, outside, num, place, kept):
    path = tmp_path / "ribosome.coords"
    rows = [f"{i}.5 10 5" for i in range(20)]
    rows[20 - num :] = [place.replace(",", " ")] * num
    path.write_text("".join(f"{row}\n" for row in rows))
    if kept is None:
        with pytest.raises(ValueError, match=f"has {num} of 20 picks outside"):
            read(path, outside=outside)
        return
    picks, (warning,) = read(path, outside=outside)
    assert picks.position_zyx.tolist() == [[50, 100, 10 * i + 5] for i in range(kept)]
    assert f"has {num} of 20 picks outside of the tomogram" in warning
    assert warning.endswith("left out")


def test_one_stray_pick_of_two_is_no_other_unit(tmp_path):
    path = tmp_path / "ribosome.coords"
    path.write_text("20 10 5\n34 10 5\n")
    with pytest.raises(ValueError, match="has 1 of 2 picks outside") as caught:
        read(path)
    assert "--unit" not in str(caught.value)
    assert str(caught.value).endswith("(picker convert --outside) to drop")


@pytest.mark.parametrize("outside", ["drop_few", "drop"])
def test_leaving_out_all_picks_is_no_advice(tmp_path, outside):
    path = tmp_path / "ribosome.coords"
    path.write_text("29 10 5\n")
    with pytest.raises(ValueError, match="has 1 of 1 picks outside") as caught:
        read(path, outside=outside)
    assert "drop" not in str(caught.value)


def test_a_shift_that_moves_a_pick_out_is_no_other_unit(tmp_path):
    names = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
    names += [f"rlnOrigin{axis}Angst" for axis in "XYZ"]
    path = tmp_path / "ribosome.star"
    header = "data_\nloop_\n" + "".join(f"_{name}\n" for name in names)
    path.write_text(header + "100 50 0 0 0 0\n130 50 0 -25 0 0\n")
    picks, (warning,) = read(path)
    assert picks.position_zyx.tolist() == [[60, 150, 240]]
    assert "has 1 of 2 picks outside" in warning
    path.write_text(header + "130 50 0 -25 0 0\n")
    with pytest.raises(ValueError, match="has 1 of 1 picks outside") as caught:
        read(path)
    assert "--unit" not in str(caught.value)


def test_angstrom_in_a_file_of_voxels(tmp_path):
    header = "data_\nloop_\n" + "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")
    path = tmp_path / "ribosome.star"
    path.write_text(header + "250 100 50\n20 10 5\n")
    message = (
        r"\(250, 100, 50\) read as voxels is voxel \(250, 100, 50\), read as Å it is"
        r" voxel \(25, 10, 5\); read as voxels 1 of 2 picks lie outside of the"
        r" tomogram, read as Å none does; fix the file, or convert it: picker convert"
        r" ribosome.star --unit angstrom"
    )
    with pytest.raises(ValueError, match=message):
        read(path)
    path.write_text(header + "2500 100 50\n")
    with pytest.raises(ValueError, match="check the voxel size, the tomogram and the"):
        read(path)


def test_voxels_in_a_file_of_angstrom_are_a_warning(tmp_path):
    path = tmp_path / "ribosome.csv"
    path.write_text("x,y,z\n25,10,5\n20,19,11\n3,4,5\n")
    _, (warning,) = read(path)
    assert "all 3 positions are whole numbers below the tomogram's number" in warning
    assert "read as Å, is voxel (2.5, 1, 0.5)" in warning
    assert "it would be at (250, 100, 50) Å" in warning
    for text in ("x,y,z\n25,10,5\n", "x,y,z\n25,10,5\n20,19,11\n3,4,5.5\n"):
        path.write_text(text)
        assert read(path)[1] == []


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
