import logging

import pytest
import torch
from torch import nn

from picker.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_model


def test_newest_checkpoint_comes_back(tmp_path):
    path = tmp_path / "a" / "state.pt"
    assert load_checkpoint(path) is None
    for step in (1, 2):
        save_checkpoint(path, {"step": step, "w": torch.ones(3) * step})
    state = load_checkpoint(path)
    assert state["step"] == 2
    assert state["w"].tolist() == [2, 2, 2]
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "state.pt",
        "state.pt.previous",
    ]


@pytest.mark.parametrize("damage", [0, 1, 200])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, caplog, damage):
    path = tmp_path / "state.pt"
    for step in (1, 2):
        save_checkpoint(path, {"step": step, "w": torch.ones(300)})
    path.write_bytes(path.read_bytes()[:damage])
    with caplog.at_level(logging.WARNING):
        assert load_checkpoint(path)["step"] == 1
    assert "state.pt is damaged" in caplog.text


def test_a_checkpoint_cannot_run_code(tmp_path):
    path = tmp_path / "state.pt"
    torch.save({"step": print}, path)
    assert load_checkpoint(path) is None


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


def test_a_disk_that_does_not_answer_is_not_taken_for_damage(tmp_path):
    path = tmp_path / "state.pt"
    path.mkdir()  # opening it raises OSError, as a failing disk does
    with pytest.raises(OSError, match=r"state\.pt"):
        load_checkpoint(path)
