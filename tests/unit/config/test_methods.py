from typing import get_args

import pytest

from picker.config import Config, CoTrainSettings, TrainSettings
from picker.config.methods import METHODS, Method
from picker.project.manifests import failed
from picker.verbs.co_train import as_method
from picker.verbs.training import all_labels
from tests.unit.predicted import preprocessed


def entry(name, split, labels=None, error=None):
    found = preprocessed(name, split, labels=labels)
    return failed(found, found.volume, error) if error else found


def test_each_method_has_a_recipe():
    assert list(METHODS) == list(get_args(Method))


@pytest.mark.parametrize(
    ("method", "multi_view", "dropblock"),
    [
        ("semietpicker", True, True),
        ("multi_view", True, False),
        ("mean_teacher", False, False),
    ],
)
def test_methods_turn_parts_of_co_training_off(method, multi_view, dropblock):
    co_train, shared = as_method(METHODS[method], CoTrainSettings(), TrainSettings())
    assert co_train == CoTrainSettings(multi_view=multi_view)
    assert shared.augment.dropblock == dropblock
    off, _ = as_method(
        METHODS[method], CoTrainSettings(multi_view=False), TrainSettings()
    )
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
