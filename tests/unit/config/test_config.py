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
    Config,
    ExportSettings,
    ModelSettings,
    Particle,
    Settings,
    SimulateSettings,
    Split,
    TomogramRow,
    TomogramsSettings,
    explained,
)
from picker.config.manual import descriptions

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
    bare = [key for key, text in descriptions(model).items() if not text]
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
    assert len(SPLITS) == len(set(SPLITS)) == 7
    assert set(SPLITS) == set(get_args(Split))


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


SOME = {"particles": [{"name": "ribosome", "radius": 150}]}
MICROGRAPHS = {"method": "blobs", "tomograms": {"dimensions": 2}}


def test_targets_follow_from_what_is_picked():
    assert Config.model_validate(SOME).targets[:2] == ("relion5", "relion4")
    assert Config.model_validate(SOME | MICROGRAPHS).targets == ("autopick", "box")
    voted = {"method": "vote", "vote": {"methods": {"blobs": 1, "upicker": 2}}}
    assert Config.model_validate(SOME | MICROGRAPHS | voted).targets[0] == "autopick"
    named = {"export": {"targets": ["cbox"]}}
    assert Config.model_validate(SOME | named).targets == ("cbox",)
    assert Config.model_validate(SOME | MICROGRAPHS | named).targets == ("cbox",)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (
            MICROGRAPHS | {"method": "supervised"},
            "method names supervised, which finds in tomograms alone,",
        ),
        (
            MICROGRAPHS | {"method": "vote"},
            "vote.methods names semietpicker, which finds in tomograms alone,",
        ),
        (
            MICROGRAPHS | {"export": {"targets": ["box", "imod"]}},
            "export.targets has imod, which are of tomograms",
        ),
        ({"export": {"targets": ["cbox", "box"]}}, "has box, which hold no z"),
        ({"preprocess": {"equalise": True}}, "equalise is true, but tomograms.dimens"),
        ({"preprocess": {"avoid_carbon": 0}}, "avoid_carbon is set, but tomograms.dim"),
        (
            {"method": "blobs", "simulate": {"halves": True}}
            | {"tomograms": {"dimensions": 2, "source": "simulate"}},
            "micrographs have no halves",
        ),
        (
            {"method": "blobs", "tomograms": {"dimensions": 2, "source": "copick"}},
            "copick, which has tomograms alone",
        ),
        *(
            (
                {"method": "blobs", "tomograms": {"dimensions": 2, "source": source}},
                f"source is {source}, which has .* set source: table or folder",
            )
            for source in ("relion", "warp")
        ),
    ],
)
def test_what_does_not_fit_micrographs_or_tomograms_is_an_error(values, match):
    with pytest.raises(ValueError, match=match):
        Config.model_validate(SOME | values)
