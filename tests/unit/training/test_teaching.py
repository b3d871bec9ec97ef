"""What the teacher proposes and how far the student is from it, in the log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from picker.config import CoTrainSettings
from picker.encodings.heatmap import Gaussians, target_from_index
from picker.report import charts
from picker.training import loop
from picker.training.teacher import PseudoPicks
from picker.training.teaching import DIFFERENCE, EVERY, PSEUDO, Teaching
from tests.unit.training.test_loop import (
    SHARED,
    KilledError,
    killed_at,
    rows,
    small_model,
    task,
    train,
)

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

RADIUS = np.array([4.0, 4.0])
CENTRES = np.array([[8.0, 8, 8], [8, 8, 24], [24, 24, 24], [16, 24, 8]])
VOXELS = 32**3


def drawn(*numbers: int) -> Tensor:
    """Two classes' heatmap of one patch, a Gaussian at each centre."""
    heatmap = target_from_index(
        *(CENTRES[: len(numbers)], np.array(numbers, int)),
        *(Gaussians().sigma_per_radius * RADIUS, (32, 32, 32), 2),
    )
    return torch.from_numpy(heatmap)[None]


def teaching() -> Teaching:
    return Teaching(["a", "b"], RADIUS, 2)


def test_peaks_of_each_class_are_counted_in_a_million_voxels() -> None:
    seen = teaching()
    teacher = drawn(0, 0, 0, 1)
    seen.add(teacher, teacher, None)
    low = 0.4 * teacher  # no peak reaches half
    seen.add(low, low, None)
    assert seen.means() == {
        PSEUDO + "a": pytest.approx(1e6 * 3 / (2 * VOXELS)),
        PSEUDO + "b": pytest.approx(1e6 * 1 / (2 * VOXELS)),
        DIFFERENCE: 0.0,
    }
    # The next row is of what comes after.
    assert seen.means() == {}


def test_peaks_and_voxels_outside_of_the_region_do_not_count() -> None:
    seen = teaching()
    teacher = drawn(0, 0, 0, 1)
    region = torch.ones(1, 1, 16, 16, 16)
    region[:, :, 8:] = 0  # with the third centre, and the fourth
    seen.add(teacher, torch.zeros_like(teacher), region)
    found = seen.means()
    assert found[PSEUDO + "a"] == pytest.approx(1e6 * 2 / (VOXELS / 2))
    assert found[PSEUDO + "b"] == 0
    assert found[DIFFERENCE] == 1  # nothing in common
    seen.add(teacher, teacher, torch.zeros_like(region))
    assert seen.means() == {}


def test_the_difference_is_a_part_of_what_both_say() -> None:
    seen = teaching()
    teacher = drawn(0, 0, 0, 1)
    seen.add(teacher, 0.75 * teacher, None)
    assert seen.means()[DIFFERENCE] == pytest.approx(0.25)
    seen.add(teacher, drawn(0, 0, 1), None)
    assert 0.25 < seen.means()[DIFFERENCE] < 1


def test_drawn_pseudo_picks_are_counted_as_they_are() -> None:
    seen = teaching()
    teacher = drawn(0, 0, 0, 1)
    picks = torch.tensor([[0, 0, 4, 4, 4], [0, 1, 8, 12, 4], [0, 1, 1, 1, 1]])
    seen.add(teacher, teacher, None, picks)
    found = seen.means()
    assert found[PSEUDO + "a"] == pytest.approx(1e6 / VOXELS)
    assert found[PSEUDO + "b"] == pytest.approx(2e6 / VOXELS)
    seen.add(teacher, teacher, None, picks[:0])
    assert seen.means()[PSEUDO + "a"] == 0


CO_TRAIN = CoTrainSettings(steps=60, ramp_up_steps=5)


def shown(folder: Path) -> list[dict[str, str]]:
    """Return a log's rows without what depends on the machine's speed."""
    return [
        {name: value for name, value in row.items() if name != "steps_per_second"}
        for row in rows(folder)
    ]


def test_each_row_is_a_mean_over_the_steps_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    add = Teaching.add

    def counted(self: Teaching, *given: Any) -> None:
        calls.append(1)
        add(self, *given)

    monkeypatch.setattr(Teaching, "add", counted)
    train(tmp_path, CO_TRAIN)
    assert len(calls) == 60 / EVERY
    found = shown(tmp_path)
    assert [row["step"] for row in found] == ["25", "50", "60"]
    for row in found:
        assert 0 < float(row[DIFFERENCE]) < 1
        assert float(row[PSEUDO + "0"]) >= 0


@pytest.mark.parametrize("killed", [17, 27, 38])
def test_a_resumed_training_writes_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int
) -> None:
    settings = CO_TRAIN.model_copy(update={"steps": 50})
    # Between two rows, so that half a row's sums are in the checkpoint.
    shared = SHARED.model_copy(update={"checkpoint_every": 12})
    train(tmp_path / "whole", settings, shared)
    with monkeypatch.context() as patch:
        killed_at(patch, killed)
        with pytest.raises(KilledError):
            train(tmp_path / "cut", settings, shared)
    train(tmp_path / "cut", settings, shared)
    assert shown(tmp_path / "cut") == shown(tmp_path / "whole")


def pseudo_picks() -> PseudoPicks:
    return PseudoPicks(
        threshold=np.array([0.05]),
        doubt=np.array([0.02]),
        distance=np.array([2.0]),
        sigma=np.array([2.0]),
        kernels=[3],
        stride=2,
    )


@pytest.mark.parametrize("as_picks", [False, True])
def test_who_looks_does_not_change_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_picks: bool
) -> None:
    settings = CO_TRAIN.model_copy(update={"steps": 20})

    def weights(name: str) -> dict[str, Tensor]:
        one: Any = task(settings, SHARED, small_model())
        if as_picks:
            one.pseudo_picks = pseudo_picks()
        model = loop.train(
            one,
            SHARED,
            device=torch.device("cpu"),
            checkpoint=tmp_path / f"{name}.pt",
            log=tmp_path / name / "log.tsv",
        )
        return model.state_dict()

    seen = weights("seen")
    assert PSEUDO + "0" in rows(tmp_path / "seen")[0]
    monkeypatch.setattr(Teaching, "add", lambda *_: None)
    unseen = weights("unseen")
    assert PSEUDO + "0" not in rows(tmp_path / "unseen")[0]
    for name, value in seen.items():
        assert torch.equal(value, unseen[name]), name


def test_a_checkpoint_of_an_earlier_version_goes_on() -> None:
    one: Any = task(CO_TRAIN, SHARED, small_model())
    one.begin(torch.device("cpu"))
    saved = one.state()
    del saved["teaching"]
    one.restore(saved)
    assert one.figures() == {}
    batch = replace(one.patches[0])
    one.losses(one.model, batch, 0)
    assert DIFFERENCE in one.figures()


def test_the_report_draws_the_columns_that_training_writes():
    assert (charts.PSEUDO, charts.DIFFERENCE) == (PSEUDO, DIFFERENCE)
