from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from picker.config import (
    SPLITS,
    AugmentSettings,
    Config,
    ExportSettings,
    ModelSettings,
    Particle,
    Settings,
    SimulateSettings,
    Split,
    TomogramRow,
    TomogramsSettings,
    TrainSettings,
    checked_name,
    explained,
    safe_name,
    tomogram_name,
    tomogram_of_file,
)
from picker.config.manual import description
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import read_picks, write_picks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
MANUAL = ROOT / "config.yaml"
RIBOSOME = {"name": "ribosome", "radius": 120}


def config_of(**sections: Any) -> Config:
    return Config.model_validate({"particles": [RIBOSOME], **sections})


def sections_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the fields of a model that are models themselves."""
    return {
        key: field.annotation
        for key, field in model.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
    }


def all_models(model: type[BaseModel] = Config) -> list[type[BaseModel]]:
    below = [m for section in sections_of(model).values() for m in all_models(section)]
    return [model, *below]


@pytest.mark.parametrize("model", [*all_models(), Particle, TomogramRow])
def test_each_setting_is_described(model: type[BaseModel]) -> None:
    bare = [key for key, field in model.model_fields.items() if not description(field)]
    assert bare == []


def test_every_section_refuses_unknown_keys_and_changes() -> None:
    for model in [*all_models(), Particle, TomogramRow]:
        assert issubclass(model, Settings)
        assert model.model_config["extra"] == "forbid"
        assert model.model_config["frozen"] is True


def test_json_of_a_section_gives_the_same_section() -> None:
    config = Config.model_validate(yaml.safe_load(MANUAL.read_text(encoding="utf-8")))
    assert Config.model_validate_json(config.model_dump_json()) == config
    for key in sections_of(Config):
        section = getattr(config, key)
        assert type(section).model_validate_json(section.model_dump_json()) == section


def test_values_that_arrive_as_strings_are_converted() -> None:
    config = config_of(burn_in={"steps": "7", "learning_rate": "1e-2"})
    assert config.burn_in.steps == 7
    assert config.burn_in.learning_rate == 0.01


def test_splits_lists_each_split_once() -> None:
    assert len(SPLITS) == len(set(SPLITS)) == 5
    assert set(SPLITS) == set(get_args(Split))


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


@pytest.mark.parametrize("key", ["user_id", "session_id"])
def test_ids_of_exports_are_checked(key: str) -> None:
    with pytest.raises(ValidationError, match="name 'a b' cannot be used"):
        ExportSettings.model_validate({key: "a b"})


@pytest.mark.parametrize("split", ["labeled", "validation"])
def test_a_tomogram_to_learn_from_needs_picks(split: str) -> None:
    row = {"tomogram": "TS_01", "path": "a.mrc", "split": split}
    with pytest.raises(
        ValidationError,
        match=f"TS_01 is {split} but has no picks; expected a file of picks, name it",
    ):
        TomogramRow.model_validate(row)
    assert TomogramRow.model_validate({**row, "picks": ["a.star"]}).split == split


@pytest.mark.parametrize("split", ["unlabeled", "test", "predict"])
def test_other_tomograms_need_no_picks(split: str) -> None:
    row = {"tomogram": "TS_01", "path": "a.mrc", "split": split}
    assert TomogramRow.model_validate(row).picks == ()


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("small", ((16, 32, 64), (2, 2, 2), False)),
        ("full", ((64, 128, 256, 512), (3, 4, 6, 3), True)),
    ],
)
def test_a_preset_fills_in_what_is_null(preset: str, expected: tuple[Any, ...]) -> None:
    assert ModelSettings.model_validate({"preset": preset}).architecture == expected


def test_a_given_value_overrides_the_preset() -> None:
    model = ModelSettings(preset="small", widths=(4, 8, 8), stem_pool=True)
    assert model.architecture == ((4, 8, 8), (2, 2, 2), True)
    full = ModelSettings(preset="full", stem_pool=False)
    assert full.architecture == ((64, 128, 256, 512), (3, 4, 6, 3), False)


def test_widths_and_blocks_have_one_length() -> None:
    with pytest.raises(
        ValidationError,
        match=r"widths has 2 stages, model\.blocks 3; expected the same number",
    ):
        ModelSettings(preset="small", widths=(4, 8))


def test_a_batch_has_equal_parts() -> None:
    with pytest.raises(ValidationError, match="is 3 and accumulate 2; expected a mult"):
        TrainSettings(batch_size=3, accumulate=2)
    assert TrainSettings(batch_size=4, accumulate=2).accumulate == 2


def test_dropblock_size_is_odd() -> None:
    with pytest.raises(
        ValidationError, match="dropblock_size is 4; expected an odd number"
    ):
        AugmentSettings(dropblock_size=4)
    assert AugmentSettings(dropblock_size=5).dropblock_size == 5


def test_no_particle_has_a_name_twice() -> None:
    with pytest.raises(ValidationError, match="a name twice: ribosome, ribosome"):
        Config.model_validate({"particles": [RIBOSOME, RIBOSOME]})


@pytest.mark.parametrize("radius", [1e-300, 0.01, 1e6, 1e300])
def test_a_radius_that_no_particle_has_is_refused(radius: float) -> None:
    with pytest.raises(ValidationError, match=r"radius\n.*(100000|0\.1)"):
        Particle(name="a", radius=radius)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "a", "called": "x"}, {"name": "b", "called": "x"}),
        ({"name": "a", "called": "b"}, {"name": "b"}),
        ({"name": "a"}, {"name": "b", "called": "a"}),
    ],
)
def test_no_two_particles_are_called_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    particles = [{**one, "radius": 1}, {**other, "radius": 1}]
    with pytest.raises(ValidationError, match=r"a and b are both \w in the files of"):
        Config.model_validate({"particles": particles})


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


def test_there_is_a_particle() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        Config.model_validate({"particles": []})


def test_thresholds_name_known_particles() -> None:
    with pytest.raises(
        ValidationError,
        match=r"pick\.thresholds names tric; expected some of ribosome",
    ):
        config_of(pick={"thresholds": {"tric": 0.5}})
    assert config_of(pick={"thresholds": {"ribosome": 0.5}}).pick.thresholds == {
        "ribosome": 0.5
    }


@pytest.mark.parametrize(
    ("model", "key", "value", "message"),
    [
        (Particle, "radius", 0, "greater than or equal to 0.1"),
        (Particle, "radius", -5, "greater than or equal to 0.1"),
        (Particle, "weight", -1, "greater than or equal to 0"),
        (Particle, "color", "red", "should match pattern"),
        (TomogramsSettings, "source", "web", "Input should be 'table'"),
        (TomogramsSettings, "voxel_size", 0, "greater than 0"),
        (SimulateSettings, "shape_zyx", [1, 2], "Field required"),
        (SimulateSettings, "shape_zyx", [0, 2, 2], "greater than or equal to 1"),
        (SimulateSettings, "missing_wedge", 90, "less than 90"),
        (ModelSettings, "preset", "huge", "Input should be 'small' or 'full'"),
        (ExportSettings, "targets", ["eman"], "Input should be 'relion5'"),
    ],
)
def test_a_value_out_of_range_is_refused(
    model: type[Settings], key: str, value: Any, message: str
) -> None:
    values = RIBOSOME if model is Particle else {}
    with pytest.raises(ValidationError, match=message):
        model.model_validate({**values, key: value})


def test_a_setting_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        config_of().burn_in.steps = 1


def test_errors_are_explained_by_key_reason_and_value() -> None:
    with pytest.raises(ValidationError) as caught:
        config_of(burn_in={"stepz": 1}, co_train={"steps": -1}, model="full")
    assert explained(caught.value).splitlines() == [
        "  model: Input should be a valid dictionary or instance of ModelSettings"
        " (got 'full')",
        "  burn_in.stepz: unknown setting; config.yaml lists all of them (got 1)",
        "  co_train.steps: Input should be greater than or equal to 0 (got -1)",
    ]


def test_errors_of_the_whole_config_have_a_name_and_no_dump() -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"particles": [RIBOSOME, RIBOSOME]})
    assert explained(caught.value) == (
        "  config: particles have a name twice: ribosome, ribosome; rename one"
    )


def test_config_loads_without_the_libraries_of_the_science() -> None:
    code = (
        "import sys, picker.config\n"
        "heavy = {'torch', 'monai', 'numpy', 'scipy', 'zarr', 'snakemake'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    "values",
    [
        {"path": "raw/x{y}.mrc"},
        {"path": "a.mrc", "picks": ["p{1.star"]},
        {"path": "a.mrc", "mask": "m}.mrc"},
    ],
)
def test_a_brace_in_a_file_name_is_refused_before_snakemake_trips_over_it(values):
    with pytest.raises(ValidationError, match="has a brace in its name"):
        TomogramRow(tomogram="a", split="predict", **values)


@pytest.mark.parametrize("name", ["mean", "all"])
def test_a_particle_has_no_name_that_results_use(name: str) -> None:
    with pytest.raises(ValidationError, match=f"no particle can be called {name}"):
        Config.model_validate({"particles": [{"name": name, "radius": 50}]})


def test_particles_without_a_color_get_each_its_own() -> None:
    particles = [{"name": f"p{i}", "radius": 50} for i in range(6)]
    particles[1]["color"] = "#000000"
    colors = [
        p.color for p in Config.model_validate({"particles": particles}).particles
    ]
    assert colors[1] == "#000000"
    assert len(set(colors)) == 6
    many = [{"name": f"p{i}", "radius": 50} for i in range(30)]
    assert len(Config.model_validate({"particles": many}).particles) == 30


BAD_NUMBERS = (True, False, float("inf"), float("-inf"), float("nan"))


def repeated(count: int) -> Callable[[Any], Any]:
    return lambda number: [number] * count


def numbers_of(model: type[BaseModel]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yield each setting that is a number or holds some, and how a number is given."""

    def is_number(kind: Any) -> bool:
        return isinstance(kind, dict) and kind.get("type") in ("number", "integer")

    for key, setting in model.model_json_schema()["properties"].items():
        for kind in setting.get("anyOf", [setting]):
            places = kind.get("prefixItems", [kind.get("items")])
            if is_number(kind):
                yield key, lambda number: number
            elif is_number(places[0]):
                yield key, repeated(len(places))
            elif is_number(kind.get("additionalProperties")):
                yield key, lambda number: {"a": number}


