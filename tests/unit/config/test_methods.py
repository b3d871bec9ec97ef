from typing import get_args

import pytest

from picker.config import AugmentSettings, Config, CoTrainSettings, TrainSettings
from picker.config.base import SPLITS, UNTRAINED
from picker.config.methods import METHODS, MethodName
from picker.methods import Method, load


def test_each_method_has_a_row_and_each_row_a_file():
    assert list(METHODS) == list(get_args(MethodName))
    finding = [name for name, row in METHODS.items() if not row.votes]
    assert all(isinstance(load(name), Method) for name in finding)
    assert [name for name in METHODS if name not in finding] == ["vote"]


def test_no_stage_of_a_method_reads_what_is_said_to_train_nothing():
    seen = {s for row in METHODS.values() for stage in row.stages for s in stage.sees}
    assert seen == set(SPLITS) - set(UNTRAINED)


def test_a_stage_begins_with_the_model_of_the_one_before():
    row = METHODS["semietpicker"]
    assert (row.before("burn_in"), row.before("co_train")) == ((), ("burn_in",))
    assert row.models == ("co_train",)
    with pytest.raises(ValueError, match="no stage pretrain; expected one of burn_in"):
        row.stage("pretrain")


@pytest.mark.parametrize(
    ("method", "multi_view", "dropblock"),
    [
        ("semietpicker_paper", True, True),
        ("multi_view", True, False),
        ("mean_teacher", False, False),
    ],
)
def test_rows_of_the_papers_table_are_as_published(method, multi_view, dropblock):
    changed = CoTrainSettings(
        steps=7,
        schedule="continue",
        mean_teacher=False,
        multi_view=not multi_view,
        unlabeled_loss="mse",
        floor=0.5,
        halves="mixed",
        pseudo_labels="picks",
        trusted_only=True,
    )
    augment = AugmentSettings(
        restandardise=True, dropblock=not dropblock, real_noise=0.5
    )
    co_train, shared = load(method).switched(changed, TrainSettings(augment=augment))
    assert co_train == CoTrainSettings(steps=7, multi_view=multi_view)
    assert shared.augment == AugmentSettings(dropblock=dropblock)


def test_semietpicker_is_as_its_sections_say():
    changed = CoTrainSettings(schedule="continue", multi_view=False, floor=0.5)
    shared = TrainSettings(augment=AugmentSettings(dropblock=True))
    assert load("semietpicker").switched(changed, shared) == (changed, shared)


def test_windows_hold_the_methods_own_network():
    given = {
        "particles": [{"name": "ribosome", "radius": 120}],
        "model": {"preset": "small"},
        "predict": {"window_zyx": [24, 24, 24]},
    }
    assert Config.model_validate(given).method == "semietpicker"
    with pytest.raises(ValueError, match="need at least 32 voxels"):
        Config.model_validate(given | {"method": "vnet"})


RIBOSOME = [{"name": "ribosome", "radius": 120}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "self_trained"}, "learns from proposals and pretrain.proposals is"),
        (
            {"method": "deepfindet", "pretrain": {"proposals": "blobs"}},
            "method deepfindet cannot learn from proposals; expected none, or one of",
        ),
        (
            {
                "burn_in": {"start_from": "other.safetensors"},
                "pretrain": {"proposals": "blobs"},
            },
            "expected one of them, as training begins once: set proposals",
        ),
        (
            {"pretrain": {"proposals": "template"}},
            "pretrain.proposals template needs a density map of every class, and ribo",
        ),
    ],
)
def test_proposals_that_nothing_makes_or_uses_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Config.model_validate({"particles": RIBOSOME} | given)


def test_methods_that_predict_heatmaps_can_be_pre_trained():
    able = {name for name, row in METHODS.items() if row.pretrain}
    assert able >= {"semietpicker", "supervised", "vnet", "fpn"}
    assert METHODS["supervised"].pretrained().before("burn_in") == ("pretrain",)
    assert METHODS["deepfindet"].pretrained() == METHODS["deepfindet"]
    assert METHODS["supervised"].needs_labels
    assert not METHODS["self_trained"].needs_labels
    # It trains nothing, so a section that it does not read harms nothing.
    blobs = {"method": "blobs", "pretrain": {"proposals": "blobs"}}
    assert Config.model_validate({"particles": RIBOSOME} | blobs).method == "blobs"
