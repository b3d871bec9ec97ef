import os
import socket
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

from picker.config import BurnInSettings, CoTrainSettings
from picker.machine import processes as distributed
from picker.machine.processes import (
    process_group,
    share_of,
    share_statistics,
    shared_out,
)
from tests.unit.training.test_loop import rows, train

STAGES = {
    "burn_in": BurnInSettings(steps=25, warmup_steps=5),
    "co_train": CoTrainSettings(steps=25, warmup_steps=5, ramp_up_steps=5),
}


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def in_processes(function, *arguments, num=2):
    """Run function(rank, *arguments) as torchrun would start it."""
    mp.spawn(joined, (function, num, free_port(), arguments), nprocs=num)


def prepare(rank, num, port):
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(num),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)


def joined(rank, function, num, port, arguments):
    prepare(rank, num, port)
    with process_group(torch.device("cpu")):
        function(rank, *arguments)


def train_share(rank, folder, name):
    teacher = train(folder, STAGES[name])
    torch.save(teacher.state_dict(), folder / f"{rank}.pt")


@pytest.mark.parametrize("name", STAGES)
def test_two_processes_train_as_one_does(tmp_path, name):
    in_processes(train_share, tmp_path, name)
    whole = train(tmp_path / "whole", STAGES[name]).state_dict()
    first, second = (
        torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    assert whole.keys() == first.keys()
    for key, value in whole.items():
        torch.testing.assert_close(first[key], second[key], rtol=0, atol=0)
        torch.testing.assert_close(first[key], value, rtol=1e-3, atol=1e-3)
    loss, expected = (
        float(rows(f)[-1]["loss"]) for f in (tmp_path, tmp_path / "whole")
    )
    assert loss == pytest.approx(expected, rel=1e-2)


def test_a_share_may_be_trained_on_by_more_processes_later(tmp_path):
    """A checkpoint does not know how many processes wrote it."""
    settings = STAGES["burn_in"]
    train(tmp_path, settings.model_copy(update={"steps": 24}))
    in_processes(train_share, tmp_path, "burn_in")
    whole = train(tmp_path / "whole", settings).state_dict()
    resumed = torch.load(tmp_path / "0.pt", weights_only=True)
    torch.testing.assert_close(resumed, whole, rtol=1e-3, atol=1e-3)


@contextmanager
def long_claim(claim, seconds):
    time.sleep(seconds)
    claim.touch()
    yield
    claim.unlink()


def wait_for_the_first(rank, num, port, folder):
    prepare(rank, num, port)
    (folder / f"{rank} is ready").touch()
    while len(list(folder.glob("*ready"))) < num:
        time.sleep(0.1)
    distributed.PATIENCE = timedelta(seconds=6)
    claim = folder / f"of {rank}"
    with process_group(torch.device("cpu"), long_claim(claim, 10)):
        assert [path.name for path in folder.glob("of *")] == ["of 0"]
        torch.distributed.barrier()


def test_all_wait_as_long_as_the_first_does_for_its_claim(tmp_path):
    """An orphaned training may hold it for days, a join gives up after hours."""
    mp.spawn(wait_for_the_first, (2, free_port(), tmp_path), nprocs=2)
    assert list(tmp_path.glob("of *")) == []


def uneven(rank):
    with pytest.raises(ValueError, match=r"batch_size is 3, but 2 processes train"):
        share_of(3)
    with pytest.raises(ValueError, match=r"6, but 2 processes train in 2 parts"):
        share_of(6, parts=2)
    assert list(share_of(4)) == list(share_of(4, parts=2)) == [rank, rank + 2]


def test_a_batch_is_shared_out_evenly_or_not_at_all():
    assert list(share_of(3)) == [0, 1, 2]
    in_processes(uneven)


def normalise_share(rank, folder):
    features = torch.load(folder / "features.pt", weights_only=True)[rank::2]
    features.requires_grad_()
    norm = nn.Sequential(nn.BatchNorm3d(3))
    share_statistics(norm)
    out = shared_out(norm)(features)
    (out**3).sum().backward()
    result = [out.detach(), features.grad, *norm.state_dict().values()]
    torch.save(result, folder / f"{rank}.pt")


def test_statistics_are_those_of_the_whole_batch(tmp_path):
    features = torch.randn(4, 3, 2, 3, 4)
    torch.save(features, tmp_path / "features.pt")
    in_processes(normalise_share, tmp_path)
    features.requires_grad_()
    norm = nn.BatchNorm3d(3)
    out = norm(features)
    (out**3).sum().backward()
    for rank in (0, 1):
        y, gradient, *state = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(y, out.detach()[rank::2])
        torch.testing.assert_close(gradient, features.grad[rank::2])
        for value, expected in zip(state, norm.state_dict().values(), strict=True):
            torch.testing.assert_close(value, expected)