@pytest.mark.parametrize("model", [*all_models(), Particle, TomogramRow])
def test_no_number_is_infinite_nan_or_yes(model: type[Settings]) -> None:
    for key, given in numbers_of(model):
        for bad in BAD_NUMBERS:
            with pytest.raises(ValidationError) as caught:
                model.model_validate({key: given(bad)})
            said = explained(caught.value).splitlines()
            assert any(line.startswith(f"  {key}") for line in said), (key, bad, said)


def test_numbers_of_all_kinds_are_looked_at() -> None:
    found = {
        f"{model.__name__}.{key}"
        for model in [*all_models(), Particle, TomogramRow]
        for key, *_ in numbers_of(model)
    }
    assert found >= {
        "Particle.radius",
        "BurnInSettings.learning_rate",
        "TrainSettings.seed",
        "TrainSettings.patch_zyx",
        "PickSettings.thresholds",
        "TomogramRow.slab_z_low",
        "BenchmarkSettings.seeds",
        "SimulateSettings.snr",
    }


def test_a_word_that_yaml_takes_for_yes_is_explained() -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(yaml.safe_load("particles: [{name: no, radius: yes}]"))
    assert explained(caught.value).splitlines() == [
        f"  particles.0.{key}: expected a number or text, got yes or no (true, false,"
        f" on, off), as YAML reads these words; put text in quotes (got {value})"
        for key, value in (("name", False), ("radius", True))
    ]
    assert config_of(predict={"flips": False}, model={"stem_pool": True})


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


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("x" * 5000, "a path of 5000 characters cannot exist"),
        ("/".join(["abc"] * 2000), "a path of 7999 characters cannot exist"),
        ("Å" * 200, "a path of 200 characters cannot exist"),
        ("a\x1b[31m.mrc", "has characters that cannot be printed"),
        ("a\n.mrc", "has characters that cannot be printed"),
        ("a\0.mrc", "has characters that cannot be printed"),
    ],
)
def test_a_path_that_cannot_be_is_refused(path: str, message: str) -> None:
    row = {"tomogram": "a", "path": "a.mrc", "split": "test"}
    for bad in ({"path": path}, {"picks": [path]}, {"mask": path}):
        with pytest.raises(ValidationError, match=message):
            TomogramRow.model_validate(row | bad)
    with pytest.raises(ValidationError, match=message):
        config_of(tomograms={"copick": {"picks": {"test": path}}})


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"seeds": ["x" * 1000] * 100_000}, 99_990),
        ({"x" * 1000 + str(i): 1 for i in range(1000)}, 990),
        ({"unlabeled": [[["x" * 1000] * 1000] * 1000] * 1000}, None),
        ({"unlabeled": 10**5000}, None),
    ],
)
def test_messages_are_short_whatever_came(given: dict[str, Any], count: int) -> None:
    with pytest.raises(ValidationError) as caught:
        config_of(benchmark=given)
    said = explained(caught.value)
    assert len(said) < 4000
    assert (f"  and {count} more" in said) == (count is not None)


def test_what_a_terminal_would_obey_is_written_out() -> None:
    with pytest.raises(ValidationError) as caught:
        config_of(**{"\x1b[31mred\u202e": "\x1b]0;x\x07"})
    said = explained(caught.value)
    assert said.isprintable()
    assert said.startswith("  \\x1b[31mred\\u202e: unknown setting")


@pytest.mark.parametrize(
    "given", [{"widths": [100_000] * 3}, {"blocks": [10**9, 1, 1]}, {"widths": [4] * 9}]
)
def test_no_network_is_larger_than_any_is(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"less than or equal to|at most 8 items"):
        ModelSettings.model_validate(given)
