from typing import get_args

import pytest

from picker.config import Config, CoTrainSettings, TrainSettings
from picker.config.base import SPLITS, UNTRAINED
from picker.config.methods import METHODS, MethodName
from picker.methods import Method, load


def test_each_method_has_a_row_and_each_row_a_file():
    assert list(METHODS) == list(get_args(MethodName))
    assert all(isinstance(load(name), Method) for name in METHODS)


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
        ("semietpicker", True, True),
        ("multi_view", True, False),
        ("mean_teacher", False, False),
    ],
)
def test_methods_turn_parts_of_co_training_off(method, multi_view, dropblock):
    switched = load(method).switched
    co_train, shared = switched(CoTrainSettings(), TrainSettings())
    assert co_train == CoTrainSettings(multi_view=multi_view)
    assert shared.augment.dropblock == dropblock
    off, _ = switched(CoTrainSettings(multi_view=False), TrainSettings())
    assert not off.multi_view


def test_windows_hold_the_methods_own_network():
    given = {
        "particles": [{"name": "ribosome", "radius": 120}],
        "model": {"preset": "small"},
        "predict": {"window_zyx": [24, 24, 24]},
    }
    assert Config.model_validate(given).method == "semietpicker"
    with pytest.raises(ValueError, match="need at least 32 voxels"):
        Config.model_validate(given | {"method": "vnet"})
