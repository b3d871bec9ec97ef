import pytest
import torch

from picker.config import BurnInSettings, ModelSettings, PlateauSettings
from picker.networks import build_model
from picker.training.plateau import rate_on_plateaus
from tests.unit.training.test_loop import KilledError, killed_at, rows, train


def schedule(**plateau):
    return BurnInSettings(
        steps=40,
        warmup_steps=0,
        learning_rate=0.01,
        plateau=PlateauSettings(epoch_steps=10, **plateau),
    )


@pytest.mark.parametrize(
    ("figures", "falls"),
    [
        ([], 0),
        ([0.5], 0),
        ([0.5, 0.5], 0),
        ([0.5, 0.4, 0.5], 1),
        ([0.5, 0.4, 0.6, 0.6], 0),  # a higher one begins anew
        ([0.5, 0.50005, 0.50009], 1),  # too little
        ([0.5, 0.4, 0.4, 0.4, 0.4], 2),
        ([0.5, 0.4, 0.4, 0.4, 0.6, 0.6, 0.6], 2),
    ],
)
def test_the_rate_falls_after_epochs_without_a_higher_figure(figures, falls):
    settings = schedule(patience=2, factor=0.75)
    rate = rate_on_plateaus(100, settings, figures)
    assert rate == pytest.approx(0.01 * 0.75**falls)


def test_the_rate_warms_up_and_has_a_floor():
    settings = schedule(patience=1, factor=0.5, lowest=0.004)
    assert rate_on_plateaus(0, settings, [0.5] * 9) == pytest.approx(0.004)
    low = settings.model_copy(update={"learning_rate": 0.001})
    assert rate_on_plateaus(0, low, [0.5] * 9) == pytest.approx(0.001)
    warm = settings.model_copy(update={"warmup_steps": 10})
    assert rate_on_plateaus(4, warm, []) == pytest.approx(0.005)


def test_training_follows_the_figures(tmp_path):
    settings = schedule(patience=1, factor=0.5)
    train(tmp_path, settings, validate=lambda model: 0.5)
    log = [row for row in rows(tmp_path) if row["validation_f1"]]
    assert [row["step"] for row in log] == ["10", "20", "30", "40"]
    assert [float(row["learning_rate"]) for row in log] == [0.01, 0.01, 0.005, 0.0025]


def test_without_validation_there_is_no_plateau(tmp_path):
    with pytest.raises(
        ValueError, match=r"none can be used; expected one.*patience: 0"
    ):
        train(tmp_path, schedule(patience=6))


@pytest.mark.parametrize("killed", [17, 25])
def test_with_plateau_and_dropout_a_resumed_run_ends_bit_equal(
    tmp_path, monkeypatch, killed
):
    settings = schedule(patience=1, factor=0.5)

    def trained(folder):
        torch.manual_seed(0)
        sizes = {"widths": (8, 8), "blocks": (1, 1), "dropout": 0.3}
        model = build_model(ModelSettings(preset="small", **sizes), 1)
        return train(
            folder,
            settings,
            model=model,
            validate=lambda model: -model.head.bias.item(),
        ).state_dict()

    whole = trained(tmp_path / "whole")
    with monkeypatch.context() as patch:
        killed_at(patch, killed)
        with pytest.raises(KilledError):
            trained(tmp_path / "cut")
    resumed = trained(tmp_path / "cut")
    rates = [row["learning_rate"] for row in rows(tmp_path / "cut")]
    assert rates == [row["learning_rate"] for row in rows(tmp_path / "whole")]
    assert len(set(rates)) > 1
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
