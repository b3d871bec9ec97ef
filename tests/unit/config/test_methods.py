from typing import get_args

import pytest

from picker.config import Config, CoTrainSettings, TrainSettings
from picker.config.methods import METHODS, MethodName
from picker.jobs.training_data import all_labels
from picker.methods import Method, load
from picker.project.records import failed
from tests.unit.predicted import preprocessed


def entry(name, split, labels=None, error=None):
    found = preprocessed(name, split, labels=labels)
    return failed(found, found.volume, error) if error else found


def test_each_method_has_a_row_and_each_row_a_file():
    assert list(METHODS) == list(get_args(MethodName))
    assert all(isinstance(load(name), Method) for name in METHODS)


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


def test_all_labels_takes_unlabeled_tomograms_that_have_picks():
    entries = [
        entry("a", "labeled", "a.star"),
        entry("b", "unlabeled", "b.star"),
        entry("c", "unlabeled"),
        entry("d", "unlabeled", "d.star", error="truncated"),
        entry("e", "test", "e.star"),
    ]
    splits = {e.tomogram: e.split for e in all_labels(entries)}
    assert splits == {
        "a": "labeled",
        "b": "labeled",
        "c": "unlabeled",
        "d": "unlabeled",
        "e": "test",
    }


def test_all_labels_without_picks_says_what_to_do():
    entries = [entry("a", "labeled", "a.star"), entry("c", "unlabeled")]
    with pytest.raises(ValueError, match=r"none of the 1 has; name their files in the"):
        all_labels(entries)


def test_windows_hold_the_methods_own_network():
    given = {
        "particles": [{"name": "ribosome", "radius": 120}],
        "model": {"preset": "small"},
        "predict": {"window_zyx": [24, 24, 24]},
    }
    assert Config.model_validate(given).method == "semietpicker"
    with pytest.raises(ValueError, match="need at least 32 voxels"):
        Config.model_validate(given | {"method": "vnet"})
