"""CSV and TSV: how programs call the columns, and copick's transforms."""

from __future__ import annotations

import pytest

from picker.config import Particle
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.read import read_coordinates

SHAPE = (64, 120, 150)
V = 10.0
PARTICLES = tuple(Particle(name=name, radius=150) for name in ("ribosome", "virus"))


def written(path, *rows):
    path.write_text("\n".join(rows) + "\n")
    return path


def picks_of(path, tomogram="TS_01"):
    picks, warnings = read_known_picks([path], tomogram, PARTICLES, V, SHAPE)
    return picks.position_zyx.tolist(), picks.particle.tolist(), warnings


@pytest.mark.parametrize(
    "column",
    [
        *("run_name", "tomogram", "tomo_name", "tomo", "experiment", "rlnTomoName"),
        *("rlnMicrographName", "micrograph", "micrograph_name", "Run Name", "TOMO"),
        *("tilt-series", "tomo_id"),
    ],
)
def test_rows_of_the_named_tomogram_alone(tmp_path, column):
    path = written(
        tmp_path / "ribosome_curation_1.csv",
        f"{column},x,y,z,score",
        *("TS_01,300.5,400,200,0.9", "TS_02,1200,900,500,0.7", "TS_03,100,100,100,0.6"),
    )
    assert picks_of(path) == ([[200, 400, 300.5]], ["ribosome"], [])
    assert picks_of(path, "TS_03") == ([[100, 100, 100]], ["ribosome"], [])
    with pytest.raises(ValueError, match=r"no picks of tomogram TS_1: .* TS_01, TS_02"):
        picks_of(path, "TS_1")


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("rlnMicrographName", ("tomograms/TS_01.mrc", "TS_02.mrc")),
        ("rlnTomoName", ("TS_01.tomostar", "TS_02.tomostar")),
    ],
)
def test_relions_names_are_read_as_in_its_own_files(tmp_path, column, cells):
    rows = [f"{cell},{x}.5,2,3" for x, cell in enumerate(cells)]
    path = written(tmp_path / "ribosome.csv", f"{column},x,y,z", *rows)
    assert picks_of(path, "TS_02")[0] == [[3, 2, 1.5]]


@pytest.mark.parametrize(
    "column",
    [
        *("object", "object_name", "particle_type", "pickable_object", "class"),
        *("pickable_object_name", "label", "particle", "Particle Type", "CLASS"),
    ],
)
def test_a_column_of_classes_beats_the_files_name(tmp_path, column):
    path = written(tmp_path / "ribosome.csv", f"{column},x,y,z", "virus,1.5,2,3")
    assert picks_of(path) == ([[3, 2, 1.5]], ["virus"], [])


def test_numbers_of_classes_are_told_of(tmp_path):
    path = written(tmp_path / "virus.csv", "class,label,x,y,z", "1,,1.5,2,3")
    _, particle, warnings = picks_of(path)
    assert particle == ["virus"]
    assert warnings == [
        f"{path}: column class holds numbers, not names of particles; it is not read"
    ]


def test_unknown_columns_are_told_of(tmp_path):
    path = written(
        tmp_path / "virus.csv",
        ",id,x,y,z,confidence,instance_id,rot,transform_33",
        "0,7,1.5,2,3,.5,0,90,1",
    )
    found = read_coordinates(path)
    assert found.warnings == (f"{path}: columns confidence, rot are not read",)
    assert (found.score.tolist(), found.tomogram, found.particle) == ([1], None, None)


def test_of_two_columns_that_differ_one_is_told_of(tmp_path):
    path = written(
        tmp_path / "virus.csv",
        *("experiment,tomo_name,run,x,y,z", "day1,TS_01,TS_01,1.5,2,3"),
    )
    position, _, (warning,) = picks_of(path)
    assert position == [[3, 2, 1.5]]
    assert "columns tomo_name and experiment may both name the tomogram" in warning


def test_one_number_in_all_rows_may_be_no_name(tmp_path):
    path = written(tmp_path / "virus.csv", "tomo_id,x,y,z", "1,1.5,2,3", "1,4.5,5,6")
    position, _, (warning,) = picks_of(path)
    assert position == [[3, 2, 1.5], [6, 5, 4.5]]
    assert (
        "column tomo_id has 1 in all rows, which may not be the tomogram's" in warning
    )


