import pytest
import torch
from torch import nn

from picker.training.model_file import load_weights, save_model


def test_model_and_card_round_trip(tmp_path):
    path = tmp_path / "model.safetensors"
    model = nn.Linear(3, 2)
    save_model(path, model, {"version": "1"})
    weights, card = load_weights(path)
    assert card == {"version": "1"}
    assert torch.equal(weights["weight"], model.weight)


def test_bad_model_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.safetensors does not exist"):
        load_weights(tmp_path / "none.safetensors")
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"not a model at all")
    with pytest.raises(ValueError, match=r"bad\.safetensors cannot be read"):
        load_weights(bad)
