from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from picker.config import Config, explained
from picker.config.benchmark import variants_of
from picker.config.strict import check_settings_file

FILES = Path(__file__).parents[3] / "docs/benchmark"
RIBOSOME = {"name": "ribosome", "radius": 120}


def config(variants, **more):
    given = {"particles": [RIBOSOME], "benchmark": {"variants": variants}}
    return Config.model_validate(given | more)


def test_a_variant_has_the_projects_settings_but_for_its_own():
    ours = config(
        {"deepfindet-dropout": {"burn_in": {"plateau": {"patience": 6}}}},
        burn_in={"steps": 7, "plateau": {"factor": 0.5}},
        method="supervised",
    )
    made = variants_of(ours)["deepfindet-dropout"]
    assert made.method == "deepfindet"
    assert (made.burn_in.steps, made.burn_in.plateau.factor) == (7, 0.5)
    assert made.burn_in.plateau.patience == 6
    assert ours.burn_in.plateau.patience == 0
    assert made.benchmark.variants == {}


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"dropout": {}}, "dropout is no name of a variant; expected a method, a dash"),
        ({"resnet-deep": {}}, "resnet-deep is no name of a variant"),
        ({"deepfindet-Deep": {}}, "no name of a variant"),
        (
            {"deepfindet-x": {"preprocess": {"whiten": True}}},
            "changes preprocess, which deepfindet does not read or all cells share",
        ),
        (
            {"yolo_slices-x": {"model": {"dropout": 0.3}}},
            "changes model, which yolo_slices does not read",
        ),
        ({"vote-x": {"train": {}}}, "expected some of vote, pick, tune"),
        ({"deepfindet-x": {"train": {"seed": 3}}}, "which benchmark.seeds has"),
        (
            {"deepfindet-x": {"model": {"dropout": 3}}},
            "variant deepfindet-x: .*model.dropout",
        ),
        (
            {"deepfindet-x": {"deepfindet": {"class_weights": {"actin": 2}}}},
            "deepfindet.class_weights names actin; expected some of ribosome",
        ),
    ],
)
def test_a_wrong_variant_is_named(variants, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        config(variants)


def test_what_is_wrong_with_a_variant_is_one_line():
    changes = {"model": {"dropuot": 1}, "burn_in": {"steps": -1}}
    with pytest.raises(ValidationError) as caught:
        config({"deepfindet-x": changes})
    (line,) = explained(caught.value).splitlines()
    assert "variant deepfindet-x: model.dropuot: unknown setting" in line
    assert "; burn_in.steps: " in line
    assert "pydantic" not in line


@pytest.mark.parametrize("name", ["kaggle", "kaggle_small"])
def test_the_files_of_the_kaggle_report_are_valid(name):
    path = FILES / f"{name}.yaml"
    check_settings_file(path)
    small = yaml.safe_load((FILES / "kaggle_small.yaml").read_text())
    given = {"particles": small["particles"]} | yaml.safe_load(path.read_text())
    made = variants_of(Config.model_validate(given))
    first, second, weighted = (
        made[f"deepfindet_published-{one}"] for one in ("train1", "train2", "weighted")
    )
    assert first.train.batch_size == second.train.batch_size == 5
    assert first.burn_in.steps == 2 * second.burn_in.steps
    assert (first.model.dropout, second.model.dropout) == (0.0, 0.3)
    assert weighted.burn_in == first.burn_in
    assert second.burn_in.plateau == first.burn_in.plateau
    assert first.burn_in.plateau.is_on
    assert {one.deepfindet.miss_weight for one in (first, second, weighted)} == {0.7}
    assert set(weighted.deepfindet.class_weights.values()) == {2}
    assert made["vote-offsets"].pick.offsets.particles
    assert made["vote-merging"].pick.merge_per_radius == 0.1
    assert {made[f"vote-{way}"].tune.search for way in ("grid", "bayesian")} == {
        *("grid", "bayesian")
    }


def test_deepfindet_is_trained_as_the_report_says():
    small = yaml.safe_load((FILES / "kaggle_small.yaml").read_text())
    given = yaml.safe_load((FILES / "kaggle.yaml").read_text())
    ours = Config.model_validate({"particles": small["particles"]} | given)
    first = variants_of(ours)["deepfindet_published-train1"]
    assert first.train.patch_zyx == (72, 72, 72)
    assert first.burn_in.learning_rate == 1e-4
    plateau = first.burn_in.plateau
    assert (plateau.patience, plateau.factor, plateau.lowest) == (6, 0.75, 1e-6)
    assert first.burn_in.steps == 100 * plateau.epoch_steps
    assert ours.model.widths == (48, 64, 80, 80)
    assert ours.train.patch_zyx == (96, 96, 96)


def test_a_variant_of_a_method_on_slices_may_link_otherwise():
    made = variants_of(config({"yolo_slices-near": {"link": {"xy_per_radius": 0.1}}}))
    assert made["yolo_slices-near"].link.xy_per_radius == 0.1
    with pytest.raises(ValueError, match="changes link, which deepfindet does not"):
        config({"deepfindet-near": {"link": {"xy_per_radius": 0.1}}})


def test_a_plateau_and_a_cosine_that_goes_on_exclude_each_other():
    given = {"burn_in": {"plateau": {"patience": 6}}}
    with pytest.raises(ValueError, match="burn-in has no cosine to go on with"):
        config({}, co_train={"schedule": "continue"}, **given)
    assert config({}, **given).burn_in.plateau.is_on
