from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from picker.config import (
    AugmentSettings,
    Config,
    ModelSettings,
    TrainSettings,
)


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


@pytest.mark.parametrize(
    "given", [{"widths": [100_000] * 3}, {"blocks": [10**9, 1, 1]}, {"widths": [4] * 9}]
)
def test_no_network_is_larger_than_any_is(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"less than or equal to|at most 8 items"):
        ModelSettings.model_validate(given)


def test_a_part_is_taken_away_from_the_squared_error_alone() -> None:
    given = {
        "particles": [{"name": "blob", "radius": 40}],
        "partial": {"loss": "non_negative"},
        "train": {"loss": {"kind": "reweighted_bce"}},
    }
    with pytest.raises(ValidationError, match=r"train\.loss\.kind reweighted_bce; exp"):
        Config.model_validate(given)
    Config.model_validate({**given, "partial": {"loss": "count"}})
