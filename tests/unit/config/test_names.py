from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from picker.config import (
    ExportSettings,
    Particle,
    Settings,
    TomogramRow,
    checked_name,
    safe_name,
    tomogram_name,
    tomogram_of_file,
)
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import read_picks, write_picks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["TS_01", "01", "a", "virus-like.particle", "x" * 200])
def test_a_safe_name_is_kept(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "../up", "-rf", "_x", "a b", "a/b", "a;b", "Å", "a\n", "x" * 201]
)
def test_an_unsafe_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be used: .*; rename it"):
        checked_name(name)


@pytest.mark.parametrize("model", [Particle, TomogramRow])
def test_names_of_particles_and_tomograms_are_checked(model: type[Settings]) -> None:
    values: dict[str, Any] = (
        {"name": "a/b", "radius": 1}
        if model is Particle
        else {"tomogram": "a/b", "path": "a.mrc", "split": "test"}
    )
    with pytest.raises(ValidationError, match="name 'a/b' cannot be used"):
        model(**values)


@pytest.mark.parametrize(
    "called",
    [
        "",
        "  ",
        "NaN",
        "a\nb",
        "a\tb",
        "a\x1b[31mb",
        "\u202eb",
        'a "b"',
        "x" * 201,
        "\0",
    ],
)
def test_a_name_that_would_damage_other_programs_files_is_refused(called: str) -> None:
    row = {"tomogram": "a", "path": "a.mrc", "split": "predict", "called": called}
    for model, values in (
        (Particle, {"name": "a", "radius": 1, "called": called}),
        (TomogramRow, row),
    ):
        with pytest.raises(ValidationError, match="cannot stand in other programs' fi"):
            model.model_validate(values)
    assert Particle(name="a", radius=1, called="粒 #1 'x'").own_name == "粒 #1 'x'"


@pytest.mark.parametrize("called", [{}, {"called": None}])
def test_a_name_that_is_not_safe_is_what_others_call_it(called: dict[str, Any]) -> None:
    particle = Particle.model_validate({"name": "Viral (RNP)", "radius": 1, **called})
    assert (particle.name, particle.own_name) == ("Viral__RNP_", "Viral (RNP)")
    assert Particle(name="a", radius=1, called="x").own_name == "x"
    # What was trained for a particle holds, whatever others call it.
    assert Particle(name="a", radius=1, called="x").key() == (
        Particle(name="a", radius=1).key()
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("TS_01", "TS_01"),
        ("TS_01.tomostar", "TS_01"),
        ("TS_01.mrc.tomostar", "TS_01"),
        ("TS_01_10.00Apx.mrc", "TS_01"),
        ("TS_01_7.5Apx", "TS_01"),
        ("TS_01_8Apx.rec", "TS_01"),
        ("TS_01_10.00Apx_particles.star", "TS_01"),
        ("TS_01_particles.star", "TS_01"),
        ("TS_01.mrc.coords", "TS_01"),
        ("TS_01.MRC", "TS_01"),
        ("TS_01_info.json", "TS_01"),
        ("TS_01.tsv", "TS_01"),
        ("TS_01.txt", "TS_01"),
        ("TS_01_pick.star", "TS_01"),
        ("ts_01.Rec.COORDS", "ts_01"),
        ("TS.01", "TS.01"),
        ("_8Apx", "_8Apx"),
        (".mrc", ".mrc"),
        ("TS_01_Apx", "TS_01_Apx"),
    ],
)
def test_the_tomogram_that_a_name_means(text: str, name: str) -> None:
    assert tomogram_of_file(text) == name
    if not text.lower().endswith((".star", ".coords", ".json", ".tsv", ".txt")):
        assert tomogram_name(text) == name


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "a\\b", "a;b", "a\n", "$a", "a'", ".."]
)
def test_a_name_that_no_file_may_have(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        safe_name(name)


@pytest.mark.parametrize("name", ["nan", "NaN", "NA", "null", "NULL", "None"])
def test_no_particle_has_a_name_that_tables_take_for_no_value(name: str) -> None:
    with pytest.raises(ValidationError, match=f"no particle can be called {name}"):
        Particle(name=name, radius=50)


@pytest.mark.parametrize(
    "name", ["true", "yes", "inf", "70", "1e5", "0x1F", "data_", "loop_", "1.0", "n.a"]
)
def test_names_of_particles_come_back_from_our_own_picks(
    name: str, tmp_path: Path
) -> None:
    Particle(name=name, radius=50)
    write_picks(tmp_path / "a.star", picks_from_arrays([[1, 2, 3]], [name], [0.5]))
    assert read_picks(tmp_path / "a.star").particle.tolist() == [name]


@pytest.mark.parametrize("key", ["user_id", "session_id"])
def test_ids_of_exports_are_checked(key: str) -> None:
    with pytest.raises(ValidationError, match="name 'a b' cannot be used"):
        ExportSettings.model_validate({key: "a b"})
