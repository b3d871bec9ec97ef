import errno
import logging

import numpy as np
import pytest
import torch
from torch import nn

from picker.training.checkpoint import load_checkpoint, save_checkpoint


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


def realistic_state(step):
    """Return what training saves: weights twice, the optimizer's, a table."""
    torch.manual_seed(step)
    model = nn.Sequential(*(nn.Linear(40, 40) for _ in range(12)))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 40)).sum().backward()
    optimizer.step()
    return {
        "student": model.state_dict(),
        "teacher": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "rows": [{"step": i, "loss": 0.1} for i in range(40)],
        "key": "k",
    }


def cut(data, rng):
    return data[: rng.integers(len(data))]


def flipped(data, rng):
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return data


def zeroed(data, rng):
    page = 4096 * rng.integers(len(data) // 4096)
    data[page : page + 4096] = bytes(4096)
    return data


@pytest.mark.parametrize("damage", [cut, flipped, zeroed])
def test_no_damage_gives_other_weights_or_loses_the_one_before(tmp_path, damage):
    path = tmp_path / "state.pt"
    before = realistic_state(1)
    save_checkpoint(path, before)
    save_checkpoint(path, realistic_state(2))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        path.write_bytes(damage(bytearray(whole), rng))
        state = load_checkpoint(path)
        assert state["step"] == 1
        for name, value in before["teacher"].items():
            assert torch.equal(state["teacher"][name], value)


def test_a_damaged_checkpoint_never_takes_the_place_of_a_good_one(tmp_path):
    path = tmp_path / "state.pt"
    for step in (1, 2):
        save_checkpoint(path, {"step": step, "w": torch.ones(3000)})
    path.write_bytes(zeroed(bytearray(path.read_bytes()), np.random.default_rng(0)))
    save_checkpoint(path, {"step": 3})
    assert load_checkpoint(path)["step"] == 3
    path.unlink()
    assert load_checkpoint(path)["step"] == 1


def test_checkpoints_of_before_the_digests_are_read(tmp_path):
    path = tmp_path / "state.pt"
    torch.save(realistic_state(1), path)
    assert load_checkpoint(path)["step"] == 1
    save_checkpoint(path, {"step": 2})
    path.unlink()
    assert load_checkpoint(path)["step"] == 1


def test_an_old_checkpoint_cut_anywhere_gives_the_one_before(tmp_path):
    path = tmp_path / "state.pt"
    torch.save(realistic_state(1), tmp_path / "state.pt.previous")
    torch.save(realistic_state(2), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        path.write_bytes(cut(whole, rng))
        assert load_checkpoint(path)["step"] == 1


@pytest.mark.parametrize("old", [False, True])
def test_an_error_of_the_disk_while_reading_is_no_damage(tmp_path, monkeypatch, old):
    path = tmp_path / "state.pt"
    save_checkpoint(path, {"step": 1})
    save_checkpoint(path, {"step": 2})
    if old:
        torch.save({"step": 2}, path)

    def failing(*arguments, **more):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(torch, "load", failing)
    with pytest.raises(OSError, match="Input/output"):
        load_checkpoint(path)


def test_a_checkpoint_cannot_run_code(tmp_path):
    path = tmp_path / "state.pt"
    torch.save({"step": print}, path)
    assert load_checkpoint(path) is None


def test_a_disk_that_does_not_answer_is_not_taken_for_damage(tmp_path):
    path = tmp_path / "state.pt"
    path.mkdir()  # opening it raises OSError, as a failing disk does
    with pytest.raises(OSError, match=r"state\.pt"):
        load_checkpoint(path)