def test_a_row_must_say_whose_it_is_where_others_do(tmp_path):
    rows = ["tomo,x,y,z", "TS_01,1.5,2,3", "", ",1,2,3"]
    path = written(tmp_path / "virus.csv", *rows)
    with pytest.raises(ValueError, match=r"virus.csv: line 4 has no tomo "):
        picks_of(path)
    path = written(path, "tomo,x,y,z", ",1.5,2,3", ",4,5,6", ",,,")
    assert picks_of(path)[0] == [[3, 2, 1.5], [6, 5, 4]]


def transform(dx, dy, dz, last="0,0,0,1"):
    return f"1,0,0,{dx},0,1,0,{dy},0,0,1,{dz},{last}"


COPICK = "run_name,x,y,z," + ",".join(
    f"transform_{row}{column}" for row in range(4) for column in range(4)
)


def test_copicks_transforms_move_picks_as_in_its_json(tmp_path):
    path = written(
        tmp_path / "ribosome.csv",
        *(COPICK, f"TS_01,300,400,200,{transform(30.0, 0.0, -20.0)}"),
        *(f"TS_02,1,2,3,{transform(9, 9, 9)}", f"TS_01,1,2,3.5,{',' * 15}"),
    )
    position = [[180, 400, 330], [3.5, 2, 1]]
    assert picks_of(path) == (position, ["ribosome"] * 2, [])


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (COPICK, transform(1, 2, 3, "0,0,0,2"), r"transform_33 2.0; expected 1, as in"),
        (COPICK, transform(1, 2, 3, "0,5,0,1"), r"transform_31 5.0; expected 0, as in"),
        (
            COPICK,
            transform("a", 2, 3),
            "line 2 has transform_03 'a'; expected a finite",
        ),
        ("run_name,x,y,z,transform_03", "1", "columns transform_03; expected all of"),
        ("run_name,x,y,z,x", "1", "has the column x twice"),
        (
            "run_name,x,y,z",
            "4,1",
            "line 2 has 6 values for 4 columns; expected as many",
        ),
        ("run_name,x,y,z,score", "high", "line 2 has score 'high'; expected a finite"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, header, row, message):
    path = written(tmp_path / "ribosome.csv", header, f"TS_01,1,2,3,{row}")
    with pytest.raises(ValueError, match=message):
        picks_of(path)


def test_what_measures_particles_is_no_name(tmp_path):
    """Before there were names to look for such a file was read, and still is."""
    path = written(
        tmp_path / "virus.csv", "x,y,z,volume,type,run", "1.5,2,3,900,point,1"
    )
    position, particle, warnings = picks_of(path)
    assert (position, particle) == ([[3, 2, 1.5]], ["virus"])
    assert [text.removeprefix(f"{path}: ") for text in warnings] == [
        "column run has 1 in all rows, which may not be the tomogram's name; it is not"
        " read",
        "columns volume, type are not read",
    ]


def test_capital_letters_and_semicolons_are_tables_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Tomo Name;X;Y;Z\nTS_01;1.5;2;3\n")
    found = read_coordinates(path)
    assert found.value_zyx.tolist() == [[3, 2, 1.5]]
    assert found.tomogram == ["TS_01"]
    assert found.warnings == ()


@pytest.mark.parametrize("column", ["tomogram", "Tomogram path", "volume_file", "run"])
@pytest.mark.parametrize("folder", ["/data/rec/", "rec/", "D:\\rec\\"])
def test_of_a_path_the_files_name_is_the_tomograms(tmp_path, column, folder):
    path = tmp_path / "a.csv"
    rows = "".join(f"{folder}TS_0{n}.mrc,1,2,{n}\n" for n in (1, 2))
    path.write_text(f"{column},x,y,z\n{rows}")
    assert read_coordinates(path).tomogram == ["TS_01", "TS_02"]


def test_numbers_beside_names_are_not_worth_a_word(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "tomo_id,class_id,run_name,class_name,x,y,z\n1,3,TS_01,ribosome,1,2,3\n"
    )
    found = read_coordinates(path)
    assert (found.tomogram, found.particle) == (["TS_01"], ["ribosome"])
    assert found.warnings == ()
